"""Candles of every interval of the public API, kept live from trades.

Of each market and interval the last KEPT candles that have trades are kept, newest first: what a stream needs to send
the current candle and the closing of those just ended. Buckets are those of wire/intervals.py; the kernel here does
their arithmetic once more, without NumPy's calendar. Non-goals: history (the database has it), empty buckets.
"""

from typing import NamedTuple

import numpy as np

from engine_core.jit.kernel import entry, inner
from engine_core.wire.intervals import DAY_MS, INTERVALS
from engine_core.wire.limits import MAX_INT64

INTERVAL_NAMES = tuple(INTERVALS)
INTERVAL_INDEX = {name: index for index, name in enumerate(INTERVAL_NAMES)}
_MONTH = INTERVAL_INDEX["1month"]
_WIDTHS = np.array([interval.width_ms for interval in INTERVALS.values()], np.int64)
_ORIGINS = np.array([interval.start(0) for interval in INTERVALS.values()], np.int64)  # the start of some bucket

KEPT = 64  # of the shortest a minute: who sends them looks after half of that, if an engine makes up for more

# Volume is in lots, value in ticks x lots; both stop at the largest int64 instead of wrapping.
BUCKET = np.dtype(
    [
        ("start_ms", "<i8"),
        ("end_ms", "<i8"),
        ("open_ticks", "<i8"),
        ("high_ticks", "<i8"),
        ("low_ticks", "<i8"),
        ("close_ticks", "<i8"),
        ("lots", "<i8"),
        ("value", "<i8"),
        ("trades", "<i8"),
    ]
)


class Candle(NamedTuple):
    """A BUCKET as Python integers."""

    start_ms: int
    end_ms: int  # the next one's start
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    lots: int
    value: int
    trades: int


@inner
def saturating_add(a: int, b: int) -> int:
    """a + b of two numbers >= 0."""
    return MAX_INT64 if a > MAX_INT64 - b else a + b


@inner
def _month_start_day(day: int) -> int:
    """The first day of the month of `day`, both counted from 1970-01-01 (day >= 0).

    Years are taken from March to February, so that the leap day is the last of its year and month lengths repeat
    31 30 31 30 31: day of year = (153 * month + 2) // 5 at the first of each.
    """
    shifted = day + 719_468  # from 0000-03-01
    era_day = shifted % 146_097  # 400 years
    year = (era_day - era_day // 1_460 + era_day // 36_524 - era_day // 146_096) // 365
    year_day = era_day - (365 * year + year // 4 - year // 100)
    month = (5 * year_day + 2) // 153
    return day - (year_day - (153 * month + 2) // 5)


@entry
def bucket_bounds(time_ms: int, interval: int) -> tuple[int, int]:
    """(start, end) in milliseconds of the bucket of the interval of that index that holds `time_ms`."""
    if interval == _MONTH:
        first = _month_start_day(time_ms // DAY_MS)
        return first * DAY_MS, _month_start_day(first + 31) * DAY_MS
    width, origin = _WIDTHS[interval], _ORIGINS[interval]
    start = time_ms - (time_ms - origin) % width
    return start, start + width


@inner
def open_bucket(bucket: np.void, start_ms: int, end_ms: int, price_ticks: int) -> None:
    bucket["start_ms"], bucket["end_ms"] = start_ms, end_ms
    bucket["open_ticks"] = bucket["high_ticks"] = bucket["low_ticks"] = bucket["close_ticks"] = price_ticks
    bucket["lots"] = bucket["value"] = bucket["trades"] = 0


@inner
def add_to_bucket(bucket: np.void, price_ticks: int, lots: int) -> None:
    bucket["high_ticks"] = max(bucket["high_ticks"], price_ticks)
    bucket["low_ticks"] = min(bucket["low_ticks"], price_ticks)
    bucket["close_ticks"] = price_ticks
    bucket["lots"] = saturating_add(bucket["lots"], lots)
    bucket["value"] = saturating_add(bucket["value"], price_ticks * lots)
    bucket["trades"] += 1


@inner
def add_to_candles(candles: np.ndarray, time_ms: int, price_ticks: int, lots: int) -> None:
    """Add a trade to `candles` [interval, KEPT] of one market; newest first. Trades come in time order."""
    for interval in range(len(_WIDTHS)):
        if time_ms >= candles[interval, 0]["end_ms"]:
            for age in range(KEPT - 1, 0, -1):
                candles[interval, age] = candles[interval, age - 1]
            start, end = bucket_bounds(time_ms, interval)
            open_bucket(candles[interval, 0], start, end, price_ticks)
        add_to_bucket(candles[interval, 0], price_ticks, lots)
