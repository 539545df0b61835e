"""Private streams: what happens to the orders and balances of an account, for those who proved to be its owner.

For each account that somebody listens to, its balances and open orders are asked once. Events that arrive meanwhile
wait; afterwards every event says the new balances itself: of the asset given both parts, of the one received only the
available part, since receiving locks nothing. The account that fees go to has no events of its own for them: what it
gets stands in everybody's fills, each settled before it was written.

Non-goals: authentication (auth.py) and texts (private_frames.py).
"""

import asyncio
import logging
import time
from collections.abc import Container
from dataclasses import dataclass, field

import numpy as np

from egress.frames import message
from egress.hub import Hub, Subscriber
from egress.names import Kind, Stream
from egress.streams.private_frames import (
    ENDED,
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
from engine_core.wire.codes import CommandKind, EventKind, QueryKind, Side
from engine_core.wire.events import Event, event_of
from engine_core.wire.layout import ADMIN_EVENT
from engine_core.wire.limits import ALL_MARKETS, FEE_ACCOUNT
from engine_core.wire.streams import EntryId

RETRY_SECONDS = 0.5
MAX_WAITING = 20_000  # events of one account that may wait for its balances

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Subscription:
    client: Subscriber
    name: str  # as subscribed
    stream: Stream


@dataclass(slots=True)
class Account:
    number: int
    subscriptions: list[Subscription] = field(default_factory=list)
    balances: dict[int, BalanceState] = field(default_factory=dict)  # by asset
    known_to: EntryId | None = None  # the entry that the asked balances contain; None: not yet known
    extras: dict[int, Extras] = field(default_factory=dict)  # by order
    waiting: list[np.ndarray] = field(default_factory=list)  # SLOT records
    task: asyncio.Task[None] | None = None

    def wants(self, kind: Kind, symbol: str = "") -> list[Subscription]:
        return [
            subscription
            for subscription in self.subscriptions
            if subscription.stream.kind is kind and subscription.stream.symbol in ("", symbol)
        ]


class PrivateStreams:
    def __init__(self, data: MarketData, hub: Hub, query: Query) -> None:
        self._data, self._hub, self._query = data, hub, query
        self._accounts: dict[int, Account] = {}
        self._watched = np.zeros(1, np.bool_)  # by account number
        data.listeners.append(self._changed)

    async def stop(self) -> None:
        self._data.listeners.remove(self._changed)
        await ended(*[account.task for account in self._accounts.values()])

    def subscribe(self, client: Subscriber, name: str, stream: Stream, number: int) -> None:
        account = self._accounts.get(number)
        if account is None:
            account = self._accounts[number] = Account(number)
            account.task = asyncio.get_running_loop().create_task(self._ask(account))
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
            if account.task is not None:
                account.task.cancel()
            del self._accounts[account.number]
            self._watch()

    def _watch(self) -> None:
        self._watched = np.zeros(max(self._accounts, default=0) + 2, np.bool_)  # the last one: nobody
        self._watched[list(self._accounts)] = True

    async def _ask(self, account: Account) -> None:
        """Learn the account's balances and open orders, then take the events that waited for them."""
        while True:
            try:
                _, orders = await self._query(QueryKind.ORDERS, market=ALL_MARKETS, account=account.number)
                header, balances = await self._query(QueryKind.BALANCES, account=account.number)
                break
            except (OSError, TimeoutError, RuntimeError) as error:
                logger.warning("balances of account %d are not available, asking again: %s", account.number, error)
                await asyncio.sleep(RETRY_SECONDS)
            if self._accounts.get(account.number) is not account:
                return  # nobody listens any more, and the cancellation was lost
        for record in orders:
            self._remember(account, event_of(record))
        for asset, available, locked in balances[["asset", "available", "locked"]].tolist():
            account.balances[asset] = BalanceState(available, locked)
        account.known_to = EntryId(int(header["entry_ms"]), int(header["entry_seq"]))
        account.task = None
        waiting, account.waiting = account.waiting, []
        for slots in waiting:
            for slot in slots:
                self._apply(account, slot)

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
                self._give(treasury, changes.slots, row)
            watched &= numbers != FEE_ACCOUNT
        for row in np.flatnonzero(watched).tolist():
            account = self._accounts.get(int(numbers[row]))
            if account is not None:  # it may have been dropped at an earlier row
                self._give(account, changes.slots, row)

    def _give(self, account: Account, slots: np.ndarray, row: int) -> None:
        if account.known_to is None:
            self._wait(account, slots[row : row + 1].copy())
        else:
            self._apply(account, slots[row])

    def _wait(self, account: Account, slot: np.ndarray) -> None:
        account.waiting.append(slot)
        if len(account.waiting) > MAX_WAITING:
            for client in {subscription.client for subscription in account.subscriptions}:
                self.unsubscribe(client, account.number)
                client.socket.drop("the balances of this account are not available")

    def _apply(self, account: Account, slot: np.void) -> None:
        contained = EntryId(int(slot["entry_ms"]), int(slot["entry_seq"])) <= (account.known_to or EntryId(0, 0))
        time_ms, now_us = int(slot["time_ms"]), time.time_ns() // 1_000
        record = slot["event"]
        if record["kind"] == EventKind.APPLIED:
            if not contained:
                self._apply_admin(account, np.frombuffer(record.tobytes(), ADMIN_EVENT)[0], time_ms, now_us)
            return
        event = event_of(record)
        if event.kind not in WITH_BALANCES:
            return
        market = self._data.setup.markets[event.market]
        if event.account != account.number:
            if not contained:
                self._apply_fee(account, event, market, time_ms, now_us)
            return
        self._remember(account, event)
        if event.kind in UPDATES:
            self._tell_order(account, event, market, time_ms, now_us)
        if event.status in ENDED:
            account.extras.pop(event.order_id, None)
        if not contained:
            self._apply_balances(account, event, market, time_ms, now_us)

    def _remember(self, account: Account, event: Event) -> None:
        if event.kind != EventKind.FILL and (extras := extras_of(event)) is not None:
            account.extras[event.order_id] = extras

    def _tell_order(self, account: Account, event: Event, market: Market, time_ms: int, now_us: int) -> None:
        subscriptions = account.wants(Kind.ORDER_UPDATE, market.symbol)
        if subscriptions:
            update = order_update(event, market, account.extras.get(event.order_id), time_ms, now_us)
            for subscription in subscriptions:
                self._hub.send_private(subscription.client, message(subscription.name, update))

    def _apply_balances(self, account: Account, event: Event, market: Market, time_ms: int, now_us: int) -> None:
        buys = event.side == Side.BID
        given, received = (market.quote, market.base) if buys else (market.base, market.quote)
        locked = account.balances.get(received.number, BalanceState(0, 0)).locked
        self._set(account, given, BalanceState(event.given_available, event.given_locked), time_ms, now_us)
        self._set(account, received, BalanceState(event.received_available, locked), time_ms, now_us)

    def _apply_fee(self, account: Account, fill: Event, market: Market, time_ms: int, now_us: int) -> None:
        """Somebody's fee was credited to this account, of the asset that the fill received."""
        asset = market.base if fill.side == Side.BID else market.quote
        held = account.balances.get(asset.number, BalanceState(0, 0))
        self._set(account, asset, BalanceState(held.available + fill.fee_atoms, held.locked), time_ms, now_us)

    def _apply_admin(self, account: Account, event: np.void, time_ms: int, now_us: int) -> None:
        if event["command"]["kind"] in (CommandKind.DEPOSIT, CommandKind.WITHDRAW, CommandKind.TRANSFER):
            asset = self._data.setup.assets[int(event["command"]["asset"])]
            balance = BalanceState(int(event["given_available"]), int(event["given_locked"]))
            self._set(account, asset, balance, time_ms, now_us)

    def _set(self, account: Account, asset: Asset, balance: BalanceState, time_ms: int, now_us: int) -> None:
        if account.balances.get(asset.number, BalanceState(0, 0)) == balance:
            return
        account.balances[asset.number] = balance
        subscriptions = account.wants(Kind.BALANCE_UPDATE)
        if subscriptions:
            update = balance_update(asset, balance, time_ms, now_us)
            for subscription in subscriptions:
                self._hub.send_private(subscription.client, message(subscription.name, update))
