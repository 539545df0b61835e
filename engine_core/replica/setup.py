"""What exists on the exchange: assets, markets, fees, accounts, keys. Built from ADMIN records, and only from them.

The same records come from two sides: the answer of a SETUP query (what would rebuild the state) and the APPLIED events
of the log. Of a venue with several shards they come from the log of each:

    home (shard 0)       everything; accounts, keys, tiers, options and what is frozen from here alone
    any shard            definitions, which have the same numbers everywhere, whichever log is read first
    the state of a market     of the shard where it trades: the one where it is not ELSEWHERE

Non-goals: balances (asked from the engine), and judging a definition (the engine did that).
"""

from dataclasses import dataclass, field, replace

import numpy as np

from engine_core.wire.codes import AccountOption, AccountState, CommandKind, EventKind, KeyPermission, MarketState
from engine_core.wire.market_limits import MarketLimits, limits_in
from engine_core.wire.units import MarketUnits

# APPLIED commands that change nothing here; there may be millions of the first two.
NOT_SETUP = (
    CommandKind.DEPOSIT,
    CommandKind.WITHDRAW,
    CommandKind.LEASE,
    CommandKind.SKIP,
    CommandKind.CAPACITY,
    CommandKind.TRANSFER,
    CommandKind.SHARES,
    CommandKind.MOVE_OUT,
    CommandKind.MOVE_IN,
)
HOME = 0  # the shard where the setup is decided


@dataclass(frozen=True, slots=True)
class Asset:
    number: int
    symbol: str
    decimals: int


@dataclass(frozen=True, slots=True)
class Market(MarketLimits):
    """One market."""

    number: int
    symbol: str
    base: Asset
    quote: Asset
    units: MarketUnits
    state: MarketState
    min_lots: int
    max_lots: int


@dataclass(frozen=True, slots=True)
class Key:
    account: int
    permissions: KeyPermission


@dataclass(frozen=True, slots=True)
class Fees:
    maker_ppm: int
    taker_ppm: int


@dataclass(slots=True)
class Setup:
    log_id: int = 0
    created_ms: int = 0  # when the log began
    behaviour: int = 0
    accounts: int = 0  # numbered 1, 2, ... without gaps
    assets: dict[int, Asset] = field(default_factory=dict)
    markets: dict[int, Market] = field(default_factory=dict)
    asset_by_symbol: dict[str, Asset] = field(default_factory=dict)
    market_by_symbol: dict[str, Market] = field(default_factory=dict)
    keys: dict[bytes, Key] = field(default_factory=dict)
    tiers: dict[int, int] = field(default_factory=dict)  # of accounts that are not in tier 0
    frozen: set[int] = field(default_factory=set)
    options: dict[int, AccountOption] = field(default_factory=dict)  # of accounts that have any
    shards: dict[int, int] = field(default_factory=dict)  # where each market trades, or did last
    former: dict[int, set[int]] = field(default_factory=dict)  # shards where a market traded before
    log_ids: dict[int, int] = field(default_factory=dict)  # of each shard
    market_changes: int = 0  # counts them, for those who keep something that is made from all markets
    _states: dict[int, dict[int, MarketState]] = field(default_factory=dict)  # of a market, by shard; the newest last
    _fees: dict[tuple[int, int], Fees] = field(default_factory=dict)  # (market, tier)

    def fees(self, market: int, account: int = 0) -> Fees:
        """What an account pays on a market; a tier without fees of its own there pays those of tier 0."""
        tier = self.tiers.get(account, 0)
        return self._fees.get((market, tier)) or self._fees.get((market, 0)) or Fees(0, 0)

    def apply(self, records: np.ndarray, shard: int = 0) -> None:
        """Take ADMIN records of a shard's log in their order."""
        for record in records:
            kind = int(record["kind"])
            if kind not in NOT_SETUP:
                self._apply(CommandKind(kind), record, shard)

    def apply_events(self, events: np.ndarray, shard: int = 0) -> None:
        """Take the APPLIED ones of ADMIN_EVENT records."""
        self.apply(events["command"][events["kind"] == EventKind.APPLIED], shard)

    def presume(self, shard: int) -> None:
        """Of one that has not said what it trades: the markets that trade in none of those that have."""
        for market in self.markets:
            if not self._states.get(market):
                self.shards[market] = shard

    def _apply(self, kind: CommandKind, record: np.void, shard: int) -> None:
        match kind:
            case CommandKind.GENESIS:
                self.log_ids[shard] = int(record["log_id"])
            case CommandKind.ASSET:
                asset = Asset(int(record["asset"]), bytes(record["symbol"]).decode(), int(record["decimals"]))
                self.assets[asset.number] = self.asset_by_symbol[asset.symbol] = asset
            case CommandKind.MARKET:
                market = self._market(record)
                self.markets.setdefault(market.number, market)
                self._set_state(market.number, market.state, shard)
            case CommandKind.MARKET_STATE:
                state, traded = MarketState(int(record["code"])), bool(record["update_id"] or record["trades"])
                self._set_state(int(record["market"]), state, shard, traded=traded)
        if shard == HOME:
            self._apply_of_home(kind, record)

    def _apply_of_home(self, kind: CommandKind, record: np.void) -> None:
        match kind:
            case CommandKind.GENESIS:
                self.log_id, self.behaviour, self.created_ms = (
                    int(record["log_id"]),
                    int(record["behaviour"]),
                    int(record["created_ms"]),
                )
                self.accounts = max(self.accounts, 1)
            case CommandKind.UPGRADE:
                self.behaviour = int(record["new_behaviour"])
            case CommandKind.MARKET_BANDS:
                self._put(replace(self.markets[int(record["market"])], **limits_in(record)))
            case CommandKind.FEES:
                fees = Fees(int(record["maker_ppm"]), int(record["taker_ppm"]))
                self._fees[int(record["market"]), int(record["code"])] = fees
            case CommandKind.ASSET | CommandKind.MARKET | CommandKind.MARKET_STATE:
                pass  # of any shard
            case _:
                self._apply_account(kind, int(record["account"]), record)

    def _apply_account(self, kind: CommandKind, account: int, record: np.void) -> None:
        match kind:
            case CommandKind.ACCOUNT:
                self.accounts = max(self.accounts, account)
            case CommandKind.ACCOUNT_STATE:
                (self.frozen.add if record["code"] == AccountState.FROZEN else self.frozen.discard)(account)
            case CommandKind.FEE_TIER:
                self.tiers[account] = int(record["code"])
            case CommandKind.ACCOUNT_OPTIONS:
                self.options[account] = AccountOption(int(record["code"]))
            case CommandKind.KEY:
                self.keys[record["public_key"].tobytes()] = Key(account, KeyPermission(int(record["code"])))
            case CommandKind.KEY_REVOKE:
                self.keys.pop(record["public_key"].tobytes(), None)
            case _:
                raise AssertionError(f"ADMIN record of kind {kind.name} is not part of a setup")

    def _set_state(self, number: int, state: MarketState, shard: int, *, traded: bool = False) -> None:
        """While a market moves, it trades nowhere: then its shard is the one that it comes from. `traded`: where it is
        elsewhere now, it has traded."""
        states = self._states.setdefault(number, {})
        traded |= states.pop(shard, None) is not None
        if state != MarketState.ELSEWHERE:
            states[shard] = state
            self.former.get(number, set()).discard(shard)
        elif traded:
            self.former.setdefault(number, set()).add(shard)
        self.shards.setdefault(number, shard)
        if states:
            self.shards[number], state = next(reversed(states.items()))
        else:
            state = MarketState.ELSEWHERE
        self._put(replace(self.markets[number], state=state))

    def _put(self, market: Market) -> None:
        self.markets[market.number] = self.market_by_symbol[market.symbol] = market
        self.market_changes += 1

    def _market(self, record: np.void) -> Market:
        base, quote = self.assets[int(record["asset"])], self.assets[int(record["quote_asset"])]
        units = MarketUnits(int(record["lot_atoms"]), int(record["tick_atoms"]), base.decimals, quote.decimals)
        return Market(
            number=int(record["market"]),
            symbol=f"{base.symbol}_{quote.symbol}",
            base=base,
            quote=quote,
            units=units,
            state=MarketState(int(record["code"])),
            min_lots=int(record["min_lots"]),
            max_lots=int(record["max_lots"]),
        )
