"""The slow twin's ADMIN commands."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from engine_core.book.memory.state import MOST, Capacities
from engine_core.wire.codes import AccountOption, CommandKind, EventKind, MarketFlag, MarketState, Reason
from engine_core.wire.layout import ADMIN_EVENT, BEHAVIOUR_VERSION, EVENT, SCHEMA_VERSION
from engine_core.wire.limits import KEYS_OF_ONE_ACCOUNT, MAX_DECIMALS, MAX_TICK_DECIMALS
from tests.model.book import MAX_PRICE, Market
from tests.model.ledger import Account, Refused
from tests.model.shares import Shares, counts
from tests.model.twin import DAY_MS, MAX_SUPPLY, Twin, require

TIERS = 16
MOST_SHARDS = 16
PPM = 1_000_000
TAKE, GIVE_UP = 1, 2  # of a lease
MONEY = (*(CommandKind.DEPOSIT, CommandKind.WITHDRAW, CommandKind.TRANSFER, CommandKind.MOVE_OUT, CommandKind.MOVE_IN),)


@dataclass
class Link:
    """What one account has moved to and from one other shard."""

    sent: int = 0  # number of the last move out
    asset: int = 0  # of that one, as the next two
    atoms: int = 0
    reference: int = 0
    arrived: int = 0  # number of the last one from there


class AdminTwin(Twin, Shares):
    """The whole twin. `capacities` are those of the book, `capacity` that of accounts, assets and markets."""

    def __init__(self, capacities: Capacities, capacity: int) -> None:
        Twin.__init__(self, capacities.orders, capacities.ended, capacities.ended_per_account)
        Shares.__init__(self, capacities)
        self.capacity = capacity
        self.assets: dict[int, bytes] = {}
        self.decimals: dict[int, int] = {}
        self.supply: dict[int, int] = {}
        self.deposited: dict[int, int] = {}
        self.references: set[tuple[CommandKind, int, int]] = set()
        self.links: dict[tuple[int, int], Link] = {}  # by account and shard
        self.keys: dict[bytes, list[int]] = {}  # [account, permissions], 0 once revoked; in the order of revoking

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
        accounts = [int(record["account"])]
        if kind == CommandKind.TRANSFER and not reason:
            accounts.append(int(record["to_account"]))
        for account in accounts:
            event = np.zeros(1, ADMIN_EVENT)
            event["kind"] = EventKind.REFUSED if reason else EventKind.APPLIED
            event["reason"], event["index"], event["account"] = reason, index, account
            event["command"][0] = record
            if not reason and kind in MONEY:
                event["given_available"], event["given_locked"] = self.balance(account, int(record["asset"]))
            self.events.append(event.view(EVENT))
        return self.events

    def _apply(self, record: np.void, kind: int) -> None:
        if kind == CommandKind.GENESIS:
            require(not self.genesis, Reason.ALREADY_GENESIS)
            good = record["code"] == SCHEMA_VERSION and record["b"] == BEHAVIOUR_VERSION
            require(bool(good), Reason.BEHAVIOUR_VERSION)
            require(record["market"] < MOST_SHARDS, Reason.BAD_DEFINITION)
            self.genesis, self.shard = True, int(record["market"])
            self.orders_made = self.shard * 2**35
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
            CommandKind.TRANSFER: self._transfer,
            CommandKind.MOVE_OUT: self._move,
            CommandKind.MOVE_IN: self._move,
            CommandKind.ACCOUNT_OPTIONS: self._account_options,
            CommandKind.SHARES: self._shares,
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
        state, flags = int(record["code"]), int(record["flags"])
        numbers = trades, updates, last = tuple(int(record[name]) for name in "abc")
        require(state in list(MarketState), Reason.BAD_FIELD)
        move, goes_to = int(record["quote_asset"]), int(record["to_account"])
        if flags == MarketFlag.MOVES_HERE and market.state == MarketState.ELSEWHERE:
            require(move < 2**16 and goes_to <= 16, Reason.BAD_FIELD)
            require(move == 0 or move > market.moves, Reason.BAD_SEQUENCE)
            require(market.trades <= trades <= MAX_SUPPLY and market.updates <= updates <= MAX_SUPPLY, Reason.BAD_FIELD)
            require(0 <= last <= MAX_PRICE, Reason.BAD_FIELD)
            market.trades, market.updates, market.last = numbers
            market.moves = max(market.moves, move)
            market.goes_to = goes_to if state == MarketState.ELSEWHERE else 0
        else:
            require(flags == 0 and numbers == (0, 0, 0), Reason.BAD_FIELD)
            if market.state == MarketState.ELSEWHERE:
                require(state == MarketState.ELSEWHERE, Reason.MARKET_ELSEWHERE)
            orders = [order for account in self.accounts.values() for order in account.orders]
            in_use = any(order.market == market.number for order in orders)
            require(state != MarketState.ELSEWHERE or not in_use, Reason.MARKET_IN_USE)
            if state == MarketState.ELSEWHERE and move:
                self._market_leaves(market, move, goes_to)
            elif state != MarketState.ELSEWHERE:
                require(move == 0 or move > market.moves, Reason.BAD_SEQUENCE)
        market.state = state

    def _market_leaves(self, market: Market, move: int, goes_to: int) -> None:
        require(move < 2**16 and goes_to - 1 in range(16) and goes_to - 1 != self.shard, Reason.BAD_FIELD)
        is_here = market.state != MarketState.ELSEWHERE
        if is_here or (move, goes_to) != (market.moves, market.goes_to):  # else it was said already
            require(move > market.moves and (is_here or not market.goes_to), Reason.BAD_SEQUENCE)
        market.moves, market.goes_to = move, goes_to

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
        most = self.capacities.accounts - self.capacities.accounts // 16
        require(record["code"] != 1 or not self.divided or len(self.accounts) < most, Reason.ACCOUNTS_FULL)
        self.accounts[int(record["account"])] = Account()

    def _shares(self, record: np.void) -> None:
        require(record["code"] <= 1, Reason.BAD_FIELD)
        self.divided = bool(record["code"])

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

    def _account_options(self, record: np.void) -> None:
        account = self._known_account(record)
        require(record["code"] in (0, AccountOption.AUTO_TRANSFER), Reason.BAD_FIELD)
        account.options = int(record["code"])

    def _move(self, record: np.void) -> None:
        account, number = self._known_account(record), int(record["account"])
        asset, shard = int(record["asset"]), int(record["code"])
        atoms, sequence, reference = (int(record[name]) for name in "abc")
        require(asset in self.assets, Reason.UNKNOWN_ASSET)
        require(shard < MOST_SHARDS and shard != self.shard, Reason.BAD_FIELD)
        require(1 <= atoms <= MAX_SUPPLY and reference != 0 and sequence >= 1, Reason.BAD_FIELD)
        link, balance = self.links.get((number, shard), Link()), self.balance(number, asset)
        goes_out = record["kind"] == CommandKind.MOVE_OUT
        if goes_out:
            if reference == link.reference:
                repeated = (asset, atoms) == (link.asset, link.atoms)
                raise Refused(Reason.REPEATED if repeated else Reason.DUPLICATE_REFERENCE)
            require(sequence == link.sent + 1, Reason.BAD_SEQUENCE)
            require(not account.frozen, Reason.ACCOUNT_FROZEN)
            require(balance[0] >= atoms, Reason.INSUFFICIENT_FUNDS)
        else:
            require(sequence > link.arrived, Reason.REPEATED)
            require(sequence == link.arrived + 1, Reason.BAD_SEQUENCE)
        require((number, shard) in self.links or len(self.links) < self.capacities.links, Reason.LINKS_FULL)
        self.links[number, shard] = link
        balance[0] += -atoms if goes_out else atoms
        if goes_out:
            link.sent, link.asset, link.atoms, link.reference = sequence, asset, atoms, reference
        else:
            link.arrived = sequence

    def _key(self, record: np.void) -> None:
        self._known_account(record)
        require(1 <= record["code"] <= 7, Reason.BAD_FIELD)
        name, account = record["public_key"].tobytes(), int(record["account"])
        if name in self.keys:
            owner, permissions = self.keys[name]
            require(owner == account and permissions != 0, Reason.ALREADY_EXISTS)
        else:
            held = sum(permissions != 0 for _, permissions in self.keys.values())
            require(held < self.capacities.keys, Reason.KEYS_FULL)
            require(self.keys_of(account) < KEYS_OF_ONE_ACCOUNT, Reason.KEYS_SHARE)
            everybodys = [self.keys_of(one) for one in self.accounts]
            held = self.keys_of(account)
            self.require_share(self.capacities.keys, everybodys, held, Reason.KEYS_FULL, Reason.KEYS_SHARE)
            if len(self.keys) == self.capacities.keys:
                del self.keys[next(key for key, (_, permissions) in self.keys.items() if not permissions)]
        self.keys[name] = [account, int(record["code"])]

    def keys_of(self, account: int) -> int:
        return sum(owner == account and permissions != 0 for owner, permissions in self.keys.values())

    def _key_revoke(self, record: np.void) -> None:
        self._known_account(record)
        name = record["public_key"].tobytes()
        owner, permissions = self.keys.get(name, [0, 0])
        require(owner == record["account"] and permissions != 0, Reason.UNKNOWN_KEY)
        del self.keys[name]
        self.keys[name] = [owner, 0]

    def _transfer(self, record: np.void) -> None:
        kind, number = CommandKind(int(record["kind"])), int(record["account"])
        require(self.shard == 0, Reason.NOT_HOME)
        account, asset, atoms = self._known_account(record), int(record["asset"]), int(record["a"])
        if kind == CommandKind.TRANSFER:
            require(int(record["to_account"]) in self.accounts, Reason.UNKNOWN_ACCOUNT)
            require(record["to_account"] != number, Reason.BAD_FIELD)
        require(asset in self.assets, Reason.UNKNOWN_ASSET)
        require(atoms >= 1, Reason.BAD_FIELD)
        require(atoms <= MAX_SUPPLY, Reason.SUPPLY_LIMIT)
        own = kind != CommandKind.DEPOSIT and bool(kind == CommandKind.TRANSFER or record["c"] or record["d"])
        if own:
            self._check_repeat(account, record)
        balance = self.balance(number, asset)
        if kind == CommandKind.DEPOSIT:
            require(self.supply[asset] + atoms <= MAX_SUPPLY, Reason.SUPPLY_LIMIT)
            require(self.deposited[asset] + atoms < 2**63, Reason.SUPPLY_LIMIT)
        else:
            require(not account.frozen, Reason.ACCOUNT_FROZEN)
            require(balance[0] >= atoms, Reason.INSUFFICIENT_FUNDS)
        self._remember(account, record, kind, own)
        if kind == CommandKind.DEPOSIT:
            self.deposited[asset] += atoms
            self.supply[asset] += atoms
            balance[0] += atoms
            return
        balance[0] -= atoms
        if kind == CommandKind.WITHDRAW:
            self.supply[asset] -= atoms
        else:
            self.balance(int(record["to_account"]), asset)[0] += atoms

    def _check_repeat(self, account: Account, record: np.void) -> None:
        reference = int(record["b"])
        for known, content in account.withdrawals:
            if known == reference:
                raise Refused(Reason.REPEATED if content == _content(record) else Reason.DUPLICATE_REFERENCE)
        before = (CommandKind.WITHDRAW, int(record["asset"]), reference)
        require(before not in self.references, Reason.DUPLICATE_REFERENCE)

    def _remember(self, account: Account, record: np.void, kind: CommandKind, own: bool) -> None:
        if own:
            size, everybodys = self.capacities.references, counts(self.accounts, lambda one: len(one.withdrawals))
            is_full = len(self.references) + sum(everybodys) == size
            if is_full or not self.has_share(size, everybodys, len(account.withdrawals), half=True):
                require(bool(account.withdrawals), Reason.REFERENCES_FULL)
                del account.withdrawals[0]
            account.withdrawals.append((int(record["b"]), _content(record)))
            return
        name = kind, int(record["asset"]), int(record["b"])
        require(name not in self.references, Reason.DUPLICATE_REFERENCE)
        self._check_operators_room()
        self.references.add(name)

    def _check_operators_room(self) -> None:
        size = self.capacities.references
        most = size
        if self.divided:
            most = (size - self.own_share(size) * self.capacities.accounts + 1) // 2
        withdrawals = sum(len(one.withdrawals) for one in self.accounts.values())
        good = len(self.references) < most and len(self.references) + withdrawals < size
        require(good, Reason.REFERENCES_FULL)

    # what orders and timers ask

    def check_orders_share(self, market: Market, account: Account) -> None:
        size, held = self.capacities.orders, len(account.orders)
        everybodys = counts(self.accounts, lambda one: len(one.orders))
        self.require_share(size, everybodys, held, Reason.ORDERS_FULL, Reason.ORDERS_SHARE)
        if self.divided and len(self.markets) > 1 and held >= self.own_share(size):
            here = sum(order.market == market.number for one in self.accounts.values() for order in one.orders)
            require(here < (size + 1) // 2, Reason.MARKET_SHARE)

    def check_timers_share(self, account: int) -> None:
        size = self.capacities.timers
        everybodys = [sum(timer.account == one for timer in self.timers) for one in self.accounts]
        held = sum(timer.account == account for timer in self.timers)
        self.require_share(size, everybodys, held, Reason.TIMERS_FULL, Reason.TIMERS_SHARE)

    def may_remember(self, account: Account) -> bool:
        everybodys = counts(self.accounts, lambda one: len(one.ended))
        return not self.divided or self.has_share(self.capacities.ended, everybodys, len(account.ended))

    def _lease(self, record: np.void) -> None:
        self._known_account(record)
        account, gateway, ttl = int(record["account"]), int(record["a"]), int(record["b"])
        if record["code"] == GIVE_UP:
            self.disarm(Reason.DISCONNECTED, account, gateway)
            return
        require(record["code"] == TAKE and 1 <= ttl <= DAY_MS, Reason.BAD_FIELD)
        self.arm(Reason.DISCONNECTED, account, gateway, 0xFFFF_FFFF, ttl)


def _content(record: np.void) -> tuple[int, ...]:
    """What a repeated withdrawal repeats."""
    return tuple(int(record[name]) for name in ("kind", "asset", "to_account", "a", "c", "d"))
