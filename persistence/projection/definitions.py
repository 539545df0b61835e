"""What the writer must know of assets and markets to store events: which asset a side gives and receives, and units.

Built from the database at start and from the ADMIN events of the log after that; the rows for the tables of definitions
come from here too. These are few, so this is plain Python, one record at a time.

All shards have the same setup. Shard 0's writer stores it; those of the others store assets and markets as well, which
their rows name, unless they are there, and the state of the markets that they trade.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine_core.replica.setup import Asset
from engine_core.wire.codes import CommandKind, EventKind, MarketFlag, MarketState
from engine_core.wire.limits import FEE_ACCOUNT
from engine_core.wire.units import format_decimal

_TICK_DECIMALS = 30
RULES = ("lot_atoms", "tick_atoms", "min_lots", "max_lots")  # of a MARKET


@dataclass(frozen=True, slots=True)
class Market:
    number: int
    base: int
    quote: int
    tick_atoms: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One row for a table of definitions."""

    text: str
    values: tuple[Any, ...]


_ASSET = """insert into assets (asset, symbol, decimals, unit) values (%s, %s, %s, %s::numeric)
    on conflict (asset) do nothing"""
_MARKET = f"""insert into markets (market, symbol, base, quote, lot_atoms, tick_atoms, min_lots, max_lots, tick_size,
    lot_size, state, shard, created)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s::numeric, %s::numeric, %s, %s, to_timestamp(%s / 1000.0))
    on conflict (market) do update set state = excluded.state, shard = excluded.shard, created = excluded.created
    where excluded.state <> {MarketState.ELSEWHERE:d}"""
_MARKET_STATE = "update markets set state = %s where market = %s and shard = %s"
_MARKET_MOVES = "update markets set state = %s, shard = %s where market = %s"
_FEES = """insert into fees (market, tier, maker_ppm, taker_ppm) values (%s, %s, %s, %s)
    on conflict (market, tier) do update set maker_ppm = excluded.maker_ppm, taker_ppm = excluded.taker_ppm"""
_ACCOUNT = "insert into accounts (account, state, fee_tier, created) values (%s, 1, 0, to_timestamp(%s / 1000.0))"
_ACCOUNT_STATE = "update accounts set state = %s where account = %s"
_KEY = """insert into api_keys (public_key, account, permissions, created)
    values (%s, %s, %s, to_timestamp(%s / 1000.0)) on conflict (public_key) do update
    set account = excluded.account, permissions = excluded.permissions, created = excluded.created, revoked = null"""
_KEY_REVOKE = "update api_keys set revoked = to_timestamp(%s / 1000.0) where public_key = %s"
_FEE_TIER = "update accounts set fee_tier = %s where account = %s"


@dataclass
class Setup:
    shard: int = 0  # whose events these are
    assets: dict[int, Asset] = field(default_factory=dict)
    markets: dict[int, Market] = field(default_factory=dict)

    def apply(self, records: np.ndarray, times_ms: np.ndarray) -> list[Statement]:
        """Take in ADMIN_EVENT records that were applied; returns the rows that they mean, in log order."""
        statements: list[Statement] = []
        for record, time_ms in zip(records, times_ms.tolist(), strict=True):
            if record["kind"] == EventKind.APPLIED:
                statements += self._apply(record["command"], int(time_ms))
        return statements

    def _apply(self, command: np.void, time_ms: int) -> Iterator[Statement]:
        market, code = int(command["market"]), int(command["code"])
        match int(command["kind"]):
            case CommandKind.ASSET:
                asset = Asset(int(command["asset"]), _text(command["symbol"]), int(command["decimals"]))
                self.assets[asset.number] = asset
                unit = f"1e-{asset.decimals}"
                yield Statement(_ASSET, (asset.number, asset.symbol, asset.decimals, unit))
            case CommandKind.MARKET:
                yield self._market(command, time_ms)
            case CommandKind.MARKET_STATE:
                if command["flags"] & MarketFlag.MOVES_HERE:
                    yield Statement(_MARKET_MOVES, (code, self.shard, market))
                else:
                    yield Statement(_MARKET_STATE, (code, market, self.shard))
            case _ if self.shard == 0:
                yield from _of_all_shards(command, time_ms)

    def _market(self, command: np.void, time_ms: int) -> Statement:
        lot_atoms, tick_atoms, min_lots, max_lots = (int(command[name]) for name in RULES)
        market = Market(int(command["market"]), int(command["asset"]), int(command["quote_asset"]), tick_atoms)
        self.markets[market.number] = market
        base, quote = self.assets[market.base], self.assets[market.quote]
        return Statement(
            _MARKET,
            (
                market.number,
                f"{base.symbol}_{quote.symbol}",
                market.base,
                market.quote,
                lot_atoms,
                tick_atoms,
                min_lots,
                max_lots,
                _tick_size(lot_atoms, tick_atoms, base, quote),
                format_decimal(lot_atoms, base.decimals),
                int(command["code"]),
                self.shard,
                time_ms,
            ),
        )

    def columns(self) -> "MarketColumns":
        size = max(self.markets, default=0) + 1
        base, quote, tick_atoms = (np.zeros(size, np.int64) for _ in range(3))
        for number, market in self.markets.items():
            base[number], quote[number], tick_atoms[number] = market.base, market.quote, market.tick_atoms
        return MarketColumns(base, quote, tick_atoms)


def _of_all_shards(command: np.void, time_ms: int) -> Iterator[Statement]:
    """What is the same in all of them, and stored by one."""
    market, account, code = int(command["market"]), int(command["account"]), int(command["code"])
    match int(command["kind"]):
        case CommandKind.GENESIS:
            yield Statement(_ACCOUNT, (FEE_ACCOUNT, time_ms))
        case CommandKind.ACCOUNT:
            yield Statement(_ACCOUNT, (account, time_ms))
        case CommandKind.FEES:
            yield Statement(_FEES, (market, code, int(command["maker_ppm"]), int(command["taker_ppm"])))
        case CommandKind.ACCOUNT_STATE:
            yield Statement(_ACCOUNT_STATE, (code, account))
        case CommandKind.FEE_TIER:
            yield Statement(_FEE_TIER, (code, account))
        case CommandKind.KEY:
            yield Statement(_KEY, (command["public_key"].tobytes(), account, code, time_ms))
        case CommandKind.KEY_REVOKE:
            yield Statement(_KEY_REVOKE, (time_ms, command["public_key"].tobytes()))


def _text(symbol: bytes) -> str:
    """Whatever bytes an administrator gave; PostgreSQL takes no zero bytes."""
    return symbol.decode("ascii", "backslashreplace").replace("\0", "\\0")


def _tick_size(lot_atoms: int, tick_atoms: int, base: Asset, quote: Asset) -> str:
    """The price of one tick; cut after 30 decimals in the odd market where it has no end."""
    price = tick_atoms * 10 ** (base.decimals + _TICK_DECIMALS) // (lot_atoms * 10**quote.decimals)
    return format_decimal(price, _TICK_DECIMALS)


@dataclass(frozen=True)
class MarketColumns:
    """Facts of markets as arrays indexed by the market's number."""

    base: np.ndarray
    quote: np.ndarray
    tick_atoms: np.ndarray
