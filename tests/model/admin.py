"""The slow twin's ADMIN commands."""

from fractions import Fraction

import numpy as np

from engine_core.book.state import MOST, Capacities
from engine_core.wire.codes import CommandKind, EventKind, MarketState, Reason
from engine_core.wire.layout import ADMIN_EVENT, BEHAVIOUR_VERSION, EVENT, SCHEMA_VERSION
from engine_core.wire.limits import MAX_DECIMALS, MAX_TICK_DECIMALS
from tests.model.book import MAX_PRICE, Market
from tests.model.ledger import Account, Refused
from tests.model.twin import DAY_MS, MAX_SUPPLY, Twin, require

TIERS = 16
PPM = 1_000_000
TAKE, GIVE_UP = 1, 2  # of a lease


class AdminTwin(Twin):
    """The whole twin. `capacities` are those of the book, `capacity` that of accounts, assets and markets."""

    def __init__(self, capacities: Capacities, capacity: int) -> None:
        super().__init__(capacities.orders, capacities.ended, capacities.ended_per_account)
        self.capacities = capacities
        self.capacity = capacity
        self.assets: dict[int, bytes] = {}
        self.decimals: dict[int, int] = {}
        self.supply: dict[int, int] = {}
        self.deposited: dict[int, int] = {}
        self.references: set[tuple[CommandKind, int, int]] = set()
        self.keys: dict[bytes, list[int]] = {}  # [account, permissions], 0 once revoked

    def administer(self, record: np.void, index: int, time_ms: int) -> list[np.ndarray]:
        """The events of one command of the ADMIN shape."""
        self.events, self.index, self.time = [], index, max(self.time, time_ms)
        self.fire_timers()
        self.run_fired()
        kind, reason = int(record["kind"]), Reason.NONE
        try:
            self._apply(record, kind)
        except Refused as refused:
            reason = refused.reason
        event = np.zeros(1, ADMIN_EVENT)
        event["kind"] = EventKind.REFUSED if reason else EventKind.APPLIED
        event["reason"], event["index"], event["account"] = reason, index, record["account"]
        event["command"][0] = record
        if not reason and kind in (CommandKind.DEPOSIT, CommandKind.WITHDRAW):
            balance = self.balance(int(record["account"]), int(record["asset"]))
            event["given_available"], event["given_locked"] = balance
        self.events.append(event.view(EVENT))
        return self.events

    def _apply(self, record: np.void, kind: int) -> None:
        if kind == CommandKind.GENESIS:
            require(not self.genesis, Reason.ALREADY_GENESIS)
            good = record["code"] == SCHEMA_VERSION and record["b"] == BEHAVIOUR_VERSION
            require(bool(good), Reason.BEHAVIOUR_VERSION)
            self.genesis = True
            self.accounts[1] = Account()
            return
        require(self.genesis, Reason.NO_GENESIS)
        actions = {
            CommandKind.ASSET: self._asset,
            CommandKind.MARKET: self._market,
            CommandKind.MARKET_STATE: self._market_state,
            CommandKind.MARKET_BANDS: self._market_bands,
            CommandKind.FEES: self._fees,
            CommandKind.ACCOUNT: self._account,
            CommandKind.ACCOUNT_STATE: self._account_state,
            CommandKind.KEY: self._key,
            CommandKind.KEY_REVOKE: self._key_revoke,
            CommandKind.DEPOSIT: self._transfer,
            CommandKind.WITHDRAW: self._transfer,
            CommandKind.FEE_TIER: self._fee_tier,
            CommandKind.LEASE: self._lease,
            CommandKind.SKIP: lambda record: None,
            CommandKind.CAPACITY: self._raise_capacity,
        }
        require(kind in list(actions), Reason.UNKNOWN_COMMAND)
        actions[CommandKind(kind)](record)

    def _raise_capacity(self, record: np.void) -> None:
        """Checked only: who holds the book makes it larger."""
        code, wanted = int(record["code"]), int(record["a"])
        good = code < len(MOST) - 1 and self.capacities[code] <= wanted <= MOST[code]
        require(good, Reason.BAD_DEFINITION)

    def _next(self, number: int, existing: int, full: Reason) -> None:
        require(not 1 <= number <= existing, Reason.ALREADY_EXISTS)
        require(number == existing + 1, Reason.BAD_DEFINITION)

    def _asset(self, record: np.void) -> None:
        number = int(record["asset"])
        self._next(number, len(self.assets), Reason.ASSETS_FULL)
        require(record["decimals"] <= MAX_DECIMALS and bool(record["symbol"]), Reason.BAD_DEFINITION)
        require(bytes(record["symbol"]) not in self.assets.values(), Reason.ALREADY_EXISTS)
        require(number <= self.capacity, Reason.ASSETS_FULL)
        self.assets[number] = bytes(record["symbol"])
        self.decimals[number] = int(record["decimals"])
        self.supply[number] = self.deposited[number] = 0

    def _market(self, record: np.void) -> None:
        number = int(record["market"])
        self._next(number, len(self.markets), Reason.MARKETS_FULL)
        base, quote, state = int(record["asset"]), int(record["quote_asset"]), int(record["code"])
        lot_atoms, tick_atoms, min_lots, max_lots = (int(record[name]) for name in "abcd")
        require(base in self.assets and quote in self.assets, Reason.UNKNOWN_ASSET)
        require(base != quote and state in list(MarketState), Reason.BAD_DEFINITION)
        require(1 <= lot_atoms <= MAX_SUPPLY and tick_atoms >= 1, Reason.BAD_DEFINITION)
        require(tick_atoms * MAX_PRICE <= MAX_SUPPLY, Reason.BAD_DEFINITION)
        require(min_lots >= 1 and (max_lots == 0 or max_lots >= min_lots), Reason.BAD_DEFINITION)
        require(min_lots * lot_atoms <= MAX_SUPPLY, Reason.BAD_DEFINITION)
        tick = Fraction(tick_atoms, 10 ** self.decimals[quote]) / Fraction(lot_atoms, 10 ** self.decimals[base])
        require((tick * 10**MAX_TICK_DECIMALS).denominator == 1, Reason.BAD_DEFINITION)
        require(number <= self.capacity, Reason.MARKETS_FULL)
        self.markets[number] = Market(number, base, quote, state, lot_atoms, tick_atoms, min_lots, max_lots)

    def _known_market(self, record: np.void) -> Market:
        require(int(record["market"]) in self.markets, Reason.UNKNOWN_MARKET)
        return self.markets[int(record["market"])]

    def _market_state(self, record: np.void) -> None:
        market = self._known_market(record)
        require(int(record["code"]) in list(MarketState), Reason.BAD_FIELD)
        market.state = int(record["code"])

    def _market_bands(self, record: np.void) -> None:
        market = self._known_market(record)
        up, down, impact, most = (int(record[name]) for name in "abcd")
        good = 0 <= up <= 1000 * PPM and 0 <= down <= PPM and 0 <= impact <= PPM and most >= 0
        require(good, Reason.BAD_FIELD)
        market.band_up, market.band_down, market.impact, market.max_open = up, down, impact, most

    def _fees(self, record: np.void) -> None:
        market = self._known_market(record)
        maker, taker = int(record["a"]), int(record["b"])
        require(record["code"] < TIERS and 0 <= maker <= PPM and 0 <= taker <= PPM, Reason.BAD_FIELD)
        market.fees[int(record["code"])] = maker, taker

    def _account(self, record: np.void) -> None:
        self._next(int(record["account"]), len(self.accounts), Reason.ACCOUNTS_FULL)
        require(int(record["account"]) <= self.capacity, Reason.ACCOUNTS_FULL)
        self.accounts[int(record["account"])] = Account()

    def _known_account(self, record: np.void) -> Account:
        require(int(record["account"]) in self.accounts, Reason.UNKNOWN_ACCOUNT)
        return self.accounts[int(record["account"])]

    def _account_state(self, record: np.void) -> None:
        account = self._known_account(record)
        require(record["code"] in (1, 2), Reason.BAD_FIELD)
        account.frozen = record["code"] == 2

    def _fee_tier(self, record: np.void) -> None:
        account = self._known_account(record)
        require(record["code"] < TIERS, Reason.BAD_FIELD)
        account.tier = int(record["code"])

    def _key(self, record: np.void) -> None:
        self._known_account(record)
        require(1 <= record["code"] <= 7, Reason.BAD_FIELD)
        name, account = record["public_key"].tobytes(), int(record["account"])
        if name in self.keys:
            owner, permissions = self.keys[name]
            require(owner == account and permissions != 0, Reason.ALREADY_EXISTS)
        self.keys[name] = [account, int(record["code"])]

    def _key_revoke(self, record: np.void) -> None:
        self._known_account(record)
        owner, permissions = self.keys.get(record["public_key"].tobytes(), [0, 0])
        require(owner == record["account"] and permissions != 0, Reason.UNKNOWN_KEY)
        self.keys[record["public_key"].tobytes()][1] = 0

    def _transfer(self, record: np.void) -> None:
        account, asset, atoms = self._known_account(record), int(record["asset"]), int(record["a"])
        require(asset in self.assets, Reason.UNKNOWN_ASSET)
        require(1 <= atoms <= MAX_SUPPLY, Reason.BAD_FIELD)
        kind = CommandKind(int(record["kind"]))
        balance = self.balance(int(record["account"]), asset)
        if kind == CommandKind.DEPOSIT:
            require(self.supply[asset] + atoms <= MAX_SUPPLY, Reason.SUPPLY_LIMIT)
            require(self.deposited[asset] + atoms < 2**63, Reason.SUPPLY_LIMIT)
        else:
            require(not account.frozen, Reason.ACCOUNT_FROZEN)
            require(balance[0] >= atoms, Reason.INSUFFICIENT_FUNDS)
        name = kind, asset, int(record["b"])
        require(name not in self.references, Reason.DUPLICATE_REFERENCE)
        self.references.add(name)
        if kind == CommandKind.DEPOSIT:
            self.deposited[asset] += atoms
        else:
            atoms = -atoms
        self.supply[asset] += atoms
        balance[0] += atoms

    def _lease(self, record: np.void) -> None:
        self._known_account(record)
        account, gateway, ttl = int(record["account"]), int(record["a"]), int(record["b"])
        if record["code"] == GIVE_UP:
            self.disarm(Reason.DISCONNECTED, account, gateway)
            return
        require(record["code"] == TAKE and 1 <= ttl <= DAY_MS, Reason.BAD_FIELD)
        self.disarm(Reason.DISCONNECTED, account, gateway)
        self.arm(Reason.DISCONNECTED, account, gateway, 0xFFFF_FFFF, ttl)
