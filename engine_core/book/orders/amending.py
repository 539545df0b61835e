"""AMEND: less of the same price keeps its place in the queue; anything else leaves and queues again, and may trade."""

from typing import NamedTuple

from engine_core.book.ladder.levels import drop_level, key_of
from engine_core.book.ladder.queue import unlink
from engine_core.book.ledger.balances import atoms_of, atoms_to_lock, available, debit_balance, lock, unlock
from engine_core.book.memory.records import ICEBERG
from engine_core.book.memory.state import State
from engine_core.book.orders.checks import (
    check_market_state,
    check_notional,
    check_parts,
    check_price,
    check_quantity,
    is_frozen,
)
from engine_core.book.orders.closing import shrink
from engine_core.book.orders.events import add_level_change, write, write_rejected
from engine_core.book.orders.execution import match_order, rest_again
from engine_core.book.orders.planning import Plan, check_rest, crosses, opposite_of
from engine_core.jit.kernel import hot
from engine_core.jit.rows import Rows
from engine_core.wire.codes import EventKind, OrderStatus, Reason
from engine_core.wire.layout import CommandRow, EventRow


class Amendment(NamedTuple):
    """What the order is to be."""

    price_ticks: int
    quantity_lots: int  # in all, executed lots included


@hot
def _check_requeue(state: State, slot: int, new: Amendment) -> int:
    info = state.info[slot]
    market = info.market
    if is_frozen(state, state.orders[slot].account):
        return Reason.ACCOUNT_FROZEN
    reason = check_market_state(state, market, info.order_type, info.flags)
    if reason == Reason.NONE:
        reason = check_price(state, market, new.price_ticks)
    if reason == Reason.NONE:
        reason = check_quantity(state, market, new.quantity_lots)
    if reason == Reason.NONE and info.flags & ICEBERG:
        reason = check_parts(new.quantity_lots, state.terms[slot].display_lots)
    if reason == Reason.NONE:
        reason = check_notional(state, market, new.price_ticks, new.quantity_lots)
    if reason == Reason.NONE:
        reason = check_rest(state, slot, new.price_ticks)
    return reason


@hot
def _leave_level(state: State, events: Rows[EventRow], n: int, slot: int) -> int:
    """UNRESTED, with the old level's change."""
    level = state.orders[slot].level
    unlink(state, slot)
    write(state, events, n, EventKind.UNRESTED, Reason.NONE, slot)
    add_level_change(state, events[n], state.info[slot].market, level)
    if state.levels[level].head == 0:
        drop_level(state, level)
    return n + 1


@hot
def _requeue(state: State, events: Rows[EventRow], n: int, command: CommandRow, slot: int, new: Amendment) -> int:
    """Off its level, and back to the book as a new order would come: it trades if it crosses, else it rests."""
    info, balance = state.info[slot], debit_balance(state, slot)
    lots = new.quantity_lots - info.executed_lots
    held, locked = atoms_to_lock(state, slot), 0
    reason = _check_requeue(state, slot, new)
    if reason == Reason.NONE:
        locked = atoms_of(state, slot, new.price_ticks, lots)
        if locked > available(state, balance) + held:
            reason = Reason.INSUFFICIENT_FUNDS
    if reason != Reason.NONE:
        return write_rejected(state, events, n, command, reason)
    n = _leave_level(state, events, n, slot)
    info.price_ticks = new.price_ticks
    info.quantity_lots = new.quantity_lots
    state.orders[slot].remaining_lots = lots
    unlock(state, balance, held)
    lock(state, balance, locked)
    n = write(state, events, n, EventKind.AMENDED, Reason.NONE, slot)
    limit_key = key_of(opposite_of(state, slot), new.price_ticks)
    if crosses(state, slot, limit_key):
        return match_order(
            state, events, n, slot, Plan(Reason.NONE, limit_key, lots, lots, balance, locked, Reason.NONE)
        )
    return rest_again(state, events, n, slot)


@hot
def amend(state: State, events: Rows[EventRow], n: int, command: CommandRow, slot: int) -> int:
    """Change the open order in `slot` to the command's price and total quantity (0: keep)."""
    info = state.info[slot]
    if command.price_ticks < 0 or command.quantity_lots < 0:
        return write_rejected(state, events, n, command, Reason.BAD_FIELD)
    if info.status == OrderStatus.TRIGGER_PENDING:
        return write_rejected(state, events, n, command, Reason.NOT_AMENDABLE)
    price = command.price_ticks if command.price_ticks != 0 else info.price_ticks
    quantity = command.quantity_lots if command.quantity_lots != 0 else info.quantity_lots
    if quantity <= info.executed_lots:
        return write_rejected(state, events, n, command, Reason.QUANTITY_TOO_SMALL)
    if price == info.price_ticks and quantity <= info.quantity_lots:
        reason = check_quantity(state, info.market, quantity)
        if reason != Reason.NONE:
            return write_rejected(state, events, n, command, reason)
        return shrink(state, events, n, Reason.NONE, slot, info.quantity_lots - quantity)
    return _requeue(state, events, n, command, slot, Amendment(price, quantity))
