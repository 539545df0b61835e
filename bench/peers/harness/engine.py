"""What the adapter in C asks of Python, once: a book, and the addresses of the kernels that work on it."""

import numpy as np

from bench.conformance.kernel import FIRST_BOOK, Book
from bench.conformance.passes import touch
from bench.kernel.entries import Bound, bound_book, match_address
from engine_core.book.ladder.levels import find_level, key_of
from engine_core.book.memory.state import NO_KEY, Capacities, new_state
from engine_core.jit.c_entry import c_entry
from engine_core.jit.huge_pages import zeros

CAPACITIES = Capacities(1, 1, 1, orders=1 << 20, levels=1 << 18, keys=1, gateways=1, timers=1, ended=1, pages=1 << 14)
IDS = 1 << 23  # order ids are below it
_kept: list[Bound] = []


def _best(book: int, side: int) -> int:
    """The best price of a side; 0 if there is none."""
    number = FIRST_BOOK + side
    key = bound_book(book).state.books[number].best_key
    return 0 if key == NO_KEY else key_of(number, key)


def _depth(book: int, side: int, price: int) -> int:
    """Lots that rest at a price."""
    state, number = bound_book(book).state, FIRST_BOOK + side
    level = find_level(state, number, key_of(number, price))
    return 0 if level == 0 else state.levels[level].lots


def start(capacities: Capacities = CAPACITIES, ids: int = IDS) -> tuple[int, int, int, int]:
    """(table of the book, match, best, depth)"""
    book = Book(new_state(capacities), zeros(ids, np.int32))
    touch((*book.state, book.slots))
    _kept.append(Bound(book))
    return _kept[-1].address, match_address(), c_entry(_best, 2), c_entry(_depth, 3)
