"""AMEND: less of the same price keeps its place in the queue; anything else leaves and queues again, and may trade."""

from engine_core.book.ladder.levels import drop_level, key_of
from engine_core.book.ladder.queue import unlink
from engine_core.book.ledger.balances import atoms_of, atoms_to_lock, available, giving_of, lock
from engine_core.book.memory.records import ICEBERG
from engine_core.book.memory.state import State
from engine_core.book.orders.checks import (
    ACCOUNT_FROZEN,
    check_market_state,
    check_notional,
    check_parts,
    check_price,
    check_quantity,
)
from engine_core.book.orders.closing import shrink
from engine_core.book.orders.events import tell_level, write, write_rejected
from engine_core.book.orders.execution import crosses, execute, opposite_of, plan_to_rest, rest_again
from engine_core.jit.kernel import hot
from engine_core.jit.rows import Row, Rows
from engine_core.wire.codes import EventKind, OrderStatus, Reason


@hot
def _check_requeue(state: State, slot: int, price: int, quantity: int) -> int:
    info = state.info[slot]
    market = info.market
    if state.accounts[state.orders[slot].account].state == ACCOUNT_FROZEN:
        return Reason.ACCOUNT_FROZEN
    reason = check_market_state(state, market, info.order_type, info.flags)
    if reason == Reason.NONE:
        reason = check_price(state, market, price)
    if reason == Reason.NONE:
        reason = check_quantity(state, market, quantity)
    if reason == Reason.NONE and info.flags & ICEBERG:
        reason = check_parts(quantity, state.terms[slot].amount_atoms)
    if reason == Reason.NONE:
        reason = check_notional(state, market, price, quantity)
    if reason == Reason.NONE:
        reason = plan_to_rest(state, slot, price)
    return reason


@hot
def _leave_level(state: State, events: Rows[Row], n: int, slot: int) -> int:
    """UNRESTED, with the old level's change."""
    level = state.orders[slot].level
    unlink(state, slot)
    write(state, events, n, EventKind.UNRESTED, Reason.NONE, slot)
    tell_level(state, events, n, state.info[slot].market, level)
    if state.levels[level].head == 0:
        drop_level(state, level)
    return n + 1


@hot
def _requeue(state: State, events: Rows[Row], n: int, command: Row, slot: int, price: int, quantity: int) -> int:
    info, giving = state.info[slot], giving_of(state, slot)
    lots = quantity - info.executed_lots
    held, locked = atoms_to_lock(state, slot), 0
    reason = _check_requeue(state, slot, price, quantity)
    if reason == Reason.NONE:
        locked = atoms_of(state, slot, price, lots)
        if locked > available(state, giving) + held:
            reason = Reason.INSUFFICIENT_FUNDS
    if reason != Reason.NONE:
        return write_rejected(state, events, n, command, reason)
    n = _leave_level(state, events, n, slot)
    info.price_ticks = price
    info.quantity_lots = quantity
    state.orders[slot].remaining_lots = lots
    lock(state, giving, locked - held)
    n = write(state, events, n, EventKind.AMENDED, Reason.NONE, slot)
    limit_key = key_of(opposite_of(state, slot), price)
    if crosses(state, slot, limit_key):
        return execute(state, events, n, slot, limit_key, lots, locked, Reason.NONE)
    return rest_again(state, events, n, slot)


@hot
def amend(state: State, events: Rows[Row], n: int, command: Row, slot: int) -> int:
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
    return _requeue(state, events, n, command, slot, price, quantity)
