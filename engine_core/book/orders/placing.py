"""PLACE: a new order, from its checks to the book. Fired triggers live in triggers.py, changes of orders in
amending.py."""

from engine_core.book.ladder.levels import ABOVE, BELOW, book_of, can_add_level, find_level, key_of
from engine_core.book.ladder.queue import free_slot, take_slot
from engine_core.book.ledger.balances import atoms_to_lock, available, giving_of, lock
from engine_core.book.ledger.client_ids import economics_of, find_client
from engine_core.book.memory.packed_codes import (
    can_stay,
    codes_of_command,
    flags_in,
    new_order,
    set_order_codes,
    set_status,
)
from engine_core.book.memory.records import HAS_AMOUNT, HAS_CLIENT_ID, HAS_TERMS, TRIGGER, TRIGGER_ABOVE, UNLISTED
from engine_core.book.memory.state import ORDERS_MADE, TIME_MS, State
from engine_core.book.orders.checks import (
    ACCOUNT_FROZEN,
    account_exists,
    check_market_state,
    check_order,
    check_room,
    market_of,
)
from engine_core.book.orders.closing import end_taker
from engine_core.book.orders.events import tell_level, write, write_order, write_rejected
from engine_core.book.orders.execution import crosses, execute, keep, plan, rest
from engine_core.jit.intrinsics import rare
from engine_core.jit.kernel import hot, inner
from engine_core.jit.rows import Row, Rows
from engine_core.wire.codes import EventKind, OrderStatus, Reason
from engine_core.wire.limits import SLOT_BITS


@hot
def check_sender(state: State, command: Row) -> int:
    """Market and account exist. What every command that names both must fulfil."""
    if market_of(state, command.market) == 0:
        return Reason.UNKNOWN_MARKET
    if not account_exists(state, command.account):
        return Reason.UNKNOWN_ACCOUNT
    return Reason.NONE


@hot
def find_retry(state: State, command: Row) -> int:
    """What this client id already names (see find_client), or 0."""
    if command.flags & HAS_CLIENT_ID == 0:
        return 0
    return find_client(state, command.account, command.client_id)


@inner
def answer_retry(state: State, events: Rows[Row], n: int, command: Row, entry: int) -> int:
    """DUPLICATE with the state of the order, or REJECTED if the retry means another order."""
    rare()
    economics = economics_of(command)
    account = command.account
    duplicate, none = EventKind.DUPLICATE, Reason.NONE
    if entry > 0:
        if state.terms[entry].economics == economics:
            return write(state, events, n, duplicate, none, entry)
    elif state.ended[-entry].economics == economics:
        order_id = state.ended[-entry].order_id
        write_order(state, events, n, duplicate, none, state.ended, state.ended, -entry, order_id, account)
        return n + 1
    return write_rejected(state, events, n, command, Reason.DUPLICATE_CLIENT_ID)


@hot
def check_place(state: State, command: Row) -> int:
    """All that is known without the book and the funds; shape, sender and retry have been looked at."""
    market, account = command.market, command.account
    if state.accounts[account].state == ACCOUNT_FROZEN:
        return Reason.ACCOUNT_FROZEN
    reason = check_market_state(state, market, command.order_type, command.flags)
    if reason == Reason.NONE:
        reason = check_order(state, command, market)
    if reason == Reason.NONE:
        reason = check_room(state, account, market, can_stay(codes_of_command(command)))
    return reason


@hot
def fill_slot(state: State, command: Row, slot: int) -> None:
    """The command becomes an order, not yet on any list."""
    order, info = state.orders[slot], state.info[slot]
    codes = codes_of_command(command)
    flags = flags_in(codes)
    order.order_id = ((state.counters[ORDERS_MADE] + 1) << SLOT_BITS) | slot
    order.remaining_lots = command.quantity_lots
    order.level = 0
    order.next = 0
    order.prev = 0
    order.account = command.account
    info.quantity_lots = command.quantity_lots
    info.executed_lots = 0
    info.executed_atoms = 0
    info.created_ms = state.counters[TIME_MS]
    info.client_id = 0
    info.price_ticks = command.price_ticks
    info.market = command.market
    info.account_prev = UNLISTED
    if flags & HAS_TERMS:
        if flags & HAS_AMOUNT:
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
def _trigger_place(state: State, slot: int) -> tuple[int, int]:
    """(book, key) of the level where a trigger waits."""
    info = state.info[slot]
    side = ABOVE if info.flags & TRIGGER_ABOVE else BELOW
    book = book_of(info.market, side)
    return book, key_of(book, state.terms[slot].trigger_ticks)


@inner
def check_trigger(state: State, slot: int) -> int:
    """Whether there is room and money for a trigger."""
    book, key = _trigger_place(state, slot)
    if not can_add_level(state) and find_level(state, book, key) == 0:
        return Reason.LEVELS_FULL
    if available(state, giving_of(state, slot)) < atoms_to_lock(state, slot):
        return Reason.INSUFFICIENT_FUNDS
    return Reason.NONE


@inner
def _place_trigger(state: State, events: Rows[Row], n: int, command: Row, slot: int) -> int:
    """Hold the order until the last price reaches its trigger, with its funds locked."""
    rare()
    reason = check_trigger(state, slot)
    if reason != Reason.NONE:
        free_slot(state, slot)
        return write_rejected(state, events, n, command, reason)
    state.counters[ORDERS_MADE] += 1
    book, key = _trigger_place(state, slot)
    lock(state, giving_of(state, slot), atoms_to_lock(state, slot))
    set_status(state, slot, OrderStatus.TRIGGER_PENDING)
    keep(state, slot, book, key)
    return write(state, events, n, EventKind.TRIGGER_PLACED, Reason.NONE, slot)


@hot
def start(
    state: State,
    events: Rows[Row],
    n: int,
    kind: int,
    slot: int,
    giving: int,
    limit_key: int,
    lots: int,
    locked: int,
    stop: int,
) -> int:
    """Carry out a plan: funds locked, the event of this kind (ACCEPTED), then the book."""
    lock(state, giving, locked)
    if lots != 0 and crosses(state, slot, limit_key):
        write(state, events, n, kind, Reason.NONE, slot)
        return execute(state, events, n + 1, slot, limit_key, lots, locked, stop)
    if stop != Reason.NONE:
        write(state, events, n, kind, Reason.NONE, slot)
        return end_taker(state, events, n + 1, stop, slot, locked)
    level = rest(state, slot)
    write(state, events, n, kind, Reason.NONE, slot)
    tell_level(state, events, n, state.info[slot].market, level)
    return n + 1


@hot
def place(state: State, events: Rows[Row], n: int, command: Row) -> int:
    """A new order; shape, sender and retry have been looked at (see commands.py)."""
    reason = check_place(state, command)
    if reason != Reason.NONE:
        return write_rejected(state, events, n, command, reason)
    slot = take_slot(state) if can_stay(codes_of_command(command)) else 0
    fill_slot(state, command, slot)
    if command.flags & TRIGGER:
        return _place_trigger(state, events, n, command, slot)
    giving = giving_of(state, slot)
    reason, limit_key, lots, locked, stop = plan(state, n, slot, giving)
    if reason != Reason.NONE:
        free_slot(state, slot)
        return write_rejected(state, events, n, command, reason)
    state.counters[ORDERS_MADE] += 1
    return start(state, events, n, EventKind.ACCEPTED, slot, giving, limit_key, lots, locked, stop)
