"""Trades, each as it was made. A slow client is owed every one."""

import time
from dataclasses import dataclass

from egress import frames
from egress.frames import Texts
from egress.hub import Hub, Item
from egress.names import Stream
from egress.streams.kind import SharedTexts, StreamKind
from engine_core.replica.market_data import Changes, MarketData
from engine_core.replica.setup import Market
from engine_core.replica.trades import to_trades


@dataclass(frozen=True, slots=True)
class _Topic:
    stream: Stream
    market: Market
    texts: Texts


class TradeStreams(StreamKind):
    def __init__(self, data: MarketData, hub: Hub, texts: SharedTexts) -> None:
        super().__init__(data, hub, texts)
        self._topics: dict[int, _Topic] = {}  # by market

    def open(self, stream: Stream, market: Market) -> None:
        self._topics[market.number] = _Topic(stream, market, self._texts.of(market))

    def close(self, stream: Stream, market: Market) -> None:
        del self._topics[market.number]

    def apply(self, changes: Changes) -> None:
        if not self._topics or not len(changes.trades):
            return
        now_us = time.time_ns() // 1_000
        for trade in to_trades(changes.trades):
            topic = self._topics.get(trade.market)
            if topic is not None:
                self._say(Item(topic.stream, frames.trade(topic.market, topic.texts, trade, now_us)))
