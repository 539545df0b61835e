"""The demo's takers: as many as configured, in bursts, of sizes with a heavy tail."""

import itertools
import random
import statistics

import pytest

from bench.market_maker.bursts import LARGEST, Bursts, taken_lots


def _times(seed: int, count: int, mean_s: float) -> list[float]:
    bursts, now, times = Bursts(mean_s, random.Random(seed)), 0.0, []
    for _ in range(count):
        now += bursts.wait_s()
        times.append(now)
    return times


def test_they_come_as_often_as_configured() -> None:
    assert _times(1, 20_000, 2.5)[-1] / 20_000 == pytest.approx(2.5, rel=0.05)
    assert _times(3, 100, 1.0) == _times(3, 100, 1.0)


def test_they_come_in_bursts() -> None:
    times = _times(2, 20_000, 2.5)
    counts = [0] * (int(times[-1] / 5) + 1)
    for time in times:
        counts[int(time / 5)] += 1
    assert statistics.pvariance(counts) / statistics.mean(counts) > 2.5  # of independent ones: 1


def test_a_lively_market_has_more_of_them() -> None:
    calm, busy = (Bursts(2.5, random.Random(7), lambda rate=rate: rate) for rate in (0.5, 4.0))  # type: ignore[misc]
    assert sum(calm.wait_s() for _ in range(5_000)) > 5 * sum(busy.wait_s() for _ in range(5_000))


def test_those_that_follow_take_the_same_side_more_often() -> None:
    bursts, sides = Bursts(1.0, random.Random(4)), []
    for _ in range(10_000):
        bursts.wait_s()
        sides.append(bursts.sells(0.5))
    same = sum(one == other for one, other in itertools.pairwise(sides)) / len(sides)
    assert same > 0.65
    assert statistics.mean(sides) == pytest.approx(0.5, abs=0.05)


def test_the_chance_decides_where_it_goes() -> None:
    bursts = Bursts(1.0, random.Random(5))
    for chance in (0.0, 1.0):
        bursts.sells(chance)
        for _ in range(50):
            bursts.wait_s()
            last = bursts.sells(chance)
        assert last is bool(chance)


def test_sizes_are_whole_with_a_heavy_tail_and_a_bound() -> None:
    source = random.Random(6)
    sizes = [taken_lots(1_000.0, source) for _ in range(20_000)]
    assert all(isinstance(size, int) and 1 <= size <= LARGEST * 1_000 for size in sizes)
    assert statistics.mean(sizes) == pytest.approx(1_000, rel=0.05)
    assert statistics.median(sizes) < 700 and sum(size < 50 for size in sizes) > 6_000, "many are tiny"
    assert sum(size > 5_000 for size in sizes) > 500
    assert taken_lots(0.001, source) == 1
