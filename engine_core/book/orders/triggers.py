"""Stop and take-profit orders: which of them fire, and in which order.

Waiting orders stand in two books of their market, nearest trigger first, then oldest first. After each matched order
the triggers that its trades have reached move to one queue (level 0): first those above, upwards, then those below,
downwards. The queue is worked off one by one; each may trade, and so send more to the end of the queue. What does not
fit into the events of one command stays queued, and goes on before the next command. So a cascade has one order, in
every replay.

In front of them stand orders that were *suspended*: good till cancelled, and out of events in the middle of a sweep.
They keep what they hold and go on where they stopped; until one is done nothing is placed in its market (MARKET_BUSY).
A trigger whose order would be cut short only for want of the events that others have used waits for the next command.
"""

from engine_core.book.ladder.levels import ABOVE, BELOW, book_of, key_of
from engine_core.book.ladder.queue import append, leave, put_in_front, unlink
from engine_core.book.ledger.balances import atoms_to_lock, debit_balance, lock, unlock
from engine_core.book.memory.packed_codes import set_status
from engine_core.book.memory.state import EVENTS_END, FIRED, NO_KEY, TRIGGERS_DUE, State
from engine_core.book.orders.checks import check_market_state, check_price, is_frozen
from engine_core.book.orders.closing import end_taker, remove_order
from engine_core.book.orders.events import write
from engine_core.book.orders.execution import accept_order, match_order, rest_again
from engine_core.book.orders.planning import (
    AFTER_SWEEP,
    OWN_EVENTS,
    Plan,
    check_rest,
    crosses,
    limit_key_of,
    opposite_of,
    plan_order,
    refuse,
)
from engine_core.jit.intrinsics import cold, noinline
from engine_core.jit.kernel import inner
from engine_core.jit.rows import Rows
from engine_core.wire.codes import EventKind, OrderStatus, OrderType, Reason
from engine_core.wire.layout import EventRow
from engine_core.wire.limits import MAX_EVENTS_PER_COMMAND

NO_LOW = NO_KEY  # low_ticks of a market without trades since triggers were last collected


@inner
def _fire_book(state: State, book: int, reached_key: int) -> None:
    """Move every trigger whose key is reached to the queue."""
    while state.books[book].best_key <= reached_key:
        slot = state.levels[state.books[book].best].head
        leave(state, slot)
        append(state, FIRED, slot)


@inner
def collect_fired(state: State, market: int) -> None:
    """Queue the triggers that the trades of `market` have reached since the last time."""
    noinline()
    state.scalars[TRIGGERS_DUE] = 0
    record = state.markets[market]
    above, below = book_of(market, ABOVE), book_of(market, BELOW)
    _fire_book(state, above, key_of(above, record.high_ticks))
    _fire_book(state, below, key_of(below, record.low_ticks))
    record.low_ticks = NO_LOW
    record.high_ticks = 0


@inner
def _check_fired(state: State, slot: int) -> int:
    """What may have changed since the order was placed."""
    info = state.info[slot]
    market = info.market
    if is_frozen(state, state.orders[slot].account):
        return Reason.ACCOUNT_FROZEN
    reason = check_market_state(state, market, info.order_type, info.flags)
    if reason == Reason.NONE and info.order_type == OrderType.LIMIT:
        reason = check_price(state, market, info.price_ticks)
    return reason


@inner
def is_busy(state: State, market: int) -> bool:
    """Whether an order of this market is suspended."""
    cold()
    slot = state.levels[FIRED].head
    while slot != 0 and state.info[slot].status != OrderStatus.TRIGGER_PENDING:
        if state.info[slot].market == market:
            return True
        slot = state.orders[slot].next
    return False


@inner
def _go_on(state: State, events: Rows[EventRow], n: int, slot: int) -> int:
    """A suspended order sweeps on, with the funds that it holds."""
    unlink(state, slot)
    price, lots = state.info[slot].price_ticks, state.orders[slot].remaining_lots
    balance, locked = debit_balance(state, slot), atoms_to_lock(state, slot)
    limit_key = limit_key_of(state, slot, opposite_of(state, slot))
    stop = check_rest(state, slot, price)
    if crosses(state, slot, limit_key):
        return match_order(state, events, n, slot, Plan(Reason.NONE, limit_key, lots, lots, balance, locked, stop))
    if stop != Reason.NONE:
        return end_taker(state, events, n, stop, slot, locked)
    return rest_again(state, events, n, slot)


@inner
def _plan_fired(state: State, n: int, slot: int) -> Plan:
    reason = _check_fired(state, slot)
    if reason != Reason.NONE:
        return refuse(state, slot, reason)
    return plan_order(state, n, slot)


@inner
def _activate(state: State, events: Rows[EventRow], n: int, slot: int) -> int:
    """A fired trigger becomes an ordinary order, with the funds that it held, or fails; or it waits: no event."""
    balance, held = debit_balance(state, slot), atoms_to_lock(state, slot)
    unlink(state, slot)
    unlock(state, balance, held)
    plan = _plan_fired(state, n, slot)
    if plan.stop == Reason.EVENT_LIMIT and state.scalars[EVENTS_END] - n < MAX_EVENTS_PER_COMMAND // 2:
        lock(state, balance, held)
        put_in_front(state, FIRED, slot)
        return n
    state.orders[slot].remaining_lots = plan.leaves
    if plan.refused != Reason.NONE:
        set_status(state, slot, OrderStatus.TRIGGER_FAILED)
        n = write(state, events, n, EventKind.TRIGGER_FAILED, plan.refused, slot)
        remove_order(state, slot)
        return n
    set_status(state, slot, OrderStatus.NEW)
    n = write(state, events, n, EventKind.TRIGGERED, Reason.NONE, slot)
    return accept_order(state, events, n, slot, plan)


@inner
def run_fired(state: State, events: Rows[EventRow], n: int) -> int:
    """Work the queue off while events fit."""
    cold()
    while state.levels[FIRED].head != 0 and n + OWN_EVENTS + AFTER_SWEEP < state.scalars[EVENTS_END]:
        slot = state.levels[FIRED].head
        market = state.info[slot].market
        if state.info[slot].status != OrderStatus.TRIGGER_PENDING:
            n = _go_on(state, events, n, slot)
        else:
            before = n
            n = _activate(state, events, n, slot)
            if n == before:
                break
        if state.scalars[TRIGGERS_DUE]:
            collect_fired(state, market)
    return n
