"""How trades become candles: one rule for the tables and for what is not in the tables yet, vectorised.

A sum may pass 64 bits, so it is kept as two: of the upper and the lower 32 bits of each term. Non-goals: candles that
live on from trade to trade (replica/candles.py), where trades come from.
"""

from collections.abc import Sequence

import numpy as np

from engine_core.wire.intervals import Interval

_LOW = 0xFFFF_FFFF
SUMS = ("volume_high", "volume_low", "quote_high", "quote_low", "trades")

PART = np.dtype(
    [
        ("interval", "<i8"),
        ("market", "<i8"),
        ("start", "<i8"),
        ("open_ticks", "<i8"),
        ("high_ticks", "<i8"),
        ("low_ticks", "<i8"),
        ("close_ticks", "<i8"),
        *[(name, "<i8") for name in SUMS],
    ]
)


def parts_of(
    markets: np.ndarray | int, times_ms: np.ndarray, ticks: np.ndarray, lots: np.ndarray, atoms: np.ndarray
) -> np.ndarray:
    """A PART for each trade, which begins at its time; of no interval yet."""
    parts = np.zeros(len(times_ms), PART)
    parts["market"], parts["start"], parts["trades"] = markets, times_ms, 1
    for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks"):
        parts[name] = ticks
    for name, values in (("volume", lots), ("quote", atoms)):
        native = values.astype(np.int64)
        parts[f"{name}_high"], parts[f"{name}_low"] = native >> 32, native & _LOW
    return parts


def draw_together(parts: np.ndarray, intervals: Sequence[Interval]) -> np.ndarray:
    """Parts sorted by (market, time), drawn together by (interval, market, bucket); all intervals in one go."""
    if len(parts) == 0:
        return parts
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
    for name in SUMS:
        whole[name] = np.add.reduceat(parts[name], first)
    return whole
