"""What the trades of a batch add to the candles of every interval, vectorised.

Trades are first drawn together into seconds; the longer intervals are drawn from those, so their cost does not depend
on the number of trades. A sum may pass 64 bits, so it is kept as two: of the upper and the lower 32 bits of each term.
"""

import numpy as np

from engine_core.wire.intervals import INTERVALS, Interval
from persistence.tables import CANDLE_CHANGES, timestamps

_LOW = 0xFFFF_FFFF
_BASE = INTERVALS["1s"]
_SUMS = ("volume_high", "volume_low", "quote_high", "quote_low", "trades")

PART = np.dtype(
    [
        ("interval", "<i8"),
        ("market", "<i8"),
        ("start", "<i8"),
        ("open_ticks", "<i8"),
        ("high_ticks", "<i8"),
        ("low_ticks", "<i8"),
        ("close_ticks", "<i8"),
        *[(name, "<i8") for name in _SUMS],
    ]
)


def candle_changes(trades: np.ndarray, times_ms: np.ndarray) -> np.ndarray:
    """CANDLE_CHANGES rows of all intervals for TRADES rows in log order."""
    if len(trades) == 0:
        return CANDLE_CHANGES.rows(0)
    parts = np.zeros(len(trades), PART)
    parts["market"] = trades["market"]
    parts["start"] = times_ms
    for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks"):
        parts[name] = trades["price_ticks"]
    for name, values in (("volume", trades["quantity_lots"]), ("quote", trades["quote_atoms"])):
        native = values.astype(np.int64)
        parts[f"{name}_high"], parts[f"{name}_low"] = native >> 32, native & _LOW
    parts["trades"] = 1
    seconds = _draw_together(parts[np.argsort(parts["market"], kind="stable")], [_BASE])
    candles = _draw_together(seconds, list(INTERVALS.values()))
    rows = CANDLE_CHANGES.rows(len(candles))
    rows["start"] = timestamps(candles["start"])
    for name in ("interval", "market", "open_ticks", "high_ticks", "low_ticks", "close_ticks", *_SUMS):
        rows[name] = candles[name]
    return rows


def _draw_together(parts: np.ndarray, intervals: list[Interval]) -> np.ndarray:
    """Parts sorted by (market, time), drawn together by (interval, market, bucket); all intervals in one go."""
    buckets = np.concatenate([interval.starts(parts["start"]) for interval in intervals])
    numbers = np.repeat([interval.number for interval in intervals], len(parts))
    parts = np.tile(parts, len(intervals))
    markets = parts["market"]
    is_new = (buckets[1:] != buckets[:-1]) | (markets[1:] != markets[:-1]) | (numbers[1:] != numbers[:-1])
    new = np.flatnonzero(is_new) + 1
    first, last = np.concatenate(([0], new)), np.concatenate((new, [len(parts)])) - 1
    whole = np.zeros(len(first), PART)
    whole["interval"], whole["market"], whole["start"] = numbers[first], markets[first], buckets[first]
    whole["open_ticks"], whole["close_ticks"] = parts["open_ticks"][first], parts["close_ticks"][last]
    whole["high_ticks"] = np.maximum.reduceat(parts["high_ticks"], first)
    whole["low_ticks"] = np.minimum.reduceat(parts["low_ticks"], first)
    for name in _SUMS:
        whole[name] = np.add.reduceat(parts[name], first)
    return whole
