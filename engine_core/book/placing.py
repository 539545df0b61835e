"""PLACE: a new order, from its checks to the book. Fired triggers live in triggers.py, changes of orders in
amending.py."""

import numpy as np

from engine_core.book.accounts import atoms_to_lock, available, given_asset, lock
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
from engine_core.book.execution import crosses, execute, keep, plan, reserve, rest
from engine_core.book.levels import ABOVE, BELOW, book_of, can_add_level, find_level, key_of
from engine_core.book.orders import free_slot, take_slot
from engine_core.book.records import HAS_AMOUNT, HAS_CLIENT_ID, TRIGGER, TRIGGER_ABOVE, UNLISTED
from engine_core.book.state import ORDERS_MADE, TIME_MS, State
from engine_core.jit import hot, index, inner, rare, wide
from engine_core.wire.codes import EventKind, OrderStatus, OrderType, Reason, TimeInForce
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
        reason = check_room(state, account, market, _can_stay(commands, i))
    return reason


@hot
def _can_stay(commands: np.ndarray, i: int) -> bool:
    """Whether the order may outlive its command, and so needs a slot."""
    command = commands[index(i)]
    if command["flags"] & TRIGGER:
        return True
    return bool(command["order_type"] == OrderType.LIMIT and command["time_in_force"] == TimeInForce.GTC)


@hot
def _fill_slot(state: State, commands: np.ndarray, i: int, slot: int) -> None:
    """The command becomes an order, not yet on any list."""
    command, order, info = commands[index(i)], state.orders[index(slot)], state.info[index(slot)]
    flags = wide(command["flags"])
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
    info["price_ticks"] = command["price_ticks"]
    info["trigger_ticks"] = command["trigger_ticks"]
    info["client_id"] = 0
    info["market"] = command["market"]
    info["side"] = command["side"]
    info["order_type"] = command["order_type"]
    info["time_in_force"] = command["time_in_force"]
    info["self_trade"] = command["self_trade"]
    if flags & TRIGGER and command["trigger_ticks"] > state.markets[command["market"]]["last_ticks"]:
        flags |= TRIGGER_ABOVE
    info["flags"] = flags
    info["status"] = OrderStatus.NEW
    info["account_prev"] = UNLISTED
    if flags & HAS_AMOUNT:
        state.terms[index(slot)]["amount_atoms"] = command["amount_atoms"]
    if flags & HAS_CLIENT_ID:
        info["client_id"] = command["client_id"]
        state.terms[index(slot)]["economics"] = economics_of(commands, i)


@inner
def _place_trigger(state: State, events: np.ndarray, n: int, commands: np.ndarray, i: int, slot: int) -> int:
    """Hold the order until the last price reaches its trigger, with its funds locked."""
    rare()
    info, order = state.info[index(slot)], state.orders[index(slot)]
    side = wide(ABOVE) if info["flags"] & TRIGGER_ABOVE else wide(BELOW)
    book = book_of(wide(info["market"]), side)
    key = key_of(book, wide(info["trigger_ticks"]))
    locked = atoms_to_lock(state, slot)
    account, given = wide(order["account"]), given_asset(state, slot)
    reason = wide(Reason.NONE)
    if not can_add_level(state) and find_level(state, book, key) == 0:
        reason = wide(Reason.LEVELS_FULL)
    elif available(state, account, given) < locked:
        reason = wide(Reason.INSUFFICIENT_FUNDS)
    if reason != Reason.NONE:
        free_slot(state, slot)
        return write_rejected(state, events, n, commands, i, reason)
    state.counters[ORDERS_MADE] += 1
    lock(state, account, given, locked)
    info["status"] = OrderStatus.TRIGGER_PENDING
    keep(state, slot, book, key)
    return write(state, events, n, wide(EventKind.TRIGGER_PLACED), wide(Reason.NONE), slot)


@hot
def start(
    state: State, events: np.ndarray, n: int, kind: int, slot: int, limit_key: int, lots: int, locked: int, stop: int
) -> int:
    """Carry out a plan: funds locked, the event of this kind (ACCEPTED), then the book."""
    reserve(state, slot, locked, wide(0))
    if stop != Reason.NONE or crosses(state, slot, limit_key):
        write(state, events, n, kind, wide(Reason.NONE), slot)
        return execute(state, events, n + 1, slot, limit_key, lots, stop)
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
    slot = take_slot(state) if _can_stay(commands, i) else wide(0)
    _fill_slot(state, commands, i, slot)
    if state.info[index(slot)]["flags"] & TRIGGER:
        return _place_trigger(state, events, n, commands, i, slot)
    reason, limit_key, lots, locked, stop = plan(state, n, slot, wide(0))
    if reason != Reason.NONE:
        free_slot(state, slot)
        return write_rejected(state, events, n, commands, i, reason)
    state.counters[ORDERS_MADE] += 1
    return start(state, events, n, wide(EventKind.ACCEPTED), slot, limit_key, lots, locked, stop)
