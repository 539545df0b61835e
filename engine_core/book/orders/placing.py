"""PLACE: a new order, from its checks to the book. Fired triggers live in triggers.py, changes of orders in
amending.py."""

from engine_core.book.ladder.levels import ABOVE, BELOW, book_of, can_add_level, find_level, key_of
from engine_core.book.ladder.queue import SCRATCH, free_slot, take_slot
from engine_core.book.ledger.balances import atoms_to_lock, available, debit_balance, lock
from engine_core.book.ledger.client_ids import economics_of, find_client
from engine_core.book.memory.packed_codes import (
    can_stay,
    codes_of_command,
    flags_in,
    has_amount,
    has_terms,
    new_order,
    set_order_codes,
    set_status,
)
from engine_core.book.memory.records import HAS_CLIENT_ID, TRIGGER, TRIGGER_ABOVE, UNLISTED
from engine_core.book.memory.state import ORDERS_MADE, TIME_MS, State
from engine_core.book.orders.checks import check_place
from engine_core.book.orders.events import OrderRecords, write, write_order, write_rejected
from engine_core.book.orders.execution import accept_order, insert
from engine_core.book.orders.planning import plan_order
from engine_core.jit.intrinsics import cold
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import Rows
from engine_core.wire.codes import EventKind, OrderStatus, Reason
from engine_core.wire.layout import CommandRow, EventRow
from engine_core.wire.limits import SLOT_BITS


@hot
def find_retry(state: State, command: CommandRow) -> int:
    """What this client id already names (see find_client), or 0."""
    if command.flags & HAS_CLIENT_ID == 0:
        return 0
    return find_client(state, command.account, command.client_id)


@inner
def answer_retry(state: State, events: Rows[EventRow], n: int, command: CommandRow, entry: int) -> int:
    """DUPLICATE with the state of the order, or REJECTED if the retry means another order."""
    cold()
    economics = economics_of(command)
    if entry > 0:
        if state.terms[entry].economics == economics:
            return write(state, events, n, EventKind.DUPLICATE, Reason.NONE, entry)
    else:
        ended = state.ended[-entry]
        if ended.economics == economics:
            write_order(state, events[n], EventKind.DUPLICATE, Reason.NONE, OrderRecords(ended, ended, ended))
            return n + 1
    return write_rejected(state, events, n, command, Reason.DUPLICATE_CLIENT_ID)


@hot
def store_order(state: State, command: CommandRow, slot: int) -> None:
    """The command becomes an order, not yet on any list."""
    order, info = state.orders[slot], state.info[slot]
    codes = codes_of_command(command)
    flags = flags_in(codes)
    order.order_id = ((state.scalars[ORDERS_MADE] + 1) << SLOT_BITS) | slot
    order.remaining_lots = command.quantity_lots
    order.level = 0
    order.next = 0
    order.prev = 0
    order.account = command.account
    info.quantity_lots = command.quantity_lots
    info.executed_lots = 0
    info.executed_atoms = 0
    info.created_ms = state.scalars[TIME_MS]
    info.client_id = 0
    info.price_ticks = command.price_ticks
    info.market = command.market
    info.account_prev = UNLISTED
    if has_terms(codes):
        if has_amount(codes):
            state.terms[slot].amount_atoms = command.amount_atoms
        if flags & HAS_CLIENT_ID:
            info.client_id = command.client_id
            state.terms[slot].economics = economics_of(command)
        if flags & TRIGGER:
            state.terms[slot].trigger_ticks = command.trigger_ticks
            if command.trigger_ticks > state.markets[command.market].last_ticks:
                flags |= TRIGGER_ABOVE
    set_order_codes(state, slot, new_order(codes, flags))


@inner
def _trigger_level(state: State, slot: int) -> tuple[int, int]:
    """(book, key) of the level where a trigger waits."""
    info = state.info[slot]
    side = ABOVE if info.flags & TRIGGER_ABOVE else BELOW
    book = book_of(info.market, side)
    return book, key_of(book, state.terms[slot].trigger_ticks)


@inner
def check_trigger(state: State, slot: int) -> int:
    """Whether there is room and money for a trigger."""
    book, key = _trigger_level(state, slot)
    if not can_add_level(state) and find_level(state, book, key) == 0:
        return Reason.LEVELS_FULL
    if available(state, debit_balance(state, slot)) < atoms_to_lock(state, slot):
        return Reason.INSUFFICIENT_FUNDS
    return Reason.NONE


@inner
def _hold_trigger(state: State, events: Rows[EventRow], n: int, command: CommandRow, slot: int) -> int:
    """Hold the order until the last price reaches its trigger, with its funds locked."""
    cold()
    reason = check_trigger(state, slot)
    if reason != Reason.NONE:
        free_slot(state, slot)
        return write_rejected(state, events, n, command, reason)
    state.scalars[ORDERS_MADE] += 1
    book, key = _trigger_level(state, slot)
    lock(state, debit_balance(state, slot), atoms_to_lock(state, slot))
    set_status(state, slot, OrderStatus.TRIGGER_PENDING)
    insert(state, slot, book, key)
    return write(state, events, n, EventKind.TRIGGER_PLACED, Reason.NONE, slot)


@hot
def place(state: State, events: Rows[EventRow], n: int, command: CommandRow) -> int:
    """A new order, whose shape, sender and client id are checked already (see commands.py)."""
    reason = check_place(state, command)
    if reason != Reason.NONE:
        return write_rejected(state, events, n, command, reason)
    slot = take_slot(state) if can_stay(codes_of_command(command)) else SCRATCH
    store_order(state, command, slot)
    if command.flags & TRIGGER:
        return _hold_trigger(state, events, n, command, slot)
    plan = plan_order(state, n, slot)
    state.orders[slot].remaining_lots = plan.leaves
    if plan.refused != Reason.NONE:
        free_slot(state, slot)
        return write_rejected(state, events, n, command, plan.refused)
    state.scalars[ORDERS_MADE] += 1
    return accept_order(state, events, n, slot, plan)
