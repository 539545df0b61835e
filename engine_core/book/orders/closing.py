"""How an order ends, and how it shrinks: off its level, funds released, client id remembered, slot free, event
written."""

from engine_core.book.ladder.levels import drop_level
from engine_core.book.ladder.queue import free_slot, unlink
from engine_core.book.ledger.balances import atoms_to_lock, delist, giving_of, lock
from engine_core.book.ledger.client_ids import remember_ended
from engine_core.book.memory.packed_codes import set_status
from engine_core.book.memory.records import HAS_CLIENT_ID, UNLISTED
from engine_core.book.memory.state import State
from engine_core.book.orders.events import is_shown, tell_level, write
from engine_core.jit.intrinsics import apart, rare
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import Row, Rows
from engine_core.wire.codes import EventKind, OrderStatus


@hot
def forget(state: State, slot: int) -> None:
    """The order is over and holds nothing any more: give up its slot, remember its client id."""
    listed = state.info[slot].account_prev != UNLISTED
    if listed:
        delist(state, slot)
    if state.info[slot].flags & HAS_CLIENT_ID:
        remember_ended(state, slot, listed)
    free_slot(state, slot)


@hot
def finish(state: State, events: Rows[Row], n: int, kind: int, status: int, reason: int, slot: int) -> int:
    """End an open order, resting or pending, with an event that carries the level change."""
    lock(state, giving_of(state, slot), -atoms_to_lock(state, slot))
    level = state.orders[slot].level
    unlink(state, slot)
    set_status(state, slot, status)
    write(state, events, n, kind, reason, slot)
    if is_shown(state, level):
        tell_level(state, events, n, state.info[slot].market, level)
    if level != 0 and state.levels[level].head == 0:
        drop_level(state, level)
    forget(state, slot)
    return n + 1


@hot
def cancel_order(state: State, events: Rows[Row], n: int, reason: int, slot: int) -> int:
    return finish(state, events, n, EventKind.CANCELLED, OrderStatus.CANCELLED, reason, slot)


@inner
def expire_order(state: State, events: Rows[Row], n: int, reason: int, slot: int) -> int:
    rare()
    return finish(state, events, n, EventKind.EXPIRED, OrderStatus.EXPIRED, reason, slot)


@inner
def shrink(state: State, events: Rows[Row], n: int, reason: int, slot: int, lots: int) -> int:
    """Take `lots`, less than it has left, off a resting order; it keeps its place. Hidden lots go first."""
    apart()
    order, info = state.orders[slot], state.info[slot]
    market = info.market
    before = atoms_to_lock(state, slot)
    info.quantity_lots -= lots
    leaves = info.quantity_lots - info.executed_lots
    level = order.level
    if order.remaining_lots > leaves:
        state.levels[level].lots -= order.remaining_lots - leaves
        order.remaining_lots = leaves
    lock(state, giving_of(state, slot), atoms_to_lock(state, slot) - before)
    write(state, events, n, EventKind.AMENDED, reason, slot)
    tell_level(state, events, n, market, level)
    return n + 1


@inner
def cancel_matching(
    state: State, events: Rows[Row], n: int, last: int, account: int, market: int, scope: int, reason: int
) -> tuple[int, int, bool]:
    """Cancel the account's orders, oldest first, of one market (0: all) and scope (0: all), while events fit.

    Returns (next position, how many, whether all are done)."""
    rare()
    count = 0
    slot = state.accounts[account].first_order
    while slot != 0:
        following = state.info[slot].account_next
        pending = state.info[slot].status == OrderStatus.TRIGGER_PENDING
        wanted = scope == 0 or (scope == 2) == pending  # 2: CancelScope.CONDITIONAL
        if wanted and (market == 0 or state.info[slot].market == market):
            if n >= last:
                return n, count, False
            n = cancel_order(state, events, n, reason, slot)
            count += 1
        slot = following
    return n, count, True


@inner
def end_taker(state: State, events: Rows[Row], n: int, reason: int, slot: int, locked: int) -> int:
    """End an order in the act of matching, which is on no level, with EXPIRED; `locked`: what it still holds."""
    apart()
    lock(state, giving_of(state, slot), -locked)
    set_status(state, slot, OrderStatus.EXPIRED)
    write(state, events, n, EventKind.EXPIRED, reason, slot)
    forget(state, slot)
    return n + 1
