"""Market data for the hub: takes the replica's changes, keeps what listeners need, and hands it over with each tick.

Depth is merged from tick to tick (at once) or over its window; a depth topic that says nothing gets a heartbeat every
second, so that clients can synchronise on a quiet market. Tickers and candles are sent once a second. Nothing runs
while nobody listens. Non-goals: subscriptions (../hub.py), orders (market_by_order.py), private events (private.py).
"""

import asyncio
import time
from dataclasses import dataclass, field

from egress import frames
from egress.frames import DepthChange, Texts
from egress.hub import Hub, Item
from egress.names import Kind, Stream
from egress.streams.market_by_order import OrderFeeds
from engine_core.replica.candles import Candle
from engine_core.replica.market_data import Changes, MarketData
from engine_core.replica.setup import Market
from engine_core.replica.trades import to_trades
from engine_core.wire.codes import Side

SECOND_MS = 1_000
QUIET_SECONDS = 0.5  # at the end of a second, a depth topic that said nothing for so long gets a heartbeat
AFTER_SECOND = 0.05  # a second is sent this long after it ended: its last events have arrived


@dataclass(slots=True)
class DepthTopic:
    stream: Stream
    market: Market
    last_id: int  # up to which its listeners know the book
    said_at: float
    pending: DepthChange | None = None
    timer: asyncio.TimerHandle | None = None  # of a merging window


@dataclass(slots=True)
class CandleTopic:
    stream: Stream
    market: Market
    said: tuple[int, int, bool] | None = None  # start, trades, closed; None: statistics were not there yet


@dataclass(slots=True)
class MarketTopics:
    """What is listened to on one market; empty parts cost nothing."""

    market: Market
    texts: Texts
    trade: Stream | None = None
    depth: dict[int, DepthTopic] = field(default_factory=dict)  # by window
    book_ticker: Stream | None = None
    best: object = None  # as last sent
    ticker: Stream | None = None
    candles: dict[str, CandleTopic] = field(default_factory=dict)  # by interval

    def idle(self) -> bool:
        return not (self.trade or self.depth or self.book_ticker or self.ticker or self.candles)

    def wants_seconds(self) -> bool:
        return bool(self.depth or self.ticker or self.candles)


class Sources:
    def __init__(self, data: MarketData, hub: Hub, orders: OrderFeeds) -> None:
        self._data, self._hub, self._orders = data, hub, orders
        self._markets: dict[int, MarketTopics] = {}
        self._ready: list[Item] = []  # for the next tick
        self._touched: set[int] = set()  # markets whose depth changed since the last tick
        self._second: asyncio.TimerHandle | None = None
        hub.collect, hub.opened, hub.closed = self._collect, self._open, self._close
        data.listeners.append(self._changed)

    def stop(self) -> None:
        self._data.listeners.remove(self._changed)
        if self._second is not None:
            self._second.cancel()
        for topics in self._markets.values():
            for topic in topics.depth.values():
                if topic.timer is not None:
                    topic.timer.cancel()

    # -- what is listened to ------------------------------------------------------------------------------------------

    def _open(self, stream: Stream) -> None:
        if stream.kind is Kind.SILENT:
            return
        market = self._data.setup.market_by_symbol[stream.symbol]
        if stream.kind is Kind.ORDER:
            self._orders.open(stream, market)
            return
        topics = self._markets.get(market.number) or MarketTopics(market, Texts(market))
        self._markets[market.number] = topics
        loop = asyncio.get_running_loop()
        match stream.kind:
            case Kind.TRADE:
                topics.trade = stream
            case Kind.DEPTH:
                known = self._data.book(market.number).update_id
                topics.depth[stream.window_ms] = DepthTopic(stream, market, known, loop.time())
            case Kind.BOOK_TICKER:
                topics.book_ticker, topics.best = stream, None
                self._touched.add(market.number)  # the first listener gets the best prices at once
                self._hub.wake()
            case Kind.TICKER:
                topics.ticker = stream
            case Kind.KLINE:
                topics.candles[stream.interval] = CandleTopic(stream, market)
                self._begin_candles(topics.candles[stream.interval])
        if self._second is None and topics.wants_seconds():
            self._schedule_second()

    def _close(self, stream: Stream) -> None:
        if stream.kind is Kind.SILENT:
            return
        number = self._data.setup.market_by_symbol[stream.symbol].number
        if stream.kind is Kind.ORDER:
            self._orders.close(number)
            return
        topics = self._markets[number]
        match stream.kind:
            case Kind.TRADE:
                topics.trade = None
            case Kind.DEPTH:
                timer = topics.depth.pop(stream.window_ms).timer
                if timer is not None:
                    timer.cancel()
            case Kind.BOOK_TICKER:
                topics.book_ticker = None
            case Kind.TICKER:
                topics.ticker = None
            case Kind.KLINE:
                del topics.candles[stream.interval]
        if topics.idle():
            del self._markets[number]

    def _begin_candles(self, topic: CandleTopic) -> None:
        """A new listener gets the current candle if it has trades, and none that ended before."""
        if not self._data.filled:
            return
        newest = next(iter(self._data.candles(topic.market.number, topic.stream.interval)), None)
        if newest is None:
            topic.said = 0, 0, False
        else:
            closed = newest.end_ms <= _now_ms()
            topic.said = newest.start_ms, newest.trades if closed else 0, closed

    # -- events in ----------------------------------------------------------------------------------------------------

    def _changed(self, changes: Changes) -> None:
        if not self._markets:
            return
        if len(changes.trades):
            self._take_trades(changes)
        if len(changes.spans):
            self._take_depth(changes)
        if self._ready or self._touched:
            self._hub.wake()

    def _take_trades(self, changes: Changes) -> None:
        now_us = time.time_ns() // 1_000
        for trade in to_trades(changes.trades):
            topics = self._markets.get(trade.market)
            if topics is not None and topics.trade is not None:
                data = frames.trade(topics.market, topics.texts, trade, now_us)
                self._ready.append(Item(topics.trade, data))

    def _take_depth(self, changes: Changes) -> None:
        found: dict[int, DepthChange] = {}
        for market, first_id, last_id in changes.spans.tolist():
            topics = self._markets.get(market)
            if topics is not None and (topics.depth or topics.book_ticker):
                found[market] = DepthChange(first_id, last_id, changes.time_ms)
                self._touched.add(market)
        if not found:
            return
        for market, side, ticks, lots in changes.levels.tolist():
            if market in found:
                (found[market].bids if side == Side.BID else found[market].asks)[ticks] = lots
        for market, change in found.items():
            for topic in self._markets[market].depth.values():
                self._merge(topic, change)

    def _merge(self, topic: DepthTopic, change: DepthChange) -> None:
        if topic.pending is None:
            topic.pending = DepthChange(change.first_id, change.last_id, change.time_ms)
        topic.pending.add(change)
        window = topic.stream.window_ms
        if window and topic.timer is None:
            loop = asyncio.get_running_loop()
            left = window - _now_ms() % window  # windows end at the same moments for everybody
            topic.timer = loop.call_later(left / 1000, self._window_ended, topic)

    def _window_ended(self, topic: DepthTopic) -> None:
        topic.timer = None
        if topic.pending is not None:
            self._say_depth(topic, topic.pending)
            self._hub.wake()

    # -- a tick -------------------------------------------------------------------------------------------------------

    def _collect(self) -> list[Item]:
        touched, self._touched = self._touched, set()
        for number in touched:
            topics = self._markets.get(number)
            if topics is None:
                continue
            at_once = topics.depth.get(0)
            if at_once is not None and at_once.pending is not None:
                self._say_depth(at_once, at_once.pending)
            if topics.book_ticker is not None:
                self._say_best(topics, topics.book_ticker)
        items, self._ready = self._ready, []
        return items + self._orders.collect()

    def _say_depth(self, topic: DepthTopic, change: DepthChange) -> None:
        """Queue a depth event that brings its listeners to the book as it is now."""
        market, texts = topic.market, self._markets[topic.market.number].texts
        bids, asks, update_id = self._data.book(market.number).snapshot(frames.CHECKSUM_LEVELS)
        assert change.last_id == update_id, "a depth event covers all that the book contains"
        change.checksum = frames.checksum(texts, bids, asks)

        def rebuild(merged: DepthChange) -> bytes:
            return frames.depth(market, texts, merged, time.time_ns() // 1_000)

        self._ready.append(Item(topic.stream, rebuild(change), change, rebuild))
        topic.last_id, topic.pending = change.last_id, None
        topic.said_at = asyncio.get_running_loop().time()

    def _say_best(self, topics: MarketTopics, stream: Stream) -> None:
        book = self._data.book(topics.market.number)
        if not book.live:  # sent when it has been read again
            return
        best = book.best()
        if best != topics.best:
            topics.best = best
            now_us = time.time_ns() // 1_000
            data = frames.book_ticker(topics.market, topics.texts, best, book.update_id, self._data.time_ms, now_us)
            self._ready.append(Item(stream, data))

    # -- every second -------------------------------------------------------------------------------------------------

    def _schedule_second(self) -> None:
        wait = (SECOND_MS - _now_ms() % SECOND_MS) / 1000 + AFTER_SECOND
        self._second = asyncio.get_running_loop().call_later(wait, self._tell_second)

    def _tell_second(self) -> None:
        self._second = None
        if any(topics.wants_seconds() for topics in self._markets.values()):
            self._schedule_second()
        now_us = time.time_ns() // 1_000
        for topics in self._markets.values():
            for topic in topics.depth.values():
                self._heartbeat(topic)
            if not self._data.filled:  # subscribers to statistics get nothing until they are complete
                continue
            if topics.ticker is not None:
                day = self._data.ticker(topics.market.number)
                data = frames.ticker(topics.market, topics.texts, day, now_us)
                self._ready.append(Item(topics.ticker, data))
            for candle_topic in topics.candles.values():
                self._say_candles(candle_topic, topics.texts, now_us)
        if self._ready:
            self._hub.wake()

    def _heartbeat(self, topic: DepthTopic) -> None:
        quiet = asyncio.get_running_loop().time() - topic.said_at >= QUIET_SECONDS
        if quiet and topic.pending is None and self._data.book(topic.market.number).live:
            self._say_depth(topic, DepthChange(topic.last_id + 1, topic.last_id, _now_ms()))

    def _say_candles(self, topic: CandleTopic, texts: Texts, now_us: int) -> None:
        """Candles that changed since they were sent, oldest first; one that has ended is sent once more, closed."""
        if topic.said is None:
            self._begin_candles(topic)
        assert topic.said is not None, "candles are sent from filled statistics only"
        now_ms = now_us // 1000
        for candle in reversed(self._data.candles(topic.market.number, topic.stream.interval)):
            said = _said(candle, now_ms)
            if candle.start_ms >= topic.said[0] and said != topic.said:
                topic.said = said
                data = frames.kline(topic.market, texts, candle, said[2], now_us)
                self._ready.append(Item(topic.stream, data))


def _said(candle: Candle, now_ms: int) -> tuple[int, int, bool]:
    return candle.start_ms, candle.trades, candle.end_ms <= now_ms


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
