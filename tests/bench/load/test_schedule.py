import numpy as np
import pytest

from bench.load.plan import schedule

SECOND = 1_000_000_000


def test_poisson_arrivals_are_independent_and_have_their_rate() -> None:
    at_ns = schedule.poisson(5_000, 20, np.random.default_rng(1))
    gaps = np.diff(at_ns)
    assert len(at_ns) == pytest.approx(100_000, abs=5 * 316)  # five standard deviations
    assert (gaps >= 0).all() and at_ns[-1] < 20 * SECOND
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.02), "an exponential distribution"
    assert np.corrcoef(gaps[1:], gaps[:-1])[0, 1] == pytest.approx(0, abs=0.02)


def test_a_ramp_goes_evenly_from_one_rate_to_the_other() -> None:
    at_ns = schedule.ramp(1_000, 9_000, 10, np.random.default_rng(1))
    by_second = np.bincount(at_ns // SECOND, minlength=10)
    assert by_second.tolist() == pytest.approx([1_400 + 800 * second for second in range(10)], rel=0.1)
    falling = schedule.ramp(9_000, 1_000, 10, np.random.default_rng(1))
    assert np.bincount(falling // SECOND, minlength=10).tolist() == pytest.approx(by_second[::-1].tolist(), rel=0.15)


def test_the_same_seed_gives_the_same_times() -> None:
    first, again, other = (schedule.poisson(100, 5, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (first == again).all() and first[:50].tolist() != other[:50].tolist()


def test_a_recording_is_played_faster() -> None:
    assert schedule.faster(np.array([5, 7, 25]) * SECOND, 2).tolist() == [0, SECOND, 10 * SECOND]
