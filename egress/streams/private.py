"""Private streams: what happens to the orders and balances of an account, for those who proved to be its owner.

For each account that somebody listens to, its balances and open orders are asked once. Events that arrive meanwhile
wait; afterwards every event says the new balances itself: of the asset given both parts, of the one received only the
available part, since receiving locks nothing. The account that fees go to has no events of its own for them: what it
gets stands in everybody's fills, each settled before it was written.

An account has a ledger in each shard. What is told is their sum, and what is on its way from one to another: it has
left there and not come here yet, and nobody should see it go. All shards are asked at once, and what happens to orders
of one is told from its own answer on. Only sums wait for the last answer; of what changes until then no event is kept,
but the asset, whose sum is told first.

Non-goals: authentication (auth.py) and texts (private_frames.py).
"""

import asyncio
import logging
import time
from collections.abc import Container
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from egress.frames import message
from egress.hub import Hub, Subscriber
from egress.names import Kind, Stream
from egress.streams.private_frames import (
    UPDATES,
    WITH_BALANCES,
    BalanceState,
    Extras,
    balance_update,
    extras_of,
    order_update,
)
from engine_core.process.tasks import ended
from engine_core.replica.market_data import Changes, MarketData, Query
from engine_core.replica.setup import Asset, Market
from engine_core.wire.codes import OVER, CommandKind, EventKind, QueryKind, Side
from engine_core.wire.events import Event, event_of
from engine_core.wire.layout import ADMIN_EVENT
from engine_core.wire.limits import ALL_MARKETS, FEE_ACCOUNT
from engine_core.wire.streams import EntryId

RETRY_SECONDS = 0.5
MAX_WAITING = 20_000  # events of one account that may wait for the answer of their shard

_NOTHING = BalanceState(0, 0)
_MOVE_MONEY = (
    CommandKind.DEPOSIT,
    CommandKind.WITHDRAW,
    CommandKind.TRANSFER,
    *(_BETWEEN_SHARDS := (CommandKind.MOVE_OUT, CommandKind.MOVE_IN)),
)

logger = logging.getLogger(__name__)


class _When(NamedTuple):
    """Of an event: in which shard, whether what that shard has answered contains it, the engine's time, and ours."""

    shard: int
    contained: bool
    time_ms: int
    now_us: int


class _Path(NamedTuple):
    source: int
    target: int


class _Half(NamedTuple):
    """Of a move between shards: what has left."""

    sequence: int
    asset: int
    atoms: int


@dataclass(slots=True)
class Subscription:
    client: Subscriber
    name: str  # as subscribed
    stream: Stream


@dataclass(slots=True)
class Ledger:
    """Of an account in one shard."""

    balances: dict[int, BalanceState] = field(default_factory=dict)  # by asset
    known_to: EntryId | None = None  # the entry that the shard's answer contains; None: it has not answered yet
    waiting: list[np.ndarray] = field(default_factory=list)  # SLOT records, until it does
    task: asyncio.Task[None] | None = None  # which asks it


@dataclass(slots=True)
class Account:
    number: int
    ledgers: list[Ledger]  # of each shard
    subscriptions: list[Subscription] = field(default_factory=list)
    moving: dict[_Path, _Half] = field(default_factory=dict)  # that left one shard, until it arrives in another
    arrived: dict[_Path, int] = field(default_factory=dict)  # the last sequence that did
    has_sums: bool = False  # all shards have answered
    told: dict[int, BalanceState] = field(default_factory=dict)  # sums, by asset
    untold: set[int] = field(default_factory=set)  # assets that changed before there were sums
    extras: dict[int, Extras] = field(default_factory=dict)  # by order

    def wants(self, kind: Kind, symbol: str = "") -> list[Subscription]:
        return [
            subscription
            for subscription in self.subscriptions
            if subscription.stream.kind is kind and subscription.stream.symbol in ("", symbol)
        ]

    def total(self, asset: int) -> BalanceState:
        held = [ledger.balances[asset] for ledger in self.ledgers if asset in ledger.balances]
        moving = sum(half.atoms for half in self.moving.values() if half.asset == asset)
        return BalanceState(sum(each.available for each in held) + moving, sum(each.locked for each in held))

    def begin_sums(self) -> None:
        assets = set().union(*(ledger.balances for ledger in self.ledgers))
        self.told, self.has_sums = {asset: self.total(asset) for asset in assets}, True

    def move(self, command: np.void, when: _When) -> None:
        """Take note of a MOVE_OUT or MOVE_IN."""
        other, sequence, shard = int(command["code"]), int(command["sequence"]), when.shard
        if command["kind"] == CommandKind.MOVE_IN:
            path = _Path(other, shard)
            self.arrived[path] = max(sequence, self.arrived.get(path, 0))
            if path in self.moving and self.moving[path].sequence <= sequence:
                del self.moving[path]
        elif not when.contained and sequence > self.arrived.get(path := _Path(shard, other), 0):
            self.moving[path] = _Half(sequence, int(command["asset"]), int(command["amount_atoms"]))


class PrivateStreams:
    def __init__(self, data: MarketData, hub: Hub, *queries: Query) -> None:
        """`queries`: of each shard."""
        self._data, self._hub, self._queries = data, hub, queries
        self._accounts: dict[int, Account] = {}
        self._watched = np.zeros(1, np.bool_)  # by account number
        data.listeners.append(self._changed)

    async def stop(self) -> None:
        self._data.listeners.remove(self._changed)
        await ended(*[ledger.task for account in self._accounts.values() for ledger in account.ledgers])

    def subscribe(self, client: Subscriber, name: str, stream: Stream, number: int) -> None:
        account = self._accounts.get(number)
        if account is None:
            account = self._accounts[number] = Account(number, [Ledger() for _ in self._queries])
            for shard, ledger in enumerate(account.ledgers):
                ledger.task = asyncio.get_running_loop().create_task(self._ask(account, shard))
            self._watch()
        account.subscriptions.append(Subscription(client, name, stream))

    def unsubscribe(self, client: Subscriber, number: int, names: Container[str] | None = None) -> None:
        """Forget these names of a client at an account, or all of them."""
        account = self._accounts.get(number)
        if account is None:
            return
        account.subscriptions = [
            one
            for one in account.subscriptions
            if one.client is not client or (names is not None and one.name not in names)
        ]
        if not account.subscriptions:
            for ledger in account.ledgers:
                if ledger.task is not None:
                    ledger.task.cancel()
            del self._accounts[account.number]
            self._watch()

    def _watch(self) -> None:
        self._watched = np.zeros(max(self._accounts, default=0) + 2, np.bool_)  # the last one: nobody
        self._watched[list(self._accounts)] = True

    async def _ask(self, account: Account, shard: int) -> None:
        """Learn the account's balances and open orders in a shard, then take the events that waited for them."""
        answers = await self._answers(account, self._queries[shard])
        if answers is None:
            return
        orders, header, balances = answers
        for record in orders:
            self._remember(account, event_of(record))
        ledger = account.ledgers[shard]
        held = balances[["asset", "available", "locked"]].tolist()
        ledger.balances = {asset: BalanceState(available, locked) for asset, available, locked in held}
        ledger.known_to, ledger.task = EntryId(int(header["entry_ms"]), int(header["entry_seq"])), None
        if len(account.ledgers) == 1:
            account.begin_sums()  # of one ledger: each change that waited is told by itself
        waiting, ledger.waiting = ledger.waiting, []
        for slots in waiting:
            for slot in slots:
                self._apply(account, slot, shard)
        if not account.has_sums and all(each.known_to is not None for each in account.ledgers):
            account.begin_sums()  # now that arrivals that waited are noted, too: no move counts twice
            now_us = time.time_ns() // 1_000
            for asset in sorted(account.untold):
                self._tell_balance(account, self._data.setup.assets[asset], self._data.time_ms, now_us)
            account.untold.clear()

    async def _answers(self, account: Account, query: Query) -> tuple[np.ndarray, np.void, np.ndarray] | None:
        """(orders, header of the balances, balances) of a shard; None: nobody listens any more."""
        while True:
            try:
                _, orders = await query(QueryKind.ORDERS, market=ALL_MARKETS, account=account.number)
                return orders, *await query(QueryKind.BALANCES, account=account.number)
            except (OSError, TimeoutError, RuntimeError) as error:
                logger.warning("balances of account %d are not available, asking again: %s", account.number, error)
                await asyncio.sleep(RETRY_SECONDS)
            if self._accounts.get(account.number) is not account:
                return None  # the cancellation was lost

    def _changed(self, changes: Changes) -> None:
        if not self._accounts or not len(changes.slots):
            return
        events = changes.slots["event"]
        numbers = events["account"]
        watched = np.take(self._watched, numbers, mode="clip")
        treasury = self._accounts.get(FEE_ACCOUNT)
        if treasury is not None:
            pays = (events["kind"] == EventKind.FILL) & (events["fee_atoms"] > 0)
            for row in np.flatnonzero(pays | (numbers == FEE_ACCOUNT)).tolist():
                self._give(treasury, changes, row)
            watched &= numbers != FEE_ACCOUNT
        for row in np.flatnonzero(watched).tolist():
            account = self._accounts.get(int(numbers[row]))
            if account is not None:  # it may have been dropped at an earlier row
                self._give(account, changes, row)

    def _give(self, account: Account, changes: Changes, row: int) -> None:
        ledger = account.ledgers[changes.shard]
        if ledger.known_to is not None:
            self._apply(account, changes.slots[row], changes.shard)
        else:
            self._wait(account, ledger, changes.slots[row : row + 1].copy())

    def _wait(self, account: Account, ledger: Ledger, slot: np.ndarray) -> None:
        ledger.waiting.append(slot)
        if len(ledger.waiting) > MAX_WAITING:
            for client in {subscription.client for subscription in account.subscriptions}:
                self.unsubscribe(client, account.number)
                client.socket.drop("the balances of this account are not available")

    def _apply(self, account: Account, slot: np.void, shard: int) -> None:
        known_to = account.ledgers[shard].known_to
        contained = known_to is not None and EntryId(int(slot["entry_ms"]), int(slot["entry_seq"])) <= known_to
        when = _When(shard, contained, int(slot["time_ms"]), time.time_ns() // 1_000)
        record = slot["event"]
        if record["kind"] == EventKind.APPLIED:
            self._apply_admin(account, np.frombuffer(record.tobytes(), ADMIN_EVENT)[0], when)
            return
        event = event_of(record)
        if event.kind not in WITH_BALANCES:
            return
        market = self._data.setup.markets[event.market]
        if event.account != account.number:
            self._apply_fee(account, event, market, when)
            return
        self._remember(account, event)
        if event.kind in UPDATES:
            self._tell_order(account, event, market, when)
        if event.status in OVER:
            account.extras.pop(event.order_id, None)
        self._apply_balances(account, event, market, when)

    def _remember(self, account: Account, event: Event) -> None:
        if event.kind != EventKind.FILL and (extras := extras_of(event)) is not None:
            account.extras[event.order_id] = extras

    def _tell_order(self, account: Account, event: Event, market: Market, when: _When) -> None:
        subscriptions = account.wants(Kind.ORDER_UPDATE, market.symbol)
        if subscriptions:
            update = order_update(event, market, account.extras.get(event.order_id), when.time_ms, when.now_us)
            for subscription in subscriptions:
                self._hub.send_private(subscription.client, message(subscription.name, update))

    def _apply_balances(self, account: Account, event: Event, market: Market, when: _When) -> None:
        buys = event.side == Side.BID
        given, received = (market.quote, market.base) if buys else (market.base, market.quote)
        locked = account.ledgers[when.shard].balances.get(received.number, _NOTHING).locked
        self._set(account, given, BalanceState(event.given_available, event.given_locked), when)
        self._set(account, received, BalanceState(event.received_available, locked), when)

    def _apply_fee(self, account: Account, fill: Event, market: Market, when: _When) -> None:
        """Somebody's fee was credited to this account, of the asset that the fill received."""
        asset = market.base if fill.side == Side.BID else market.quote
        held = account.ledgers[when.shard].balances.get(asset.number, _NOTHING)
        self._set(account, asset, BalanceState(held.available + fill.fee_atoms, held.locked), when)

    def _apply_admin(self, account: Account, event: np.void, when: _When) -> None:
        if event["command"]["kind"] in _BETWEEN_SHARDS:
            account.move(event["command"], when)
        if event["command"]["kind"] in _MOVE_MONEY:
            asset = self._data.setup.assets[int(event["command"]["asset"])]
            balance = BalanceState(int(event["given_available"]), int(event["given_locked"]))
            self._set(account, asset, balance, when)

    def _set(self, account: Account, asset: Asset, balance: BalanceState, when: _When) -> None:
        """`balance`: after the event, in its shard. A change that the answer contains may still be news for sums."""
        balances = account.ledgers[when.shard].balances
        if not when.contained:
            if balances.get(asset.number, _NOTHING) == balance:
                return
            balances[asset.number] = balance
        if not account.has_sums:
            account.untold.add(asset.number)
        elif account.total(asset.number) != account.told.get(asset.number):
            self._tell_balance(account, asset, when.time_ms, when.now_us)

    def _tell_balance(self, account: Account, asset: Asset, time_ms: int, now_us: int) -> None:
        """To who listens; who begins to later has read it, and hears of the next change."""
        total = account.told[asset.number] = account.total(asset.number)
        subscriptions = account.wants(Kind.BALANCE_UPDATE)
        if subscriptions:
            update = balance_update(asset, total, time_ms, now_us)
            for subscription in subscriptions:
                self._hub.send_private(subscription.client, message(subscription.name, update))
