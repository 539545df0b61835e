"""The market-by-order feed: every order accepted, changed or gone, without its owner. `order@SOL_USDC`.

A market that somebody listens to is followed by an order book of its own, begun with the engine's answer to
BOOK_ORDERS; events that come meanwhile wait. Numbers are those of depth: each change of an order has one, so a REST
snapshot fits between two messages in the same way, and a quiet market says where it stands once a second. If events
are missing (this process was too slow), the book is asked again, and the difference goes out as one message.

Nothing is merged: a client that follows single orders needs each of their changes. Non-goals: levels (depth.py).
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field

import numpy as np

from egress import frames
from egress.frames import Texts, Times
from egress.hub import Hub, Item
from egress.names import Stream
from egress.streams.kind import SharedTexts, StreamKind
from engine_core.process.tasks import ended
from engine_core.replica.market_data import Changes, MarketData, Query
from engine_core.replica.orders import OrderBook, OrderChange
from engine_core.replica.setup import Market
from engine_core.replica.waiting import Waiting
from engine_core.wire.codes import EventKind, QueryKind

MAX_CHANGES = 1_000  # of a message: about 50 kB
MAX_WAITING = 200_000  # events that may wait for a book; beyond, they are dropped and it is asked again
RETRY_SECONDS = 0.5
HEARTBEAT_SECONDS = 1.0
LINGER_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Feed:
    stream: Stream
    market: Market
    texts: Texts
    book: OrderBook = field(default_factory=OrderBook)
    said_to: int = 0  # the number up to which listeners know the book
    said_at: float = 0.0
    changes: list[OrderChange] = field(default_factory=list)  # not yet sent
    as_one: bool = False  # `changes` contain a difference of books: they cover their numbers only together
    # EVENT records that came while the book was asked
    waiting: Waiting = field(default_factory=lambda: Waiting(MAX_WAITING))
    task: asyncio.Task[None] | None = None  # asks for the book; None: the book is followed


class OrderFeeds(StreamKind):
    """It listens by itself, since it also follows the books that nobody listens to for a while."""

    def __init__(self, data: MarketData, hub: Hub, query: Query) -> None:
        super().__init__(data, hub, SharedTexts())
        self._query = query
        self._feeds: dict[int, Feed] = {}
        self._idle: dict[int, asyncio.TimerHandle] = {}  # markets that nobody listens to, until they are given up
        self.gaps = 0  # times that a book had to be asked again
        self._heartbeat: asyncio.TimerHandle | None = None
        data.listeners.append(self._changed)

    async def end(self) -> None:
        self._data.listeners.remove(self._changed)
        tasks = [feed.task for feed in self._feeds.values() if feed.task is not None]
        for number in list(self._feeds):
            self._end(number)
        await ended(*tasks)

    def open(self, stream: Stream, market: Market) -> None:
        idle = self._idle.pop(market.number, None)
        if idle is not None:
            idle.cancel()
            feed = self._feeds[market.number]
            if feed.task is None and not feed.changes and not feed.as_one:
                self._say_nothing_new(feed)  # else what there is to say tells where the book stands
            return
        feed = self._feeds[market.number] = Feed(stream, market, self._texts.of(market))
        self._ask(feed)
        if self._heartbeat is None:
            self._schedule_heartbeat()

    def close(self, stream: Stream, market: Market) -> None:
        """Nobody listens any more. The book is followed a while longer: clients that come and go, without a key, must
        not make the engine read it out each time."""
        number = market.number
        self._idle[number] = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._end, number)

    def _end(self, number: int) -> None:
        idle = self._idle.pop(number, None)
        if idle is not None:
            idle.cancel()
        feed = self._feeds.pop(number)
        if feed.task is not None:
            feed.task.cancel()
        if not self._feeds and self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None

    def collect(self) -> list[Item]:
        items = super().collect()  # heartbeats
        for feed in self._feeds.values():
            if feed.task is None and (feed.changes or feed.as_one):
                items += [Item(feed.stream, data) for data in self._messages(feed)]
        return items

    def _messages(self, feed: Feed) -> list[bytes]:
        changes, feed.changes = feed.changes, []
        times = self._times(feed)
        messages = []
        if feed.as_one:
            span = feed.said_to + 1, feed.book.update_id
            messages.append(frames.orders(feed.market, feed.texts, span, changes, times))
            feed.as_one = False
        else:
            for first in range(0, len(changes), MAX_CHANGES):
                part = changes[first : first + MAX_CHANGES]
                span = part[0].update_id, part[-1].update_id
                messages.append(frames.orders(feed.market, feed.texts, span, part, times))
        feed.said_to, feed.said_at = feed.book.update_id, asyncio.get_running_loop().time()
        return messages

    def _times(self, feed: Feed) -> Times:
        return Times(time.time_ns() // 1_000, self._data.time_of(feed.market.number))

    def _say_nothing_new(self, feed: Feed) -> None:
        """Tell where the book stands: a message that uses up no number."""
        feed.said_to, feed.said_at = feed.book.update_id, asyncio.get_running_loop().time()
        span, times = (feed.said_to + 1, feed.said_to), self._times(feed)
        self._ready.append(Item(feed.stream, frames.orders(feed.market, feed.texts, span, [], times)))
        self._hub.wake()

    def _schedule_heartbeat(self) -> None:
        self._heartbeat = asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, self._beat)

    def _beat(self) -> None:
        now = asyncio.get_running_loop().time()
        for feed in self._feeds.values():
            quiet = now - feed.said_at >= HEARTBEAT_SECONDS / 2
            if quiet and feed.task is None and not feed.changes and not feed.as_one:
                self._say_nothing_new(feed)
        self._schedule_heartbeat()

    # -- following -------------------------------------------------------------------------------------------------

    def _changed(self, changes: Changes) -> None:
        if not self._feeds or not len(changes.slots):
            return
        events = changes.slots["event"]
        of_orders = events["kind"] < EventKind.APPLIED  # records of another shape from there on
        for number, feed in self._feeds.items():
            own = events[of_orders & (events["market"] == number) & (events["update_id"] > 0)]
            if len(own):
                self._update(feed, changes.shard, own)

    def _update(self, feed: Feed, shard: int, events: np.ndarray) -> None:
        if feed.task is not None:
            feed.waiting.add(shard, events)
            return
        new = events[events["update_id"] > feed.book.update_id]
        if not len(new):
            return
        if new["update_id"][0] != feed.book.update_id + 1:
            logger.warning("orders of %s: events after %d are missing", feed.market.symbol, feed.book.update_id)
            self.gaps += 1
            feed.waiting.add(shard, events)
            self._ask(feed)
            return
        feed.changes += feed.book.apply(new)
        self._hub.wake()

    def _ask(self, feed: Feed) -> None:
        feed.task = asyncio.get_running_loop().create_task(self._load(feed))

    async def _load(self, feed: Feed) -> None:
        """Get the book from the engine, and go on from there with the events that waited."""
        while True:
            try:
                header, orders = await self._query(QueryKind.BOOK_ORDERS, market=feed.market.number)
                break
            except (OSError, TimeoutError, RuntimeError) as error:
                logger.warning("orders of %s are not available, asking again: %s", feed.market.symbol, error)
                await asyncio.sleep(RETRY_SECONDS)
            if self._feeds.get(feed.market.number) is not feed:
                return  # nobody listens any more, and the cancellation was lost
        began, update_id = feed.said_at == 0.0, int(header["update_id"])
        changes = feed.book.replace(orders, update_id)
        feed.task = None
        if began:
            self._say_nothing_new(feed)
        else:
            feed.changes += changes
            feed.as_one = True
            self._hub.wake()
        for shard, events in feed.waiting.take():
            self._update(feed, shard, events)
