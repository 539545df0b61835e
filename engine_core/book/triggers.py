"""Stop and take-profit orders: which of them fire, and in which order.

Waiting orders stand in two books of their market, nearest trigger first, then oldest first. After each matched order
the triggers that its trades have reached move to one queue (level 0): first those above, upwards, then those below,
downwards. The queue is worked off one by one; each may trade, and so send more to the end of the queue. What does not
fit into the events of one command stays queued, and goes on before the next command. So a cascade has one order, in
every replay.
"""

import numpy as np

from engine_core.book.accounts import atoms_to_lock, giving_of, lock
from engine_core.book.checks import ACCOUNT_FROZEN, check_market_state, check_price
from engine_core.book.emit import write
from engine_core.book.ending import forget
from engine_core.book.execution import AFTER_SWEEP, OWN_EVENTS, plan
from engine_core.book.levels import ABOVE, BELOW, NO_KEY, book_of, key_of
from engine_core.book.order_codes import set_status
from engine_core.book.orders import append, leave, unlink
from engine_core.book.placing import start
from engine_core.book.state import BUDGET, TRIGGERS_DUE, State
from engine_core.jit import apart, inner, rare, wide
from engine_core.wire.codes import EventKind, OrderStatus, OrderType, Reason

FIRED = 0  # the level that is the queue of fired triggers
NO_LOW = NO_KEY  # low_ticks of a market without trades since the last look


@inner
def _fire_book(state: State, book: int, reached_key: int) -> None:
    """Move every trigger whose key is reached to the queue."""
    while state.books[book]["best_key"] <= reached_key:
        slot = wide(state.levels[state.books[book]["best"]]["head"])
        leave(state, slot)
        append(state, wide(FIRED), slot)


@inner
def collect_fired(state: State, market: int) -> None:
    """Queue what the trades of `market` since the last look have reached."""
    apart()
    state.counters[TRIGGERS_DUE] = 0
    record = state.markets[market]
    above, below = book_of(market, wide(ABOVE)), book_of(market, wide(BELOW))
    _fire_book(state, above, key_of(above, record["high_ticks"]))
    _fire_book(state, below, key_of(below, record["low_ticks"]))
    record["low_ticks"] = NO_LOW
    record["high_ticks"] = 0


@inner
def _check_fired(state: State, slot: int) -> int:
    """What may have changed since the order was placed."""
    info = state.info[slot]
    market = wide(info["market"])
    if state.accounts[state.orders[slot]["account"]]["state"] == ACCOUNT_FROZEN:
        return wide(Reason.ACCOUNT_FROZEN)
    reason = check_market_state(state, market, wide(info["order_type"]), wide(info["flags"]))
    if reason == Reason.NONE and info["order_type"] == OrderType.LIMIT:
        reason = check_price(state, market, wide(info["price_ticks"]))
    return reason


@inner
def _activate(state: State, events: np.ndarray, n: int, slot: int) -> int:
    """A fired trigger becomes an ordinary order, with the funds that it held, or fails."""
    none = wide(Reason.NONE)
    unlink(state, slot)
    giving = giving_of(state, slot)
    lock(state, giving, -atoms_to_lock(state, slot))
    limit_key, lots, locked, stop = wide(0), wide(0), wide(0), none
    reason = _check_fired(state, slot)
    if reason == Reason.NONE:
        reason, limit_key, lots, locked, stop = plan(state, n, slot, giving)
    if reason != Reason.NONE:
        set_status(state, slot, wide(OrderStatus.TRIGGER_FAILED))
        n = write(state, events, n, wide(EventKind.TRIGGER_FAILED), reason, slot)
        forget(state, slot)
        return n
    set_status(state, slot, wide(OrderStatus.NEW))
    n = write(state, events, n, wide(EventKind.TRIGGERED), none, slot)
    return start(state, events, n, wide(EventKind.ACCEPTED), slot, giving, limit_key, lots, locked, stop)


@inner
def run_fired(state: State, events: np.ndarray, n: int) -> int:
    """Work the queue off while events fit."""
    rare()
    while state.levels[FIRED]["head"] != 0 and n + OWN_EVENTS + AFTER_SWEEP < state.counters[BUDGET]:
        slot = wide(state.levels[FIRED]["head"])
        market = wide(state.info[slot]["market"])
        n = _activate(state, events, n, slot)
        if state.counters[TRIGGERS_DUE]:
            collect_fired(state, market)
    return n
