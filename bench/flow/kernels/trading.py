"""The generator's own book: the exchange's price levels, queues and matching loop, without money and without events.

So the flow knows the best prices, the queues and which orders live, and what it names is there. The meaning of an
order is the engine's; tests/bench/flow holds both books against each other.
"""

from typing import Any

from bench.flow.kernels.agenda import unschedule
from bench.flow.kernels.world import World
from engine_core.book.ladder.levels import key_of
from engine_core.book.ladder.matching import Incoming, sweep_with
from engine_core.book.ladder.queue import append, enter, free_slot, leave, take_slot, unlink
from engine_core.book.memory.records import ICEBERG, TRIGGER
from engine_core.book.memory.state import BOOKS, FIRED, TRIGGERS_DUE, State
from engine_core.book.orders.triggers import collect_fired
from engine_core.jit.intrinsics import noinline
from engine_core.jit.kernel import hot, inner
from engine_core.wire.codes import Reason, SelfTrade, Side
from engine_core.wire.limits import MAX_PRICE_TICKS

MOST_FILLS = 1 << 40  # no bound here: takers are cut to what the events of one command are enough for (placing.py)


@hot
def own_book(market: int, side: int) -> int:
    return market * BOOKS + side - Side.BID


@hot
def best_price(state: State, book: int) -> int:
    """0: the side is empty."""
    return key_of(book, state.books[book].best_key) if state.books[book].best != 0 else 0


@hot
def new_slot(state: State, number: int, account: int, market: int, side: int, price: int, lots: int) -> int:
    """An order in memory, on no level yet."""
    slot = take_slot(state)
    order, info = state.orders[slot], state.info[slot]
    order.order_id = number
    order.remaining_lots = lots
    order.account = account
    order.level = 0
    info.quantity_lots = lots
    info.executed_lots = 0
    info.side = side
    info.market = market
    info.price_ticks = price
    info.flags = 0
    return slot


@inner
def rest(state: State, slot: int) -> None:
    """Queue what is left of an order at its price; of an iceberg, what it shows."""
    noinline()
    order, info = state.orders[slot], state.info[slot]
    order.remaining_lots = info.quantity_lots - info.executed_lots
    if info.flags & ICEBERG:
        order.remaining_lots = min(state.terms[slot].display_lots, order.remaining_lots)
    book = own_book(info.market, info.side)
    enter(state, book, key_of(book, info.price_ticks), slot)


@hot
def forget(state: State, world: World, slot: int) -> None:
    """An order that is on no level any more is over."""
    unschedule(world, slot)
    free_slot(state, slot)


@inner
def remove(state: State, world: World, slot: int) -> None:
    noinline()
    leave(state, slot)
    forget(state, world, slot)


@hot
def shrink(state: State, slot: int, quantity: int) -> None:
    """A smaller quantity, which keeps its place in the queue; hidden lots go first."""
    order, info = state.orders[slot], state.info[slot]
    info.quantity_lots = quantity
    leaves = quantity - info.executed_lots
    if order.remaining_lots > leaves:
        state.levels[order.level].lots -= order.remaining_lots - leaves
        order.remaining_lots = leaves


@inner
def _trade(context: Any, maker: int, price: int, lots: int, n: int) -> int:
    state, world, _ = context
    order, info = state.orders[maker], state.info[maker]
    record = state.markets[info.market]
    record.last_ticks = price
    record.low_ticks = min(record.low_ticks, price)
    record.high_ticks = max(record.high_ticks, price)
    state.scalars[TRIGGERS_DUE] = 1
    info.executed_lots += lots
    if order.remaining_lots == 0:
        hidden = info.quantity_lots - info.executed_lots
        if hidden > 0:
            order.remaining_lots = min(state.terms[maker].display_lots, hidden)
            append(state, order.level, maker)
        else:
            forget(state, world, maker)
    return n + 1


@inner
def _meet_own(context: Any, maker: int, left: int, n: int) -> tuple[int, int, int]:
    state, world, mode = context
    if mode != SelfTrade.REJECT_TAKER:
        remove(state, world, maker)
    return n, left, Reason.NONE if mode == SelfTrade.REJECT_MAKER else Reason.SELF_TRADE


_sweep = sweep_with(_trade, _meet_own)


@inner
def match(state: State, world: World, account: int, book: int, limit_key: int, lots: int, mode: int) -> tuple[int, int]:
    """Trade against a book. Returns (lots left, why it stopped)."""
    noinline()
    incoming = Incoming(account, book, limit_key, lots)
    _, left, stop = _sweep(state, incoming, 0, MOST_FILLS, (state, world, mode))
    return left, stop


@inner
def fire(state: State, world: World, market: int) -> None:
    """Let the stop orders trade whose price was reached, and those that these reach in turn."""
    collect_fired(state, market)
    while state.levels[FIRED].head != 0:
        slot = state.levels[FIRED].head
        unlink(state, slot)
        info = state.info[slot]
        opposite = own_book(market, info.side) ^ 1
        limit_key = key_of(opposite, info.price_ticks)
        account, lots = state.orders[slot].account, info.quantity_lots
        forget(state, world, slot)
        match(state, world, account, opposite, limit_key, lots, SelfTrade.REJECT_TAKER)
        if state.scalars[TRIGGERS_DUE]:
            collect_fired(state, market)


@inner
def hold(state: State, slot: int, trigger: int) -> None:
    """Let a stop order wait for its trigger, in the book of those above or below the last price."""
    info = state.info[slot]
    info.flags = TRIGGER
    above = trigger > state.markets[info.market].last_ticks
    book = info.market * BOOKS + (3 if above else 2)
    enter(state, book, key_of(book, trigger), slot)


@hot
def within(price: int) -> int:
    return min(max(price, 1), MAX_PRICE_TICKS)
