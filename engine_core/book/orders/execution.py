"""An order that is in memory but on no level goes to the book: it trades, rests or ends. For new orders, fired triggers
and amended orders alike.
"""

from engine_core.book.ladder.levels import key_of
from engine_core.book.ladder.matching import Incoming, sweep_with
from engine_core.book.ladder.queue import enter, put_in_front
from engine_core.book.ledger.balances import add_open_order, atoms_to_lock, lock
from engine_core.book.ledger.client_ids import add_client
from engine_core.book.memory.packed_codes import can_rest, codes_of_order
from engine_core.book.memory.records import HAS_CLIENT_ID, ICEBERG, UNLISTED
from engine_core.book.memory.state import EVENTS_END, FIRED, TAKER_LOCKED, State
from engine_core.book.orders.closing import end_taker, remove_order
from engine_core.book.orders.events import add_level_change, write
from engine_core.book.orders.planning import AFTER_SWEEP, Plan, crosses, opposite_of, own_book
from engine_core.book.orders.settlement import meet_own, trade
from engine_core.jit.intrinsics import cold, noinline
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import Rows
from engine_core.wire.codes import EventKind, Reason
from engine_core.wire.layout import EventRow

_sweep = sweep_with(trade, meet_own)


@hot
def _keep_open(state: State, slot: int) -> None:
    """The order outlives its command: put it on its account's list, if it is not there yet."""
    if state.info[slot].account_prev == UNLISTED:
        add_open_order(state, slot)
        if state.info[slot].flags & HAS_CLIENT_ID:
            add_client(state, slot)


@hot
def insert(state: State, slot: int, book: int, key: int) -> int:
    """Queue the order at a price and, if it is new there, on its account's list. Returns the level."""
    _keep_open(state, slot)
    return enter(state, book, key, slot)


@inner
def _suspend(state: State, slot: int) -> None:
    """No events are left for an order that may rest: it goes on before the next command (see triggers.py)."""
    cold()
    assert state.scalars[TAKER_LOCKED] == atoms_to_lock(state, slot)
    _keep_open(state, slot)
    put_in_front(state, FIRED, slot)


@hot
def _rest(state: State, slot: int) -> int:
    """Queue what is unfilled at its limit; of an iceberg only the shown part counts. Returns the level."""
    info = state.info[slot]
    if info.flags & ICEBERG:
        state.orders[slot].remaining_lots = min(state.terms[slot].display_lots, state.orders[slot].remaining_lots)
    book = own_book(state, slot)
    return insert(state, slot, book, key_of(book, info.price_ticks))


@hot
def _rest_with(state: State, events: Rows[EventRow], n: int, kind: int, slot: int) -> int:
    """Rest, with an event of this kind that carries the level change."""
    level = _rest(state, slot)
    write(state, events, n, kind, Reason.NONE, slot)
    add_level_change(state, events[n], state.info[slot].market, level)
    return n + 1


@hot
def rest_again(state: State, events: Rows[EventRow], n: int, slot: int) -> int:
    """RESTED: of an order whose events so far do not say that it is in the book."""
    return _rest_with(state, events, n, EventKind.RESTED, slot)


@inner
def match_order(state: State, events: Rows[EventRow], n: int, slot: int, plan: Plan) -> int:
    """Match an order that crosses and has its funds locked; then what is left rests or expires."""
    noinline()
    order = state.orders[slot]
    state.scalars[TAKER_LOCKED] = plan.locked
    incoming = Incoming(order.account, opposite_of(state, slot), plan.limit_key, plan.lots)
    last = state.scalars[EVENTS_END] - AFTER_SWEEP
    n, _, stop = _sweep(state, incoming, n, last, (state, events, slot))
    if stop == Reason.NONE:
        stop = plan.stop
        if order.remaining_lots == 0:
            assert state.scalars[TAKER_LOCKED] == 0
            remove_order(state, slot)
            return n
    if stop == Reason.EVENT_LIMIT and can_rest(codes_of_order(state, slot)):
        _suspend(state, slot)
        return n
    if stop != Reason.NONE:
        return end_taker(state, events, n, stop, slot, state.scalars[TAKER_LOCKED])
    return rest_again(state, events, n, slot)


@hot
def accept_order(state: State, events: Rows[EventRow], n: int, slot: int, plan: Plan) -> int:
    """Accept the order: funds locked, ACCEPTED, then it trades, ends or rests."""
    lock(state, plan.balance, plan.locked)
    if plan.lots != 0 and crosses(state, slot, plan.limit_key):
        n = write(state, events, n, EventKind.ACCEPTED, Reason.NONE, slot)
        return match_order(state, events, n, slot, plan)
    if plan.stop != Reason.NONE:
        n = write(state, events, n, EventKind.ACCEPTED, Reason.NONE, slot)
        return end_taker(state, events, n, plan.stop, slot, plan.locked)
    return _rest_with(state, events, n, EventKind.ACCEPTED, slot)
