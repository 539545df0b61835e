"""Rolling statistics of a market over up to a week, from buckets of one minute.

A bucket has a fixed row, its minute modulo a week; what stands there from an earlier week is recognised by its start.
A window of n minutes is the current, unfinished minute and the n-1 before it.
"""

from dataclasses import dataclass

import numpy as np

from engine_core.jit.kernel import entry, inner
from engine_core.replica.candles import add_to_bucket, open_bucket, saturating_add
from engine_core.wire.intervals import DAY_MS

WEEK_MS = 7 * DAY_MS
MINUTE_MS = 60_000
MINUTES = WEEK_MS // MINUTE_MS


@dataclass(frozen=True, slots=True)
class Ticker:
    """Prices in ticks, volume in lots, value in ticks x lots. Without a trade in the window all prices are the last
    one known, and 0 if there never was one."""

    first_ticks: int
    last_ticks: int
    high_ticks: int
    low_ticks: int
    lots: int
    value: int
    trades: int

    @property
    def change_ticks(self) -> int:
        return self.last_ticks - self.first_ticks

    @property
    def change_ppm(self) -> int:
        """The change relative to the first price, rounded towards zero."""
        ppm = abs(self.change_ticks) * 1_000_000 // self.first_ticks if self.first_ticks else 0
        return ppm if self.change_ticks >= 0 else -ppm


@inner
def add_to_minutes(minutes: np.ndarray, time_ms: int, price_ticks: int, lots: int) -> None:
    """Add a trade to `minutes` [MINUTES] of one market."""
    start = time_ms - time_ms % MINUTE_MS
    row = time_ms // MINUTE_MS % MINUTES
    if minutes[row]["start_ms"] != start:
        open_bucket(minutes[row], start, start + MINUTE_MS, price_ticks)
    add_to_bucket(minutes[row], price_ticks, lots)


@entry
def window(minutes: np.ndarray, now_ms: int, window_minutes: int) -> tuple[int, int, int, int, int, int, int]:
    """(first, last, high, low, lots, value, trades) of the window that ends with the minute of `now_ms`."""
    first = last = high = low = lots = value = trades = 0
    newest = now_ms // MINUTE_MS
    for minute in range(max(newest - window_minutes + 1, 0), newest + 1):
        bucket = minutes[minute % MINUTES]
        if bucket["trades"] == 0 or bucket["start_ms"] != minute * MINUTE_MS:
            continue
        if trades == 0:
            first, high, low = bucket["open_ticks"], bucket["high_ticks"], bucket["low_ticks"]
        high, low, last = max(high, bucket["high_ticks"]), min(low, bucket["low_ticks"]), bucket["close_ticks"]
        lots, value = saturating_add(lots, bucket["lots"]), saturating_add(value, bucket["value"])
        trades += bucket["trades"]
    return first, last, high, low, lots, value, trades
