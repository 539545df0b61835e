"""Where a replay goes: the running pipeline or, for a check without any process, the book kernel alone.

Both take blocks of COMMAND or ADMIN records and give the EVENT records that they caused. `Venue` is what a replay
needs in the log: a market of its own whose ticks and lots are the capture's, and two accounts of its own, one for all
bids and one for all asks, so that maker and taker of a trade are never the same account.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.replay.capture import SIZE_DECIMALS
from engine_core.book.commands import apply_batch
from engine_core.book.memory.state import Capacities, new_state
from engine_core.book.queries import balances, setup
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, MarketState, QueryKind, Reason, Side
from engine_core.wire.layout import ADMIN, BEHAVIOUR_VERSION, COMMAND, EVENT, SCHEMA_VERSION, join
from engine_core.wire.limits import MAX_BLOCK_EVENTS, MAX_DECIMALS, MAX_SUPPLY_ATOMS

BASE, QUOTE = b"XBT", b"USD"  # of the replay's own market; never those of the configured markets
SHARE_OF_SUPPLY = 16  # each account gets a sixteenth of what an asset may have at all


class ReplayError(Exception):
    """The replay cannot go on; the message says why and what to do."""


class Target(Protocol):
    def execute(self, records: np.ndarray) -> np.ndarray: ...
    def setup(self) -> np.ndarray: ...
    def balances(self, account: int) -> np.ndarray: ...


class Pipeline:
    """The running exchange, by its command log."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def execute(self, records: np.ndarray) -> np.ndarray:
        return self._gateway.execute(records)

    def setup(self) -> np.ndarray:
        return self._gateway.query(QueryKind.SETUP)[1]

    def balances(self, account: int) -> np.ndarray:
        return self._gateway.query(QueryKind.BALANCES, account=account)[1]


class Kernel:
    """The matching alone, in this process: no log, no other process."""

    def __init__(self, capacities: Capacities) -> None:
        self._state = new_state(capacities)
        self._events = np.zeros(MAX_BLOCK_EVENTS, EVENT)
        genesis = _admin(CommandKind.GENESIS, code=SCHEMA_VERSION, log_id=1, behaviour=BEHAVIOUR_VERSION)
        self.execute(genesis)

    def execute(self, records: np.ndarray) -> np.ndarray:
        commands, given, first = records.view(COMMAND), [], 0
        while first < len(records):
            first, count = apply_batch(self._state, commands, first, len(records), 1, self._events)
            given.append(self._events[:count].copy())
        return join(given)

    def setup(self) -> np.ndarray:
        return setup(self._state)

    def balances(self, account: int) -> np.ndarray:
        return balances(self._state, account)


@dataclass(frozen=True)
class Venue:
    market: int
    base: int
    quote: int
    bidder: int
    asker: int

    def address(self, commands: np.ndarray) -> np.ndarray:
        """The commands with market and account filled in."""
        commands = commands.copy()
        commands["market"] = self.market
        commands["account"] = np.where(commands["side"] == Side.BID, self.bidder, self.asker)
        return commands


def _admin(kind: CommandKind, **fields: int | bytes) -> np.ndarray:
    record = np.zeros(1, ADMIN)
    record["kind"] = kind
    for name, value in fields.items():
        record[name] = value
    return record


def _apply(target: Target, records: list[np.ndarray]) -> None:
    """Execute ADMIN records; all must be applied."""
    if not records:
        return
    sent = join(records)
    events = target.execute(sent)
    for event in events[events["kind"] != EventKind.APPLIED]:
        reason = Reason(event["reason"]).name
        what = CommandKind(int(sent["kind"][int(event["index"])])).name
        raise ReplayError(f"the exchange refused to set up the replay's market or accounts: {what}: {reason}")


@contextmanager
def venue(target: Target, price_decimals: int) -> Iterator[Venue]:
    """The market and two fresh, funded accounts; at the end orders, funds and market are put away again."""
    known = target.setup()
    records: list[np.ndarray] = []
    base = _asset(known, records, BASE, SIZE_DECIMALS, 0)
    # Its atom is a lot times a tick, finer than any asset may be if prices have more decimals: then only what it is
    # called, and no trade, is another. Trades are of ticks and lots.
    decimals = min(SIZE_DECIMALS + price_decimals, MAX_DECIMALS)
    quote = _asset(known, records, QUOTE, decimals, int(base > _highest(known, "asset")))
    market = _market(known, records, base, quote)
    account = max(_highest(known, "account"), 1)
    place = Venue(market, base, quote, account + 1, account + 2)
    for number in (place.bidder, place.asker):
        records.append(_admin(CommandKind.ACCOUNT, account=number))
    atoms, reference = MAX_SUPPLY_ATOMS // SHARE_OF_SUPPLY, time.time_ns()
    for account, asset in (place.bidder, quote), (place.asker, base):
        fields = {"account": account, "asset": asset, "amount_atoms": atoms, "reference": reference}
        records.append(_admin(CommandKind.DEPOSIT, **fields))
    _apply(target, records)
    try:
        yield place
    finally:
        _put_away(target, place)


def _highest(known: np.ndarray, column: str) -> int:
    kinds = {"asset": CommandKind.ASSET, "market": CommandKind.MARKET, "account": CommandKind.ACCOUNT}
    rows = known[known["kind"] == kinds[column]]
    return int(rows[column].max()) if len(rows) else 0


def _asset(known: np.ndarray, records: list[np.ndarray], symbol: bytes, decimals: int, new: int) -> int:
    """The number of the asset; a record that creates it, if it is not there (`new`: assets already to be created)."""
    for row in known[known["kind"] == CommandKind.ASSET]:
        if row["symbol"] == symbol:
            if row["decimals"] != decimals:
                raise ReplayError(
                    f"asset {symbol.decode()} has {row['decimals']} decimals in this exchange, the capture needs "
                    f"{decimals}: replay into a fresh one (`exchange up --data DIR`)"
                )
            return int(row["asset"])
    number = _highest(known, "asset") + 1 + new
    records.append(_admin(CommandKind.ASSET, asset=number, symbol=symbol, decimals=decimals))
    return number


def _market(known: np.ndarray, records: list[np.ndarray], base: int, quote: int) -> int:
    """The number of the market whose lot and tick are one atom; records that create or open it."""
    for row in known[known["kind"] == CommandKind.MARKET]:
        if (row["asset"], row["quote_asset"], row["lot_atoms"], row["tick_atoms"]) == (base, quote, 1, 1):
            number = int(row["market"])
            records.append(_admin(CommandKind.MARKET_STATE, market=number, code=MarketState.OPEN))
            return number
    number = _highest(known, "market") + 1
    most = MAX_SUPPLY_ATOMS // SHARE_OF_SUPPLY
    fields = {"asset": base, "quote_asset": quote, "lot_atoms": 1, "tick_atoms": 1, "min_lots": 1, "max_lots": most}
    records.append(_admin(CommandKind.MARKET, market=number, code=MarketState.OPEN, **fields))
    return number


def _put_away(target: Target, place: Venue) -> None:
    cancel = np.zeros(1, COMMAND)
    cancel["kind"], cancel["market"] = CommandKind.CANCEL_ALL, place.market
    records, reference = [], time.time_ns()
    for account in (place.bidder, place.asker):
        cancel["account"] = account
        while True:  # one command cancels a bounded number of orders
            done = target.execute(cancel)
            if done[-1]["kind"] != EventKind.CANCEL_ALL_DONE or not done[-1]["executed_lots"]:
                break
        for row in target.balances(account):
            if row["available"]:
                fields = {"account": account, "asset": int(row["asset"]), "amount_atoms": int(row["available"])}
                records.append(_admin(CommandKind.WITHDRAW, **fields, reference=reference + account))
    records.append(_admin(CommandKind.MARKET_STATE, market=place.market, code=MarketState.CLOSED))
    _apply(target, records)
