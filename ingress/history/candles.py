"""Candles, whether stored or of trades not stored yet: these are added, and buckets without trades are filled."""

from dataclasses import dataclass

import numpy as np

from engine_core.wire.intervals import Interval
from ingress.history.forms import Forms, Json, plain
from ingress.history.rows import TradeRow


@dataclass(slots=True)
class CandleRow:
    start_ms: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int
    quote_atoms: int
    trades: int

    def add(self, ticks: int, lots: int, atoms: int) -> None:
        self.high_ticks, self.low_ticks = max(self.high_ticks, ticks), min(self.low_ticks, ticks)
        self.close_ticks = ticks
        self.volume_lots += lots
        self.quote_atoms += atoms
        self.trades += 1

    def json(self, forms: Forms, market: int, interval: Interval) -> Json:
        form = forms[market]
        return {
            "start": plain(self.start_ms),
            "end": plain(interval.next(self.start_ms)),
            "open": form.price(self.open_ticks),
            "high": form.price(self.high_ticks),
            "low": form.price(self.low_ticks),
            "close": form.price(self.close_ticks),
            "volume": form.quantity(self.volume_lots),
            "quoteVolume": form.quote(self.quote_atoms),
            "trades": str(self.trades),
        }


def add_trades(candles: dict[int, CandleRow], trades: list[TradeRow], interval: Interval, tick_atoms: int) -> None:
    """Add trades, in order, to candles by their start."""
    starts = interval.starts(np.array([trade.time_ms for trade in trades], np.int64)).tolist()
    for start, trade in zip(starts, trades, strict=True):
        if start not in candles:
            candles[start] = CandleRow(start, *(4 * (trade.price_ticks,)), 0, 0, 0)
        atoms = trade.price_ticks * trade.quantity_lots * tick_atoms
        candles[start].add(trade.price_ticks, trade.quantity_lots, atoms)


def without_gaps(
    candles: dict[int, CandleRow],
    before: int | None,
    interval: Interval,
    span_ms: tuple[int, int],
    now_ms: int,
    limit: int,
) -> list[CandleRow]:
    """The candles of every bucket of a span; one without trades carries the close before it, if there is one.

    None of these begins after `now_ms`: that the price will stay is not known. One with trades is always among them,
    whatever clock the engine goes by.
    """
    first_ms, end_ms = span_ms
    starts = sorted(start for start in candles if first_ms <= start < end_ms)
    if before is None:
        if not starts:
            return []
        first_ms = starts[0]
    result: list[CandleRow] = []
    close, start = before, first_ms
    while start < min(end_ms, now_ms + 1) and len(result) < limit:
        candle = candles.get(start)
        if candle is None:
            assert close is not None, "the first bucket has a candle when there is no close before it"
            candle = CandleRow(start, *(4 * (close,)), 0, 0, 0)
        result.append(candle)
        close, start = candle.close_ticks, interval.next(start)
    return [*result, *(candles[later] for later in starts if later >= start)][:limit]
