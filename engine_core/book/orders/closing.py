"""How an order ends, and how it shrinks: off its level, funds released, client id remembered, slot free, event
written."""

from engine_core.book.ladder.levels import drop_level
from engine_core.book.ladder.queue import free_slot, unlink
from engine_core.book.ledger.balances import atoms_to_lock, debit_balance, remove_open_order, unlock
from engine_core.book.ledger.client_ids import remember_ended
from engine_core.book.memory.packed_codes import set_status
from engine_core.book.memory.records import HAS_CLIENT_ID, UNLISTED
from engine_core.book.memory.state import EVENTS_END, State
from engine_core.book.orders.events import ANY_SCOPE, Selection, add_level_change, is_displayed, write
from engine_core.jit.intrinsics import cold, noinline
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import Rows
from engine_core.wire.codes import CancelScope, EventKind, OrderStatus
from engine_core.wire.layout import EventRow
from engine_core.wire.limits import ALL_MARKETS


@hot
def remove_order(state: State, slot: int) -> None:
    """The order is over and has nothing locked any more: give up its slot, remember its client id."""
    was_open = state.info[slot].account_prev != UNLISTED
    if was_open:
        remove_open_order(state, slot)
    if state.info[slot].flags & HAS_CLIENT_ID:
        remember_ended(state, slot, was_open)
    free_slot(state, slot)


@hot
def _end(state: State, events: Rows[EventRow], n: int, kind: int, reason: int, slot: int) -> int:
    """End an open order, resting or pending, with CANCELLED or EXPIRED, which carries the level change."""
    unlock(state, debit_balance(state, slot), atoms_to_lock(state, slot))
    level = state.orders[slot].level
    unlink(state, slot)
    set_status(state, slot, OrderStatus.CANCELLED if kind == EventKind.CANCELLED else OrderStatus.EXPIRED)
    write(state, events, n, kind, reason, slot)
    if is_displayed(state, level):
        add_level_change(state, events[n], state.info[slot].market, level)
    if level != 0 and state.levels[level].head == 0:
        drop_level(state, level)
    remove_order(state, slot)
    return n + 1


@hot
def cancel_order(state: State, events: Rows[EventRow], n: int, reason: int, slot: int) -> int:
    return _end(state, events, n, EventKind.CANCELLED, reason, slot)


@inner
def expire_order(state: State, events: Rows[EventRow], n: int, reason: int, slot: int) -> int:
    cold()
    return _end(state, events, n, EventKind.EXPIRED, reason, slot)


@inner
def shrink(state: State, events: Rows[EventRow], n: int, reason: int, slot: int, lots: int) -> int:
    """Take `lots`, less than it has left, off a resting order; it keeps its place. Hidden lots go first."""
    noinline()
    order, info = state.orders[slot], state.info[slot]
    market = info.market
    before = atoms_to_lock(state, slot)
    info.quantity_lots -= lots
    leaves = info.quantity_lots - info.executed_lots
    level = order.level
    if order.remaining_lots > leaves:
        state.levels[level].lots -= order.remaining_lots - leaves
        order.remaining_lots = leaves
    unlock(state, debit_balance(state, slot), before - atoms_to_lock(state, slot))
    write(state, events, n, EventKind.AMENDED, reason, slot)
    add_level_change(state, events[n], market, level)
    return n + 1


@hot
def _is_selected(state: State, slot: int, selection: Selection) -> bool:
    info = state.info[slot]
    if selection.market != ALL_MARKETS and info.market != selection.market:
        return False
    is_conditional = info.status == OrderStatus.TRIGGER_PENDING
    return selection.scope == ANY_SCOPE or (selection.scope == CancelScope.CONDITIONAL) == is_conditional


@inner
def cancel_selected(
    state: State, events: Rows[EventRow], n: int, selection: Selection, reason: int
) -> tuple[int, int, bool]:
    """Cancel the selected orders, oldest first, while their events and one more fit.

    Returns (n, how many, whether all are done)."""
    cold()
    count = 0
    slot = state.accounts[selection.account].first_order
    while slot != 0:
        following = state.info[slot].account_next
        if _is_selected(state, slot, selection):
            if n + 1 >= state.scalars[EVENTS_END]:
                return n, count, False
            n = cancel_order(state, events, n, reason, slot)
            count += 1
        slot = following
    return n, count, True


@inner
def end_taker(state: State, events: Rows[EventRow], n: int, reason: int, slot: int, locked: int) -> int:
    """End an order in the act of matching, which is on no level, with EXPIRED; `locked`: atoms that it still holds."""
    noinline()
    unlock(state, debit_balance(state, slot), locked)
    set_status(state, slot, OrderStatus.EXPIRED)
    write(state, events, n, EventKind.EXPIRED, reason, slot)
    remove_order(state, slot)
    return n + 1
