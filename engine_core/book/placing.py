"""PLACE: a new order, from its checks to the book. Fired triggers live in triggers.py, changes of orders in
amending.py."""

import numpy as np

from engine_core.book.accounts import atoms_to_lock, available, giving_of, lock
from engine_core.book.checks import (
    ACCOUNT_FROZEN,
    account_exists,
    check_market_state,
    check_order,
    check_room,
    market_of,
)
from engine_core.book.clients import economics_of, find_client
from engine_core.book.emit import tell_level, write, write_order, write_rejected
from engine_core.book.ending import end_taker
from engine_core.book.execution import crosses, execute, keep, plan, rest
from engine_core.book.levels import ABOVE, BELOW, book_of, can_add_level, find_level, key_of
from engine_core.book.order_codes import can_stay, codes_of_command, flags_in, new_order, set_order_codes, set_status
from engine_core.book.orders import free_slot, take_slot
from engine_core.book.records import HAS_AMOUNT, HAS_CLIENT_ID, HAS_TERMS, TRIGGER, TRIGGER_ABOVE, UNLISTED
from engine_core.book.state import ORDERS_MADE, TIME_MS, State
from engine_core.jit import hot, index, inner, rare, wide
from engine_core.wire.codes import EventKind, OrderStatus, Reason
from engine_core.wire.limits import SLOT_BITS


@hot
def check_sender(state: State, commands: np.ndarray, i: int) -> int:
    """Market and account exist. What every command that names both must fulfil."""
    if market_of(state, wide(commands[index(i)]["market"])) == 0:
        return wide(Reason.UNKNOWN_MARKET)
    if not account_exists(state, wide(commands[index(i)]["account"])):
        return wide(Reason.UNKNOWN_ACCOUNT)
    return wide(Reason.NONE)


@hot
def find_retry(state: State, commands: np.ndarray, i: int) -> int:
    """What this client id already names (see find_client), or 0."""
    if commands[index(i)]["flags"] & HAS_CLIENT_ID == 0:
        return wide(0)
    return find_client(state, wide(commands[index(i)]["account"]), wide(commands[index(i)]["client_id"]))


@inner
def answer_retry(state: State, events: np.ndarray, n: int, commands: np.ndarray, i: int, entry: int) -> int:
    """DUPLICATE with the state of the order, or REJECTED if the retry means another order."""
    rare()
    economics = economics_of(commands, i)
    account = wide(commands[index(i)]["account"])
    duplicate, none = wide(EventKind.DUPLICATE), wide(Reason.NONE)
    if entry > 0:
        if state.terms[entry]["economics"] == economics:
            return write(state, events, n, duplicate, none, entry)
    elif state.ended[-entry]["economics"] == economics:
        order_id = wide(state.ended[-entry]["order_id"])
        write_order(state, events, n, duplicate, none, state.ended, state.ended, -entry, order_id, account)
        return n + 1
    return write_rejected(state, events, n, commands, i, wide(Reason.DUPLICATE_CLIENT_ID))


@hot
def check_place(state: State, commands: np.ndarray, i: int) -> int:
    """All that is known without the book and the funds; shape, sender and retry have been looked at."""
    command = commands[index(i)]
    market, account = wide(command["market"]), wide(command["account"])
    if state.accounts[index(account)]["state"] == ACCOUNT_FROZEN:
        return wide(Reason.ACCOUNT_FROZEN)
    reason = check_market_state(state, market, wide(command["order_type"]), wide(command["flags"]))
    if reason == Reason.NONE:
        reason = check_order(state, commands, i, market)
    if reason == Reason.NONE:
        reason = check_room(state, account, market, can_stay(codes_of_command(commands, i)))
    return reason


@hot
def fill_slot(state: State, commands: np.ndarray, i: int, slot: int) -> None:
    """The command becomes an order, not yet on any list."""
    command, order, info = commands[index(i)], state.orders[index(slot)], state.info[index(slot)]
    codes = codes_of_command(commands, i)
    flags = flags_in(codes)
    order["order_id"] = ((state.counters[ORDERS_MADE] + 1) << SLOT_BITS) | slot
    order["remaining_lots"] = command["quantity_lots"]
    order["level"] = 0
    order["next"] = 0
    order["prev"] = 0
    order["account"] = command["account"]
    info["quantity_lots"] = command["quantity_lots"]
    info["executed_lots"] = 0
    info["executed_atoms"] = 0
    info["created_ms"] = state.counters[TIME_MS]
    info["client_id"] = 0
    info["price_ticks"] = command["price_ticks"]
    info["market"] = command["market"]
    info["account_prev"] = UNLISTED
    if flags & HAS_TERMS:
        if flags & HAS_AMOUNT:
            state.terms[index(slot)]["amount_atoms"] = command["amount_atoms"]
        if flags & HAS_CLIENT_ID:
            info["client_id"] = command["client_id"]
            state.terms[index(slot)]["economics"] = economics_of(commands, i)
        if flags & TRIGGER:
            state.terms[index(slot)]["trigger_ticks"] = command["trigger_ticks"]
            if command["trigger_ticks"] > state.markets[command["market"]]["last_ticks"]:
                flags |= TRIGGER_ABOVE
    set_order_codes(state, slot, new_order(codes, flags))


@inner
def _trigger_place(state: State, slot: int) -> tuple[int, int]:
    """(book, key) of the level where a trigger waits."""
    info = state.info[index(slot)]
    side = wide(ABOVE) if info["flags"] & TRIGGER_ABOVE else wide(BELOW)
    book = book_of(wide(info["market"]), side)
    return book, key_of(book, wide(state.terms[index(slot)]["trigger_ticks"]))


@inner
def check_trigger(state: State, slot: int) -> int:
    """Whether there is room and money for a trigger."""
    book, key = _trigger_place(state, slot)
    if not can_add_level(state) and find_level(state, book, key) == 0:
        return wide(Reason.LEVELS_FULL)
    if available(state, giving_of(state, slot)) < atoms_to_lock(state, slot):
        return wide(Reason.INSUFFICIENT_FUNDS)
    return wide(Reason.NONE)


@inner
def _place_trigger(state: State, events: np.ndarray, n: int, commands: np.ndarray, i: int, slot: int) -> int:
    """Hold the order until the last price reaches its trigger, with its funds locked."""
    rare()
    reason = check_trigger(state, slot)
    if reason != Reason.NONE:
        free_slot(state, slot)
        return write_rejected(state, events, n, commands, i, reason)
    state.counters[ORDERS_MADE] += 1
    book, key = _trigger_place(state, slot)
    lock(state, giving_of(state, slot), atoms_to_lock(state, slot))
    set_status(state, slot, wide(OrderStatus.TRIGGER_PENDING))
    keep(state, slot, book, key)
    return write(state, events, n, wide(EventKind.TRIGGER_PLACED), wide(Reason.NONE), slot)


@hot
def start(
    state: State,
    events: np.ndarray,
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
        write(state, events, n, kind, wide(Reason.NONE), slot)
        return execute(state, events, n + 1, slot, limit_key, lots, locked, stop)
    if stop != Reason.NONE:
        write(state, events, n, kind, wide(Reason.NONE), slot)
        return end_taker(state, events, n + 1, stop, slot, locked)
    level = rest(state, slot)
    write(state, events, n, kind, wide(Reason.NONE), slot)
    tell_level(state, events, n, wide(state.info[index(slot)]["market"]), level)
    return n + 1


@hot
def place(state: State, events: np.ndarray, n: int, commands: np.ndarray, i: int) -> int:
    """A new order; shape, sender and retry have been looked at (see commands.py)."""
    reason = check_place(state, commands, i)
    if reason != Reason.NONE:
        return write_rejected(state, events, n, commands, i, reason)
    slot = take_slot(state) if can_stay(codes_of_command(commands, i)) else wide(0)
    fill_slot(state, commands, i, slot)
    if commands[index(i)]["flags"] & TRIGGER:
        return _place_trigger(state, events, n, commands, i, slot)
    giving = giving_of(state, slot)
    reason, limit_key, lots, locked, stop = plan(state, n, slot, giving)
    if reason != Reason.NONE:
        free_slot(state, slot)
        return write_rejected(state, events, n, commands, i, reason)
    state.counters[ORDERS_MADE] += 1
    return start(state, events, n, wide(EventKind.ACCEPTED), slot, giving, limit_key, lots, locked, stop)
