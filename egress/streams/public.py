"""The public streams: one object for each kind, and what they share, the replica's changes, the tick and the second.

Tickers and candles are sent once a second, shortly after it ended. Non-goals: subscriptions (../hub.py) and private
events (private.py).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from egress.hub import Hub, Item
from egress.names import Kind, Stream
from egress.streams.candles import CandleStreams
from egress.streams.depth import DepthStreams
from egress.streams.kind import SharedTexts, StreamKind
from egress.streams.market_by_order import OrderFeeds
from egress.streams.tickers import BookTickerStreams, TickerStreams
from egress.streams.trades import TradeStreams
from engine_core.replica.market_data import Changes, MarketData

SECOND_MS = 1_000
AFTER_SECOND = 0.05  # a second is sent this long after it ended: its last events have arrived


class PublicStreams:
    """`complete`: see CandleStreams."""

    def __init__(
        self, data: MarketData, hub: Hub, orders: OrderFeeds, *complete: Callable[[], Awaitable[bool]]
    ) -> None:
        self._data, self._hub = data, hub
        texts = SharedTexts()
        self._kinds: dict[Kind, StreamKind] = {
            Kind.TRADE: TradeStreams(data, hub, texts),
            Kind.DEPTH: DepthStreams(data, hub, texts),
            Kind.BOOK_TICKER: BookTickerStreams(data, hub, texts),
            Kind.TICKER: TickerStreams(data, hub, texts),
            Kind.KLINE: CandleStreams(data, hub, texts, complete),
            Kind.ORDER: orders,
        }
        self._timer: asyncio.TimerHandle | None = None  # of the second
        hub.collect, hub.opened, hub.closed = self._collect, self._open, self._close
        data.listeners.append(self._changed)

    def stop(self) -> None:
        self._data.listeners.remove(self._changed)
        if self._timer is not None:
            self._timer.cancel()
        for kind in self._kinds.values():
            kind.stop()

    def _open(self, stream: Stream) -> None:
        if stream.kind is Kind.SILENT:
            return
        kind = self._kinds[stream.kind]
        kind.open(stream, self._data.setup.market_by_symbol[stream.symbol])
        if self._timer is None and kind.wants_seconds:
            self._schedule_second()

    def _close(self, stream: Stream) -> None:
        if stream.kind is not Kind.SILENT:
            self._kinds[stream.kind].close(stream, self._data.setup.market_by_symbol[stream.symbol])

    def _changed(self, changes: Changes) -> None:
        for kind in self._kinds.values():
            kind.apply(changes)

    def _collect(self) -> list[Item]:
        return [item for kind in self._kinds.values() for item in kind.collect()]

    def _schedule_second(self) -> None:
        now_ms = time.time_ns() // 1_000_000
        wait = (SECOND_MS - now_ms % SECOND_MS) / 1000 + AFTER_SECOND
        self._timer = asyncio.get_running_loop().call_later(wait, self._second)

    def _second(self) -> None:
        self._timer = None
        timed = [kind for kind in self._kinds.values() if kind.wants_seconds]
        if timed:
            self._schedule_second()
        now_us = time.time_ns() // 1_000
        for kind in timed:
            kind.second(now_us)
