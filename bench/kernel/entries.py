"""The book and the whole engine as C would call them, and kernels that do so one message at a time.

To the letter: message i is matched and reported before message i + 1 is looked at. Nothing can look ahead here, because
each call is given the address of one message, and is made through a pointer that no compiler sees through.

    int64_t match(book, messages, count, reports, room)          -> reports written
    int64_t execute(engine, commands, count, events, room)       -> events written

`book` and `engine` are addresses of tables (engine_core/jit/bound.py). The room must do for whatever one call can give:
2 reports a message and one for each order that rests; MAX_EVENTS_PER_COMMAND events a command.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from bench.conformance.kernel import MESSAGE, REPORT, match_all, new_book
from engine_core.book.command_prefetch import look_at_first
from engine_core.book.commands import execute_block
from engine_core.book.ledger.gateways import BLOCK, NO_GATEWAY
from engine_core.book.memory.state import Capacities, State, new_state
from engine_core.jit.bound import bind, reader_of
from engine_core.jit.c_entry import c_entry, call, rows_at
from engine_core.jit.kernel import entry
from engine_core.wire.layout import COMMAND, EVENT


class Engine(NamedTuple):
    state: State
    block: np.ndarray  # one BLOCK: what the commands of a call belong to


def new_engine(state: State, time_ms: int) -> Engine:
    return Engine(state, np.array([(NO_GATEWAY, 0, 0, time_ms, 0, 0)], BLOCK))


bound_book = reader_of(lambda: new_book(np.zeros(0, MESSAGE), 0))
bound_engine = reader_of(lambda: new_engine(new_state(Capacities(*[1] * len(Capacities._fields))), 0))


def _match(book: int, messages: int, count: int, reports: int, room: int) -> int:
    bound = bound_book(book)
    return match_all(bound.state, bound.slots, rows_at(messages, count, MESSAGE), rows_at(reports, room, REPORT))


def _execute(engine: int, commands: int, count: int, events: int, room: int) -> int:
    bound = bound_engine(engine)
    block = bound.block[0]
    block.end = count
    given = rows_at(commands, count, COMMAND)
    look_at_first(bound.state, given, 0)
    _, n = execute_block(bound.state, given, block, 0, rows_at(events, room, EVENT), 0)
    return n


class Bound:
    """A table, and what it stands for: the arrays live as long."""

    def __init__(self, value: Any) -> None:
        self._value, self._table = value, bind(value)
        self.address = int(self._table.ctypes.data)


@cache
def match_address() -> int:
    return c_entry(_match, 5)


@cache
def execute_address() -> int:
    return c_entry(_execute, 5)


class Place(NamedTuple):
    """An array as C sees it."""

    address: int
    size: int
    itemsize: int


def place(array: np.ndarray) -> Place:
    return Place(int(array.ctypes.data), len(array), array.itemsize)


@entry
def singly(function: int, table: int, messages: Place, reports: Place, kept: bool) -> int:
    """All messages, a call each. Returns the number of reports, which stand one behind the other or, unless they are
    kept, have been written over by those of the next call."""
    n = written = 0
    for at in range(messages.size):
        message, report = messages.address + at * messages.itemsize, reports.address + written * reports.itemsize
        n += call(function, table, message, 1, report, reports.size - written)
        if kept:
            written = n
    return n
