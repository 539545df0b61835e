"""REPLACE: the old order ends only when the new one can be placed as asked; else both stay as they were.

The old one is set aside with everything that it holds, the new one is checked and planned as it would be placed, and
the old one is put back where it stood. What would end at once, without a trade, is not placed as asked.
"""

from typing import NamedTuple

from engine_core.book.ladder.levels import drop_level
from engine_core.book.ladder.queue import SCRATCH, enter, free_slot, take_slot, unlink
from engine_core.book.ledger.balances import (
    atoms_to_lock,
    debit_balance,
    insert_open_order,
    lock,
    remove_open_order,
    unlock,
)
from engine_core.book.memory.records import TRIGGER
from engine_core.book.memory.state import State
from engine_core.book.orders.checks import check_place
from engine_core.book.orders.closing import cancel_order
from engine_core.book.orders.events import write_rejected
from engine_core.book.orders.placing import check_trigger, place, store_order
from engine_core.book.orders.planning import crosses, opposite_of, plan_order
from engine_core.jit.intrinsics import cold
from engine_core.jit.kernel import inner
from engine_core.jit.rows import Rows
from engine_core.wire.codes import Reason, SelfTrade
from engine_core.wire.layout import CommandRow, EventRow

LEVEL_STAYED = -1


class Aside(NamedTuple):
    """Where an order that was set aside belongs."""

    order_id: int
    locked: int
    before: int  # in its account's list
    following: int
    book: int  # of the level that went with it, or LEVEL_STAYED
    key: int


@inner
def _set_aside(state: State, slot: int) -> Aside:
    order, info = state.orders[slot], state.info[slot]
    order_id, locked = order.order_id, atoms_to_lock(state, slot)
    before, following = info.account_prev, info.account_next
    level, book, key = order.level, LEVEL_STAYED, 0
    unlock(state, debit_balance(state, slot), locked)
    unlink(state, slot)
    if level != 0 and state.levels[level].head == 0:
        book, key = state.levels[level].book, state.levels[level].key
        drop_level(state, level)
    remove_open_order(state, slot)
    free_slot(state, slot)
    return Aside(order_id, locked, before, following, book, key)


@inner
def _put_back(state: State, slot: int, aside: Aside) -> None:
    taken = take_slot(state)
    assert taken == slot
    order = state.orders[slot]
    order.order_id = aside.order_id
    insert_open_order(state, slot, aside.before, aside.following)
    if aside.book != LEVEL_STAYED:
        enter(state, aside.book, aside.key, slot)
    else:
        level, before, following = state.levels[order.level], order.prev, order.next
        level.lots += order.remaining_lots
        level.orders += 1
        if before != 0:
            state.orders[before].next = slot
        else:
            level.head = slot
        if following != 0:
            state.orders[following].prev = slot
        else:
            level.tail = slot
    lock(state, debit_balance(state, slot), aside.locked)


@inner
def _meets_own(state: State, slot: int) -> bool:
    """Whether an order that crosses ends at the first order that it meets, because that is its account's own. (The
    modes that cancel or shrink both ask for just that.)"""
    if state.info[slot].self_trade != SelfTrade.REJECT_TAKER:
        return False
    best = state.books[opposite_of(state, slot)].best
    return bool(state.orders[state.levels[best].head].account == state.orders[slot].account)


@inner
def _check_new(state: State, n: int, command: CommandRow) -> int:
    """Why the new order would be refused, or end at once; Reason.NONE if it would not. Changes nothing."""
    reason = check_place(state, command)
    if reason != Reason.NONE:
        return reason
    store_order(state, command, SCRATCH)
    if command.flags & TRIGGER:
        reason = check_trigger(state, SCRATCH)
    else:
        plan = plan_order(state, n, SCRATCH)
        state.orders[SCRATCH].remaining_lots = plan.leaves  # as place() does: digests cover the scratch, too
        reason = plan.refused
        if reason == Reason.NONE:
            if plan.lots == 0 or not crosses(state, SCRATCH, plan.limit_key):
                reason = plan.stop
            elif _meets_own(state, SCRATCH):
                reason = Reason.SELF_TRADE
    free_slot(state, SCRATCH)
    return reason


@inner
def replace(state: State, events: Rows[EventRow], n: int, command: CommandRow, old: int) -> int:
    """Cancel the order in slot `old` and place the command, or neither; shape, sender and client id are checked."""
    cold()
    aside = _set_aside(state, old)
    reason = _check_new(state, n + 1, command)
    _put_back(state, old, aside)
    if reason != Reason.NONE:
        return write_rejected(state, events, n, command, reason)
    n = cancel_order(state, events, n, Reason.REPLACED, old)
    return place(state, events, n, command)
