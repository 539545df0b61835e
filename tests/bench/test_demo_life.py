"""The demo's market looks like one: bursts, heavy tails, volatility that clusters, no ladder of equal gaps.

All that the market maker and its takers decide in a day, by seed and without an exchange; counted, not timed.
"""

import itertools
import math
import random
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from bench.market_maker.bursts import Bursts, taken_lots
from bench.market_maker.pace import Pace
from bench.market_maker.quotes import Ladder, Walk, Wanted, step_ticks
from engine_core.config import market_maker
from engine_core.config.toml_section import Section

START_TICKS = 15_000
DAY_S = 86_400
BAR_S = 10
MAKER = market_maker.read(Section("test.toml", "market_maker", {}))


@dataclass
class Day:
    prices: list[float]  # once a second
    trades: list[int]  # in each second
    books: list[Wanted]  # once a minute


def lived(seed: int) -> Day:
    source = random.Random(seed)
    pace = Pace(source)
    walk, ladder = (
        Walk(MAKER, START_TICKS, START_TICKS, source, pace),
        Ladder(20, step_ticks(MAKER, START_TICKS), source),
    )
    bursts, day = Bursts(MAKER.taker_interval_ms / 1000, source, lambda: pace.rate), Day([], [0] * DAY_S, [])
    next_s = bursts.wait_s()
    for second in range(DAY_S):
        while next_s < second + 1:
            lots = taken_lots(1_000.0, source) / 1_000
            walk.push(-lots if bursts.sells(0.5) else lots)
            day.trades[second] += 1
            next_s += bursts.wait_s()
        day.prices.append(walk.step(1.0))
        if second % 60 == 0:
            day.books.append(ladder.around(day.prices[-1]))
    return day


@pytest.fixture(scope="module", params=(1, 2))
def day(request: pytest.FixtureRequest) -> Day:
    return lived(request.param)


def returns(day: Day) -> list[float]:
    ends = day.prices[::BAR_S]
    return [math.log(now / before) for before, now in itertools.pairwise(ends)]


def autocorrelation(series: Sequence[float], lag: int) -> float:
    mean, variance = statistics.fmean(series), statistics.pvariance(series)
    pairs = zip(series, series[lag:], strict=False)
    return statistics.fmean((one - mean) * (other - mean) for one, other in pairs) / variance


def test_returns_have_heavy_tails_and_their_size_clusters(day: Day) -> None:
    found = returns(day)
    kurtosis = statistics.fmean(value**4 for value in found) / statistics.fmean(value**2 for value in found) ** 2
    assert kurtosis > 6, "a Gaussian has 3"
    sizes = [abs(value) for value in found]
    assert autocorrelation(sizes, 1) > 0.1 and autocorrelation(sizes, 60 // BAR_S) > 0.03, "without clusters: 0"
    assert abs(autocorrelation(found, 60 // BAR_S)) < 0.05, "and where it goes cannot be foreseen"


def test_trades_come_in_bursts_in_busy_minutes(day: Day) -> None:
    minutes = [sum(day.trades[start : start + 60]) for start in range(0, DAY_S, 60)]
    assert statistics.fmean(minutes) == pytest.approx(60_000 / MAKER.taker_interval_ms, rel=0.35)
    assert statistics.pvariance(minutes) / statistics.fmean(minutes) > 5, "of independent ones: 1"
    moved = [max(part) - min(part) for start in range(0, DAY_S, 60) if (part := day.prices[start : start + 60])]
    assert statistics.correlation(minutes, moved) > 0.3, "busy minutes are those in which the price moves"


def test_no_book_is_a_ladder_of_equal_gaps(day: Day) -> None:
    gaps = [
        [abs(now - before) for before, now in itertools.pairwise(side)]
        for book in day.books
        for side in (book.bids, book.asks)
    ]
    kinds = [len(set(side)) for side in gaps]
    assert min(kinds) > 1 and statistics.fmean(kinds) > 5
    every = [gap for side in gaps for gap in side]
    assert statistics.pstdev(every) > statistics.fmean(every), "a few are many times as wide as most"
    spreads = Counter(book.asks[0] - book.bids[0] for book in day.books)
    assert len(spreads) > 4 and max(spreads.values()) < 0.6 * len(day.books)
