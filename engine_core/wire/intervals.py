"""The candle intervals of the API and how they cut time into buckets; one rule for writer, history and live candles.

Buckets are counted in UTC from the Unix epoch, except: a week begins on Monday, a month on its first day.
"""

from dataclasses import dataclass

import numpy as np

_SECOND = 1_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
DAY_MS = 24 * _HOUR
_WEEK_OFFSET_MS = 4 * DAY_MS  # 1970-01-05 was a Monday


@dataclass(frozen=True, slots=True)
class Interval:
    """`width_ms` is 0 for calendar months. `number` is how tables name the interval: never reused."""

    name: str
    number: int
    width_ms: int

    def starts(self, times_ms: np.ndarray) -> np.ndarray:
        """Start of the bucket that holds each time, in ms."""
        if self.width_ms == 0:
            months = times_ms.astype("datetime64[ms]").astype("datetime64[M]")
            return months.astype("datetime64[ms]").astype(np.int64)
        offset = _WEEK_OFFSET_MS if self.width_ms == 7 * DAY_MS else 0
        return (times_ms - offset) // self.width_ms * self.width_ms + offset

    def start(self, time_ms: int) -> int:
        return int(self.starts(np.array([time_ms], np.int64))[0])

    def next(self, start_ms: int) -> int:
        """Start of the bucket after the one that begins at `start_ms`."""
        if self.width_ms == 0:
            month = np.datetime64(start_ms, "ms").astype("datetime64[M]") + np.timedelta64(1, "M")
            return int(month.astype("datetime64[ms]").astype(np.int64))
        return start_ms + self.width_ms


INTERVALS = {
    interval.name: interval
    for interval in (
        Interval("1s", 1, _SECOND),
        Interval("1m", 2, _MINUTE),
        Interval("3m", 3, 3 * _MINUTE),
        Interval("5m", 4, 5 * _MINUTE),
        Interval("15m", 5, 15 * _MINUTE),
        Interval("30m", 6, 30 * _MINUTE),
        Interval("1h", 7, _HOUR),
        Interval("2h", 8, 2 * _HOUR),
        Interval("4h", 9, 4 * _HOUR),
        Interval("6h", 10, 6 * _HOUR),
        Interval("8h", 11, 8 * _HOUR),
        Interval("12h", 12, 12 * _HOUR),
        Interval("1d", 13, DAY_MS),
        Interval("3d", 14, 3 * DAY_MS),
        Interval("1w", 15, 7 * DAY_MS),
        Interval("1month", 16, 0),
    )
}
