"""How far two samples are apart, with intervals: Kolmogorov-Smirnov and Wasserstein, and a block bootstrap.

What happens in one second depends on the second before, so whole blocks of time are drawn again, not single values.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bench.realism.observations import Samples

ROUNDS = 100  # of a distance, whose interval is for information
SERIES_ROUNDS = 2_000  # of a statistic, which is judged by its interval: with 100 its ends would be chance
BLOCK_MS = 20_000
INTERVAL = (2.5, 97.5)  # percentiles


class Distance(NamedTuple):
    ks: float
    ks_low: float
    ks_high: float
    wasserstein: float  # in the unit of what is measured
    wasserstein_low: float
    wasserstein_high: float


class _Pooled(NamedTuple):
    """Both samples in one rising order: the two distribution functions are sums along it."""

    weights: np.ndarray
    block: np.ndarray
    last: np.ndarray  # place of the last of each distinct value
    steps: np.ndarray  # from each distinct value to the next
    second: np.ndarray  # which ones are of the second sample
    blocks: tuple[np.ndarray, np.ndarray]  # numbers of the blocks of the first and of the second


def _pool(first: Samples, second: Samples) -> _Pooled:
    blocks_first = np.unique(first.time_ms // BLOCK_MS, return_inverse=True)
    blocks_second = np.unique(second.time_ms // BLOCK_MS, return_inverse=True)
    count = len(blocks_first[0])
    block = np.concatenate([blocks_first[1], blocks_second[1] + count])
    values = np.concatenate([first.values, second.values]).astype(float)
    order = np.argsort(values, kind="stable")
    rising = values[order]
    last = np.append(np.flatnonzero(np.diff(rising)), len(rising) - 1)
    return _Pooled(
        np.concatenate([first.weights, second.weights])[order],
        block[order],
        last,
        np.diff(rising[last]),
        order >= len(first.values),
        (np.arange(count), np.arange(len(blocks_second[0])) + count),
    )


def _apart(pooled: _Pooled, weights: np.ndarray) -> tuple[float, float]:
    one = np.cumsum(np.where(pooled.second, 0.0, weights))[pooled.last]
    other = np.cumsum(np.where(pooled.second, weights, 0.0))[pooled.last]
    gap = np.abs(one / one[-1] - other / other[-1])
    return float(gap.max()), float(gap[:-1] @ pooled.steps)


def distance(first: Samples, second: Samples, random: np.random.Generator, rounds: int = ROUNDS) -> Distance:
    """The distances of two samples, none of them empty."""
    pooled = _pool(first, second)
    drawn = np.empty((rounds, 2))
    for row in drawn:
        times = np.zeros(sum(map(len, pooled.blocks)))
        for blocks in pooled.blocks:
            times += np.bincount(random.choice(blocks, len(blocks)), minlength=len(times))
        row[:] = _apart(pooled, pooled.weights * times[pooled.block])
    (ks_low, ks_high), (low, high) = np.percentile(drawn, INTERVAL, axis=0).T
    ks, wasserstein = _apart(pooled, pooled.weights)
    return Distance(ks, float(ks_low), float(ks_high), wasserstein, float(low), float(high))


class Interval(NamedTuple):
    value: float
    low: float
    high: float

    def has(self, value: float) -> bool:
        return self.low <= value <= self.high


def interval(
    series: np.ndarray,
    statistic: Callable[[np.ndarray], float],
    random: np.random.Generator,
    block: int = BLOCK_MS // 1_000,
    rounds: int = SERIES_ROUNDS,
) -> Interval:
    """A statistic of a series, one value a second, and where it lies in series of blocks of it drawn again."""
    length = len(series)
    block = min(block, length)
    drawn = []
    for _ in range(rounds):
        starts = random.integers(0, length - block + 1, -(-length // block))
        drawn.append(statistic(series[(starts[:, None] + np.arange(block)).ravel()[:length]]))
    low, high = np.percentile(drawn, INTERVAL)
    return Interval(statistic(series), float(low), float(high))
