"""Distances of distributions that are known, and intervals that are where they should be."""

import numpy as np
import pytest

from bench.realism.distances import distance, interval
from bench.realism.judging import autocorrelation
from bench.realism.observations import Samples

HOUR_MS = 3_600_000


def spread(values: np.ndarray, weights: np.ndarray | None = None) -> Samples:
    """The values in turn, over an hour."""
    time_ms = np.linspace(0, HOUR_MS - 1, len(values)).astype(np.int64)
    return Samples(time_ms, values, np.ones(len(values)) if weights is None else weights)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.4])
def test_uniforms_that_are_shifted_are_as_far_apart_as_the_shift(shift: float) -> None:
    random = np.random.default_rng(1)
    found = distance(spread(random.random(20_000)), spread(random.random(20_000) + shift), random, 40)
    assert found.ks == pytest.approx(shift, abs=0.02)
    assert found.wasserstein == pytest.approx(shift, abs=0.02)
    assert found.ks_low <= found.ks + 0.005 and found.ks_high >= found.ks


def test_what_is_the_same_is_not_apart_at_all() -> None:
    values = spread(np.arange(1_000))
    found = distance(values, values, np.random.default_rng(1), 5)
    assert (found.ks, found.wasserstein) == (0, 0)


def test_weights_count_as_that_many_values() -> None:
    once = spread(np.array([1, 1, 1, 2]))
    weighed = spread(np.array([1, 2]), np.array([3.0, 1.0]))
    assert distance(once, weighed, np.random.default_rng(1), 5).ks == 0
    assert distance(once, spread(np.array([1, 2])), np.random.default_rng(1), 5).ks == pytest.approx(0.25)


def test_an_interval_of_dependent_data_is_wider_than_one_of_independent_data() -> None:
    random = np.random.default_rng(3)
    noise = random.standard_normal(2_000)
    slow = np.convolve(noise, np.ones(20) / np.sqrt(20), "same")  # as wide as the noise, but each value lasts
    found = [interval(series, lambda part: float(part.mean()), random, rounds=100) for series in (noise, slow)]
    assert all(one.low < one.value < one.high for one in found)
    assert found[1].high - found[1].low > 2 * (found[0].high - found[0].low)
    assert found[0].has(found[0].value) and not found[0].has(1.0)


def test_autocorrelation_of_a_known_sequence() -> None:
    noise = np.random.default_rng(5).standard_normal(20_000)
    series = np.zeros(len(noise))
    for at in range(1, len(noise)):
        series[at] = 0.6 * series[at - 1] + noise[at]
    assert autocorrelation(series) == pytest.approx(0.6, abs=0.03)
    assert autocorrelation(series, 3) == pytest.approx(0.6**3, abs=0.03)
    assert autocorrelation(np.ones(10)) == 0
