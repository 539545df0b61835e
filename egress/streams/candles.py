"""Candles, every second those that changed. A slow client is owed every one."""

import time
from dataclasses import dataclass

from egress import frames
from egress.frames import Texts
from egress.hub import Hub, Item
from egress.names import Stream
from egress.streams.kind import SharedTexts, StreamKind
from engine_core.replica.candles import Candle
from engine_core.replica.market_data import MarketData
from engine_core.replica.setup import Market


@dataclass(slots=True)
class _Topic:
    stream: Stream
    market: Market
    texts: Texts
    said: tuple[int, int, bool] | None = None  # start, trades, closed; None: statistics were not there yet


class CandleStreams(StreamKind):
    def __init__(self, data: MarketData, hub: Hub, texts: SharedTexts) -> None:
        super().__init__(data, hub, texts)
        self._topics: dict[tuple[int, str], _Topic] = {}  # by market and interval

    def open(self, stream: Stream, market: Market) -> None:
        topic = _Topic(stream, market, self._texts.of(market))
        self._topics[market.number, stream.interval] = topic
        self._begin(topic)

    def close(self, stream: Stream, market: Market) -> None:
        del self._topics[market.number, stream.interval]

    @property
    def wants_seconds(self) -> bool:
        return bool(self._topics)

    def second(self, now_us: int) -> None:
        if not self._data.filled:  # subscribers to statistics get nothing until they are complete
            return
        for topic in self._topics.values():
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
        assert topic.said is not None, "candles are sent from filled statistics only"
        now_ms = now_us // 1000
        for candle in reversed(self._data.candles(topic.market.number, topic.stream.interval)):
            said = _said(candle, now_ms)
            if candle.start_ms >= topic.said[0] and said != topic.said:
                topic.said = said
                self._say(Item(topic.stream, frames.kline(topic.market, topic.texts, candle, said[2], now_us)))


def _said(candle: Candle, now_ms: int) -> tuple[int, int, bool]:
    return candle.start_ms, candle.trades, candle.end_ms <= now_ms
