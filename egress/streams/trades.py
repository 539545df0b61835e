"""Trades, each as it was made. A slow client is owed every one."""

import time

from egress import frames
from egress.hub import Item
from egress.streams.kind import MarketStreams
from engine_core.replica.market_data import Changes
from engine_core.replica.trades import to_trades


class TradeStreams(MarketStreams):
    def apply(self, changes: Changes) -> None:
        if not self._topics or not len(changes.trades):
            return
        now_us = time.time_ns() // 1_000
        for trade in to_trades(changes.trades):
            topic = self._topics.get(trade.market)
            if topic is not None:
                self._say(Item(topic.stream, frames.trade(topic.market, topic.texts, trade, now_us)))
