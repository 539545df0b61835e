"""The kernel of the conformance flows: the book functions of the exchange, with reports instead of funds and events."""

from typing import Any, NamedTuple

import numpy as np

from engine_core.book.ladder.levels import key_of
from engine_core.book.ladder.matching import Incoming, sweep_with
from engine_core.book.ladder.prefetch import (
    fetch_level,
    fetch_neighbours,
    fetch_node_of,
    fetch_page,
    fetch_page_of,
    fetch_place,
    fetch_price,
    fetch_tail,
)
from engine_core.book.ladder.queue import enter, free_slot, leave, take_slot
from engine_core.book.memory.state import FREE_ORDERS, PAGE_BITS, PAGES_LIVE, Capacities, State, new_state
from engine_core.jit.by_reference import by_reference
from engine_core.jit.huge_pages import zeros
from engine_core.jit.kernel import entry, hot, inner
from engine_core.jit.rows import Row, Rows, prefetch, rows
from engine_core.wire.codes import Reason

MESSAGE = np.dtype(
    [
        ("type", "u1"),
        ("side", "u1"),
        ("ioc", "u1"),
        ("pad", "u1"),
        ("quantity", "<u4"),
        ("sequence", "<u8"),
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("reserved", "<i8"),
    ]
)
REPORT = np.dtype(
    [
        ("sequence", "<u8"),
        ("order_id", "<u8"),
        ("maker_id", "<u8"),
        ("price", "<i4"),
        ("quantity", "<u4"),
        ("kind", "u1"),
        ("side", "u1"),
        ("pad", "(6,)u1"),
    ]
)
assert REPORT.itemsize == 40

ACCEPTED, TRADE, CANCELLED, MODIFIED, CANCEL_REJECTED, MODIFY_REJECTED = 0, 1, 2, 3, 4, 5
FIRST_BOOK = 4  # of market 1
NOBODY = -1  # the account that no order has: nothing is a self-trade here
AHEAD = 24  # messages
DEEP = 16_384  # resting orders from which it pays to look ahead at more than ids
SPREAD = 4_096  # pages from which it pays to look for those of orders that leave


class Book(NamedTuple):
    state: State
    slots: np.ndarray  # by order id: its slot while it rests, else 0


def new_book(messages: np.ndarray, max_id: int) -> Book:
    """An empty book with room for everything in these messages."""
    orders = max(1, min(int((messages["type"] == 0).sum()), (1 << 24) - 1))
    prices = messages["price"][messages["type"] != 1]
    levels = min(2 * len(np.unique(prices)), orders) + 1
    pages = min(2 * len(np.unique(prices >> PAGE_BITS)), levels) + 1
    capacities = Capacities(1, 1, 1, orders, levels, 1, 1, 1, 1, 1, 1, pages=pages)
    return Book(new_state(capacities), zeros(max_id + 1, np.int32))


@hot
def _report(reports: Rows[Row], n: int, kind: int, message: Any, side: int, price: int, quantity: int) -> int:
    report = reports[n]
    report.sequence = message.sequence
    report.order_id = message.order_id
    report.price = price
    report.quantity = quantity
    report.kind = kind
    report.side = side
    return n + 1


@inner
def _report_trade(context: Any, maker: int, price: int, lots: int, n: int) -> int:
    state, slots, reports, messages, at = context
    message, report = messages[at], reports[n]
    maker_id = state.orders[maker].order_id
    report.sequence = message.sequence
    report.order_id = message.order_id
    report.maker_id = maker_id
    report.price = price
    report.quantity = lots
    report.kind = TRADE
    report.side = message.side
    if state.orders[maker].remaining_lots == 0:
        slots[maker_id] = 0
        free_slot(state, maker)
    return n + 1


@inner
def _meet_nobody(context: Any, maker: int, left: int, n: int) -> tuple[int, int, int]:
    return n, left, Reason.NONE


_sweep = sweep_with(_report_trade, _meet_nobody)


@hot
def _price_of(messages: Rows[Row], at: int) -> tuple[int, int]:
    """(book, key) of a message that will rest; of a cancel one that is always in the cache."""
    message = messages[at]
    book = FIRST_BOOK + message.side
    rests = message.type & 1 ^ 1
    return book, key_of(book, message.price) * rests


@hot
def _slot_of(slots: Rows[int], messages: Rows[Row], at: int) -> int:
    slot: int = slots[messages[at].order_id]
    return slot


@hot
def _look_deeper(state: State, slots: Rows[int], messages: Rows[Row], at: int) -> None:
    """In a book that is larger than the nearest caches: ask step by step for the price where an order will rest, and
    for what stands around one that leaves."""
    book, key = _price_of(messages, at + AHEAD)
    fetch_price(state, book, key)
    book, key = _price_of(messages, at + 3 * AHEAD // 4)
    fetch_page(state, book, key)
    prefetch(state.orders, _slot_of(slots, messages, at + 3 * AHEAD // 4))
    book, key = _price_of(messages, at + 5 * AHEAD // 8)
    fetch_place(state, book, key)
    book, key = _price_of(messages, at + AHEAD // 2)
    fetch_level(state, book, key)
    fetch_neighbours(state, _slot_of(slots, messages, at + AHEAD // 2))
    book, key = _price_of(messages, at + AHEAD // 4)
    fetch_tail(state, book, key)
    if state.scalars[PAGES_LIVE] > SPREAD:
        fetch_page_of(state, _slot_of(slots, messages, at + AHEAD // 4))
        fetch_node_of(state, _slot_of(slots, messages, at + AHEAD // 8))


@entry
def run_flow(state: State, slots: np.ndarray, messages: np.ndarray, reports: np.ndarray) -> int:
    """Match all messages. Returns the number of reports. (`maker_id` is written for trades only.)"""
    return match_all(by_reference(state), rows(slots), rows(messages), rows(reports))


@inner
def match_all(state: State, slots: Rows[int], messages: Rows[Row], reports: Rows[Row]) -> int:
    n = 0
    last = reports.size
    for at in range(messages.size):
        if at + AHEAD < messages.size:
            prefetch(slots, messages[at + AHEAD].order_id)
            if state.scalars[FREE_ORDERS] + DEEP < state.orders.size:
                _look_deeper(state, slots, messages, at)
        message = messages[at]
        kind = message.type
        order_id = message.order_id
        side = message.side
        if kind != 0:
            slot = slots[order_id]
            if slot == 0:
                n = _report(reports, n, kind + 3, message, 0, 0, 0)
                continue
            level = state.levels[state.orders[slot].level]
            book = level.book
            price = key_of(book, level.key)
            side = book & 1
            leave(state, slot)
            free_slot(state, slot)
            slots[order_id] = 0
            if kind == 1:
                n = _report(reports, n, CANCELLED, message, side, price, 0)
                continue
        lots = message.quantity
        price = message.price
        n = _report(reports, n, ACCEPTED if kind == 0 else MODIFIED, message, side, price, lots)
        own = FIRST_BOOK + side
        opposite = own ^ 1
        limit_key = key_of(opposite, price)
        if state.books[opposite].best_key <= limit_key:
            incoming = Incoming(NOBODY, opposite, limit_key, lots)
            n, lots, _ = _sweep(state, incoming, n, last, (state, slots, reports, messages, at))
            if lots == 0:
                continue
        if kind == 0 and message.ioc != 0:
            n = _report(reports, n, CANCELLED, message, side, price, 0)
            continue
        slot = take_slot(state)
        slots[order_id] = slot
        order = state.orders[slot]
        order.order_id = order_id
        order.remaining_lots = lots
        enter(state, own, key_of(own, price), slot)
    return n
