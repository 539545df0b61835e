"""Candles, whether stored or of trades not stored yet: these are added, and buckets without trades are filled."""

from dataclasses import dataclass

import numpy as np

from engine_core.wire.candles import draw_together, parts_of
from engine_core.wire.intervals import Interval
from ingress.history.forms import Forms, Json, plain


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

    def add(self, later: "CandleRow") -> None:
        self.high_ticks, self.low_ticks = max(self.high_ticks, later.high_ticks), min(self.low_ticks, later.low_ticks)
        self.close_ticks = later.close_ticks
        self.volume_lots += later.volume_lots
        self.quote_atoms += later.quote_atoms
        self.trades += later.trades

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


def parts_of_trades(trades: np.ndarray, interval: Interval, tick_atoms: int) -> np.ndarray:
    """Takers' FILL events (SLOT, in log order) as PARTs, one for each bucket, by their start."""
    events = trades["event"]
    ticks, lots = events["price_ticks"].astype(np.int64), events["fill_lots"]
    parts = parts_of(0, interval.starts(trades["time_ms"].astype(np.int64)), ticks, lots, ticks * lots * tick_atoms)
    return draw_together(parts[np.argsort(parts["start"], kind="stable")], [interval])


def add_parts(candles: dict[int, CandleRow], parts: np.ndarray) -> None:
    """Add what came later to candles by their start."""
    for part in parts.tolist():
        _, _, start, first, high, low, last, *halves, trades = part
        volume, quote = ((high_half << 32) + low_half for high_half, low_half in (halves[:2], halves[2:]))
        later = CandleRow(start, first, high, low, last, volume, quote, trades)
        if start in candles:
            candles[start].add(later)
        else:
            candles[start] = later


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
