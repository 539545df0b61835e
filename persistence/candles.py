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
    seconds = _draw_together(parts[np.argsort(parts["market"], kind="stable")], _BASE)
    changes = [(interval.number, _draw_together(seconds, interval)) for interval in INTERVALS.values()]
    rows = CANDLE_CHANGES.rows(sum(len(part) for _, part in changes))
    first = 0
    for number, part in changes:
        target = rows[first : first + len(part)]
        target["interval"] = number
        target["start"] = timestamps(part["start"])
        for name in ("market", "open_ticks", "high_ticks", "low_ticks", "close_ticks", *_SUMS):
            target[name] = part[name]
        first += len(part)
    return rows


def _draw_together(parts: np.ndarray, interval: Interval) -> np.ndarray:
    """Parts sorted by (market, time), drawn together by (market, bucket)."""
    buckets = interval.starts(parts["start"])
    new = np.flatnonzero((np.diff(buckets) != 0) | (np.diff(parts["market"]) != 0)) + 1
    first = np.concatenate(([0], new))
    last = np.concatenate((new, [len(parts)])) - 1
    whole = np.zeros(len(first), PART)
    whole["market"], whole["start"] = parts["market"][first], buckets[first]
    whole["open_ticks"], whole["close_ticks"] = parts["open_ticks"][first], parts["close_ticks"][last]
    whole["high_ticks"] = np.maximum.reduceat(parts["high_ticks"], first)
    whole["low_ticks"] = np.minimum.reduceat(parts["low_ticks"], first)
    for name in _SUMS:
        whole[name] = np.add.reduceat(parts[name], first)
    return whole
