"""Answers about the state, between batches: copies, as records of the wire.

Nothing here can change the state: it is handed on with read-only arrays, and the kernels use only what looks
(level_after, not next_level, which tidies the index of prices up). Or a replay would have to repeat the questions, too.

Orders come as EVENT records of kind ORDER_STATE; the set-up as the ADMIN records that would rebuild it.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from engine_core.book.ladder.levels import ASKS, BIDS, key_of, level_after
from engine_core.book.ladder.queue import slot_of
from engine_core.book.ledger.client_ids import find_client
from engine_core.book.memory.state import (
    ACCOUNTS,
    ASSETS,
    BEHAVIOUR,
    BOOKS,
    COMMANDS,
    CREATED_MS,
    DIVIDED,
    EVENTS,
    GENESIS,
    KEYS,
    LINKS,
    LOG_ID,
    MARKETS,
    OPEN_ORDERS,
    SHARD,
    TIERS,
    State,
    read_only,
)
from engine_core.book.orders.events import write
from engine_core.jit.by_reference import by_reference
from engine_core.jit.kernel import entry, inner
from engine_core.jit.rows import Rows, rows
from engine_core.wire.codes import AccountState, CommandKind, EventKind, MarketFlag, MarketState, Reason, Side
from engine_core.wire.layout import ADMIN, EVENT, SCHEMA_VERSION, EventRow
from engine_core.wire.limits import ALL_MARKETS
from engine_core.wire.market_limits import limits_in
from engine_core.wire.query_records import BALANCE, LEVEL, LINK, STATUS, LevelRow

F = TypeVar("F", bound=Callable[..., Any])


def _looking(function: F) -> F:
    """Whatever state it is called with, the function gets one that cannot be written to."""

    @wraps(function)
    def guarded(state: State, *arguments: Any, **named: Any) -> Any:
        return function(read_only(state), *arguments, **named)

    return cast(F, guarded)


@inner
def _write_state(state: State, events: Rows[EventRow], n: int, slot: int) -> int:
    return write(state, events, n, EventKind.ORDER_STATE, Reason.NONE, slot)


@entry
def _orders_of_account(state: State, out: np.ndarray, account: int, market: int) -> int:
    state, events = by_reference(state), rows(out)
    n = 0
    slot = state.accounts[account].first_order
    while slot != 0:
        if market == ALL_MARKETS or state.info[slot].market == market:
            n = _write_state(state, events, n, slot)
        slot = state.info[slot].account_next
    return n


@entry
def _orders_of_book(state: State, out: np.ndarray, n: int, book: int) -> int:
    state, events = by_reference(state), rows(out)
    level = state.books[book].best
    while level != 0:
        slot = state.levels[level].head
        while slot != 0:
            n = _write_state(state, events, n, slot)
            events[n - 1].level_lots = state.orders[slot].remaining_lots
            slot = state.orders[slot].next
        level = level_after(state, level)
    return n


@entry
def _levels_of_book(state: State, out: np.ndarray, n: int, book: int, side: int) -> int:
    state, levels = by_reference(state), rows(out)
    level = state.books[book].best
    while level != 0:
        record = state.levels[level]
        answer: LevelRow = levels[n]
        answer.side = side
        answer.price_ticks = key_of(book, record.key)
        answer.lots = record.lots
        answer.orders = record.orders
        n += 1
        level = level_after(state, level)
    return n


@entry
def _find_order(state: State, out: np.ndarray, account: int, market: int, order_id: int, client_id: int) -> int:
    """`order_id` 0: by client id."""
    state, events = by_reference(state), rows(out)
    slot = slot_of(state, order_id) if order_id != 0 else max(find_client(state, account, client_id), 0)
    if slot == 0 or state.orders[slot].account != account or state.info[slot].market != market:
        return 0
    return _write_state(state, events, 0, slot)


@_looking
def levels(state: State, market: int) -> tuple[np.ndarray, int]:
    """(LEVEL records, best first, bids then asks; the market's depth sequence)."""
    bids, asks = market * BOOKS + BIDS, market * BOOKS + ASKS
    out = np.zeros(int(state.books[bids]["levels"]) + int(state.books[asks]["levels"]), LEVEL)
    n = _levels_of_book(state, out, 0, bids, int(Side.BID))
    _levels_of_book(state, out, n, asks, int(Side.ASK))
    return out, int(state.markets[market]["updates"])


@_looking
def open_orders(state: State, account: int, market: int = ALL_MARKETS) -> np.ndarray:
    """The account's open orders, pending triggers included, oldest first."""
    if not 1 <= account <= state.scalars[ACCOUNTS]:
        return np.zeros(0, EVENT)
    out = np.zeros(int(state.accounts[account]["open_orders"]), EVENT)
    return out[: _orders_of_account(state, out, account, market)]


@_looking
def find_order(state: State, account: int, market: int, order_id: int, client_id: int, by_client: bool) -> np.ndarray:
    """The account's open order of that market, or none."""
    out = np.zeros(1, EVENT)
    if not 1 <= account <= state.scalars[ACCOUNTS] or (not by_client and order_id <= 0):
        return out[:0]
    return out[: _find_order(state, out, account, market, 0 if by_client else order_id, client_id)]


@_looking
def market_orders(state: State, market: int) -> np.ndarray:
    """Every resting order of the market in priority order, bids then asks; `level_lots` is what the order shows."""
    out = np.zeros(int(state.markets[market]["open_orders"]), EVENT)
    n = _orders_of_book(state, out, 0, market * BOOKS + BIDS)
    return out[: _orders_of_book(state, out, n, market * BOOKS + ASKS)]


@_looking
def balances(state: State, account: int) -> np.ndarray:
    """BALANCE of every asset."""
    count = int(state.scalars[ASSETS])
    out = np.zeros(count, BALANCE)
    out["asset"] = np.arange(1, count + 1)
    if 1 <= account <= state.scalars[ACCOUNTS]:
        first = account * len(state.assets) + 1
        for name in ("available", "locked"):
            out[name] = state.balances[first : first + count][name]
    return out


@_looking
def links(state: State, account: int) -> np.ndarray:
    """LINK of each shard that the account has moved money to or from; of account 0: of all accounts."""
    found = state.links[1 : int(state.scalars[LINKS]) + 1]
    if account:
        numbers: list[int] = []
        number = int(state.accounts[account]["link"]) if account <= state.scalars[ACCOUNTS] else 0
        while number:
            numbers.insert(0, number)
            number = int(state.links[number]["next"])
        found = state.links[numbers]
    out = np.zeros(len(found), LINK)
    for name in ("account", "shard", "out_sequence", "out_atoms", "out_asset", "out_reference", "in_sequence"):
        out[name] = found[name]
    return out


@_looking
def status(state: State) -> np.ndarray:
    """One STATUS record; its epoch is the runtime's."""
    out = np.zeros(1, STATUS)
    places = {
        "log_id": LOG_ID,
        "commands": COMMANDS,
        "events": EVENTS,
        "open_orders": OPEN_ORDERS,
        "accounts": ACCOUNTS,
        "markets": MARKETS,
        "started_ms": CREATED_MS,
    }
    for name, place in places.items():
        out[name] = state.scalars[place]
    return out


class _Setup:
    """ADMIN records, appended one by one."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def add(self, kind: CommandKind, **fields: Any) -> None:
        record = np.zeros(1, ADMIN)
        record["kind"] = kind
        for name, value in fields.items():
            record[name] = value
        self._parts.append(record.tobytes())

    def records(self) -> np.ndarray:
        return np.frombuffer(b"".join(self._parts), ADMIN)


def _setup_market(setup: _Setup, state: State, number: int) -> None:
    market = state.markets[number]
    has_moved = market["moves"] or market["state"] == MarketState.ELSEWHERE
    setup.add(
        CommandKind.MARKET,
        market=number,
        asset=market["base"],
        quote_asset=market["quote"],
        code=MarketState.ELSEWHERE if has_moved else market["state"],
        lot_atoms=market["lot_atoms"],
        tick_atoms=market["tick_atoms"],
        min_lots=market["min_lots"],
        max_lots=market["max_lots"],
    )
    if has_moved:  # what it goes on with, wherever it goes
        numbers = {"trades": market["trades"], "update_id": market["updates"], "last_ticks": market["last_ticks"]}
        moves = {"flags": MarketFlag.MOVES_HERE, "move": market["moves"], "goes_to": market["goes_to"]}
        setup.add(CommandKind.MARKET_STATE, market=number, code=market["state"], **moves, **numbers)
    limits = limits_in(market)
    if any(limits.values()):
        setup.add(CommandKind.MARKET_BANDS, market=number, **limits)
    for tier in range(TIERS):
        fee = state.fees[number * TIERS + tier]
        if fee["own"]:
            fees = {name: fee[name] for name in ("maker_ppm", "taker_ppm")}
            setup.add(CommandKind.FEES, market=number, code=tier, **fees)


@_looking
def setup(state: State) -> np.ndarray:
    """ADMIN records that would rebuild assets, markets, states, bands, fees, accounts, what these have asked for, and
    keys; GENESIS first."""
    out, scalars = _Setup(), state.scalars
    if not scalars[GENESIS]:
        return np.zeros(0, ADMIN)
    created = {"log_id": scalars[LOG_ID], "behaviour": scalars[BEHAVIOUR], "created_ms": scalars[CREATED_MS]}
    out.add(CommandKind.GENESIS, code=SCHEMA_VERSION, market=scalars[SHARD], **created)
    if scalars[DIVIDED]:
        out.add(CommandKind.SHARES, code=1)
    for number in range(1, int(scalars[ASSETS]) + 1):
        asset = state.assets[number]
        out.add(CommandKind.ASSET, asset=number, symbol=asset["symbol"], decimals=asset["decimals"])
    for number in range(1, int(scalars[MARKETS]) + 1):
        _setup_market(out, state, number)
    for number in range(1, int(scalars[ACCOUNTS]) + 1):
        account = state.accounts[number]
        if number > 1:
            out.add(CommandKind.ACCOUNT, account=number)
        if account["state"] == AccountState.FROZEN:
            out.add(CommandKind.ACCOUNT_STATE, account=number, code=AccountState.FROZEN)
        if account["tier"]:
            out.add(CommandKind.FEE_TIER, account=number, code=account["tier"])
        if account["options"]:
            out.add(CommandKind.ACCOUNT_OPTIONS, account=number, code=account["options"])
    for key in state.keys[1 : int(scalars[KEYS]) + 1]:
        if key["permissions"]:
            words = {f"key_word_{number}": key[name] for number, name in enumerate("abcd")}
            out.add(CommandKind.KEY, account=key["account"], code=key["permissions"], **words)
    return out.records()
