"""Depth: what changed of the levels, merged from tick to tick (at once) or over a window.

A topic that says nothing gets a heartbeat every second, so that clients can synchronise on a quiet market. A slow
client is owed one message that is merged of all.
"""

import asyncio
import time
from dataclasses import dataclass

from egress import frames
from egress.frames import DepthChange, Texts
from egress.hub import Hub, Item
from egress.names import Stream
from egress.streams.kind import SharedTexts, StreamKind
from engine_core.replica.market_data import Changes, MarketData
from engine_core.replica.setup import Market
from engine_core.wire.codes import Side

QUIET_SECONDS = 0.5  # at the end of a second, a topic that said nothing for so long gets a heartbeat


@dataclass(slots=True)
class _Topic:
    stream: Stream
    market: Market
    texts: Texts
    last_id: int  # up to which its listeners know the book
    said_at: float
    pending: DepthChange | None = None
    timer: asyncio.TimerHandle | None = None  # of a merging window


class DepthStreams(StreamKind):
    def __init__(self, data: MarketData, hub: Hub, texts: SharedTexts) -> None:
        super().__init__(data, hub, texts)
        self._topics: dict[int, dict[int, _Topic]] = {}  # by market, then by window
        self._touched: set[int] = set()  # markets that changed since the last tick

    def open(self, stream: Stream, market: Market) -> None:
        known, now = self._data.book(market.number).update_id, asyncio.get_running_loop().time()
        topic = _Topic(stream, market, self._texts.of(market), known, now)
        self._topics.setdefault(market.number, {})[stream.window_ms] = topic

    def close(self, stream: Stream, market: Market) -> None:
        topics = self._topics[market.number]
        timer = topics.pop(stream.window_ms).timer
        if timer is not None:
            timer.cancel()
        if not topics:
            del self._topics[market.number]

    def stop(self) -> None:
        for topics in self._topics.values():
            for topic in topics.values():
                if topic.timer is not None:
                    topic.timer.cancel()

    def apply(self, changes: Changes) -> None:
        if not self._topics or not len(changes.spans):
            return
        found: dict[int, DepthChange] = {}
        for market, first_id, last_id in changes.spans.tolist():
            if market in self._topics:
                found[market] = DepthChange(first_id, last_id, changes.time_ms)
        if not found:
            return
        for market, side, ticks, lots in changes.levels.tolist():
            if market in found:
                (found[market].bids if side == Side.BID else found[market].asks)[ticks] = lots
        for market, change in found.items():
            for topic in self._topics[market].values():
                self._merge(topic, change)
        self._touched |= found.keys()
        self._hub.wake()

    def _merge(self, topic: _Topic, change: DepthChange) -> None:
        if topic.pending is None:
            topic.pending = DepthChange(change.first_id, change.last_id, change.time_ms)
        topic.pending.add(change)
        window = topic.stream.window_ms
        if window and topic.timer is None:
            left = window - time.time_ns() // 1_000_000 % window  # windows end at the same moments for everybody
            topic.timer = asyncio.get_running_loop().call_later(left / 1000, self._window_ended, topic)

    def _window_ended(self, topic: _Topic) -> None:
        topic.timer = None
        if topic.pending is not None:
            self._say_change(topic, topic.pending)

    def collect(self) -> list[Item]:
        touched, self._touched = self._touched, set()
        for number in touched:
            at_once = self._topics.get(number, {}).get(0)
            if at_once is not None and at_once.pending is not None:
                self._say_change(at_once, at_once.pending)
        return super().collect()

    @property
    def wants_seconds(self) -> bool:
        return bool(self._topics)

    def second(self, now_us: int) -> None:
        now = asyncio.get_running_loop().time()
        for number, topics in self._topics.items():
            for topic in topics.values():
                quiet = now - topic.said_at >= QUIET_SECONDS
                if quiet and topic.pending is None and self._data.book(number).live:
                    self._say_change(topic, DepthChange(topic.last_id + 1, topic.last_id, now_us // 1000))

    def _say_change(self, topic: _Topic, change: DepthChange) -> None:
        """Queue an event that brings the topic's listeners to the book as it is now."""
        market, texts = topic.market, topic.texts
        bids, asks, update_id = self._data.book(market.number).snapshot(frames.CHECKSUM_LEVELS)
        assert change.last_id == update_id, "a depth event covers all that the book contains"
        change.checksum = frames.checksum(texts, bids, asks)

        def rebuild(merged: DepthChange) -> bytes:
            return frames.depth(market, texts, merged, time.time_ns() // 1_000)

        self._say(Item(topic.stream, rebuild(change), depth=change, rebuild=rebuild))
        topic.last_id, topic.pending = change.last_id, None
        topic.said_at = asyncio.get_running_loop().time()
