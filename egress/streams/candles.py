"""Candles, every second those that changed. A slow client is owed every one.

A candle has ended when no trade can belong to it any more. The clock does not say that: an engine that is down or busy
may have orders of that second before it. Its own time says it, which goes on with what it executes, in whatever market.
Where nothing happens it is asked, once a second, and what it answers comes after all that it had been sent before; so
long, its candles go on. Nothing is asked while nobody listens.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from egress import frames
from egress.frames import Texts
from egress.hub import Hub, Item
from egress.names import Stream
from egress.streams.kind import SharedTexts, StreamKind
from engine_core.replica.candles import KEPT
from engine_core.replica.market_data import Changes, MarketData
from engine_core.replica.setup import Market
from engine_core.wire.codes import QueryKind

_CLOCKS_DIFFER_MS: Final = 1_000  # an order has the time at which an ingress sent it, by a clock that may be behind
ANSWER_SECONDS: Final = 0.5  # for an engine, before its candles are sent as they are
# Candles are forgotten after KEPT of them, of which the shortest last 1 s. Changes come in pieces of AT_ONCE_MS.
_MOST_BEHIND_MS: Final = KEPT // 2 * 1_000


@dataclass(slots=True)
class _Topic:
    stream: Stream
    market: Market
    texts: Texts
    said: tuple[int, int, bool] | None = None  # start, trades, closed; None: statistics were not there yet


class CandleStreams(StreamKind):
    """`complete`: of each shard, waits until all that it has executed has come here; False if that takes too long."""

    def __init__(
        self, data: MarketData, hub: Hub, texts: SharedTexts, complete: Sequence[Callable[[], Awaitable[bool]]] = ()
    ) -> None:
        super().__init__(data, hub, texts)
        self._complete = complete
        self._topics: dict[tuple[int, str], _Topic] = {}  # by market and interval
        self._known_ms: defaultdict[int, int] = defaultdict(int)  # by shard: all trades before that have come
        self._said_ms: dict[int, int] = {}  # by shard: its time when candles were last sent
        self._asking: dict[int, asyncio.Task[None]] = {}  # by shard

    def open(self, stream: Stream, market: Market) -> None:
        topic = _Topic(stream, market, self._texts.of(market))
        self._topics[market.number, stream.interval] = topic
        self._begin(topic)

    def close(self, stream: Stream, market: Market) -> None:
        del self._topics[market.number, stream.interval]

    def apply(self, changes: Changes) -> None:
        """An engine that comes back may make up for minutes at once: candles are sent before they are forgotten."""
        if not len(changes.slots):  # a book that was read again says nothing of the events up to its time
            return
        shard, time_ms = changes.shard, changes.time_ms
        self._known_ms[shard] = max(self._known_ms[shard], time_ms)
        if time_ms - self._said_ms.setdefault(shard, time_ms) > _MOST_BEHIND_MS and self._topics:
            self._say_all(shard, time.time_ns() // 1_000)

    @property
    def wants_seconds(self) -> bool:
        return bool(self._topics)

    def second(self, now_us: int) -> None:
        if not self._data.filled:  # subscribers to statistics get nothing until they are complete
            return
        for shard in {self._data.shard_of(topic.market.number) for topic in self._topics.values()}:
            if shard not in self._asking:
                self._asking[shard] = asyncio.create_task(self._end_second(shard, now_us))

    def stop(self) -> None:
        for task in self._asking.values():
            task.cancel()

    async def _end_second(self, shard: int, now_us: int) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                header, _ = await self._data.query_of(shard)(QueryKind.STATUS)
                if not self._complete or await self._complete[shard]():
                    time_ms = max(int(header["time_ms"]), now_us // 1_000 - _CLOCKS_DIFFER_MS)
                    self._known_ms[shard] = max(self._known_ms[shard], time_ms)
        except (OSError, TimeoutError, RuntimeError):
            pass  # as far as anybody knows, nothing has ended
        finally:
            del self._asking[shard]
        self._say_all(shard, now_us)

    def _say_all(self, shard: int, now_us: int) -> None:
        self._said_ms[shard] = self._known_ms[shard]
        for topic in self._topics.values():
            if self._data.shard_of(topic.market.number) == shard:
                self._say_changed(topic, now_us)

    def _begin(self, topic: _Topic) -> None:
        """A new listener gets the current candle if it has trades, and none that ended before."""
        if not self._data.filled:
            return
        newest = next(iter(self._data.candles(topic.market.number, topic.stream.interval)), None)
        if newest is None:
            topic.said = 0, 0, False
        else:
            closed = newest.end_ms <= time.time_ns() // 1_000_000
            topic.said = newest.start_ms, newest.trades if closed else 0, closed

    def _say_changed(self, topic: _Topic, now_us: int) -> None:
        """Candles that changed since they were sent, oldest first; one that has ended is sent once more, closed."""
        if topic.said is None:
            self._begin(topic)
        if topic.said is None:
            return
        known_ms = self._known_ms[self._data.shard_of(topic.market.number)]
        for candle in reversed(self._data.candles(topic.market.number, topic.stream.interval)):
            said = candle.start_ms, candle.trades, candle.end_ms <= known_ms
            if candle.start_ms >= topic.said[0] and said != topic.said and (*said[:2], True) != topic.said:
                topic.said = said
                self._say(Item(topic.stream, frames.kline(topic.market, topic.texts, candle, said[2], now_us)))
