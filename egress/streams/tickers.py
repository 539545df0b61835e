"""Tickers: the best prices, whenever they changed, and the statistics of a day, every second.

Of both a slow client is owed the newest only.
"""

import time

from egress import frames
from egress.hub import Hub, Item
from egress.names import Stream
from egress.streams.kind import MarketStreams, SharedTexts
from engine_core.replica.market_data import Changes, MarketData
from engine_core.replica.setup import Market


class BookTickerStreams(MarketStreams):
    def __init__(self, data: MarketData, hub: Hub, texts: SharedTexts) -> None:
        super().__init__(data, hub, texts)
        self._best: dict[int, object] = {}  # by market, as last sent
        self._touched: set[int] = set()  # markets whose depth changed since the last tick

    def open(self, stream: Stream, market: Market) -> None:
        super().open(stream, market)
        self._touched.add(market.number)  # the first listener gets the best prices at once
        self._hub.wake()

    def close(self, stream: Stream, market: Market) -> None:
        super().close(stream, market)
        self._best.pop(market.number, None)

    def apply(self, changes: Changes) -> None:
        if not self._topics:
            return
        touched = {market for market in changes.spans["market"].tolist() if market in self._topics}
        if touched:
            self._touched |= touched
            self._hub.wake()

    def collect(self) -> list[Item]:
        touched, self._touched = self._touched, set()
        return [item for number in touched if (item := self._changed(number)) is not None]

    def _changed(self, number: int) -> Item | None:
        topic, book = self._topics.get(number), self._data.book(number)
        if topic is None or not book.live:  # a book that is not is sent when it has been read again
            return None
        best = book.best()
        if best == self._best.get(number):
            return None
        self._best[number] = best
        now_us = time.time_ns() // 1_000
        time_ms = self._data.time_of(number)
        data = frames.book_ticker(topic.market, topic.texts, best, book.update_id, time_ms, now_us)
        return Item(topic.stream, data, newest=True)


class TickerStreams(MarketStreams):
    @property
    def wants_seconds(self) -> bool:
        return bool(self._topics)

    def second(self, now_us: int) -> None:
        if not self._data.filled:  # subscribers to statistics get nothing until they are complete
            return
        for number, topic in self._topics.items():
            data = frames.ticker(topic.market, topic.texts, self._data.ticker(number), now_us)
            self._say(Item(topic.stream, data, newest=True))
