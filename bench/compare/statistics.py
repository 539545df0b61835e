"""Whether two sets of measurements differ by more than noise, and by how much.

The question "could this be chance?" is answered by a permutation test: how often would measurements dealt out to the
two sides at random differ as much? It assumes no distribution. Of pairs that were measured one after the other, the
two of each pair are exchanged instead, which takes out what drifts. The size of a change is a ratio of geometric
means, with a bootstrap interval. Everything is seeded: the same files give the same answer.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FEWEST = 4  # measurements a side: of 70 ways to deal out eight, two are as extreme as the most extreme
FEWEST_PAIRS = 6  # of 64 ways to exchange, two are
EXACT = 20_000  # ways that are all looked at; of more, so many are drawn
RESAMPLES = 5_000
MANY = 500  # of more measurements nothing is drawn: their mean is normally distributed, and draws fill the memory
CONFIDENCE = 0.95
SEED = 20


@dataclass(frozen=True)
class Change:
    ratio: float  # after / before
    low: float  # and the interval around it
    high: float
    chance: float  # probability of at least such a difference if there is none

    def as_percent(self) -> tuple[float, float, float]:
        return (self.ratio - 1) * 100, (self.low - 1) * 100, (self.high - 1) * 100


def change(before: Sequence[float], after: Sequence[float], *, paired: bool) -> Change | None:
    """None: there are too few to tell, or they have no ratio (zero or less)."""
    if min(len(before), len(after)) < FEWEST or min(*before, *after) <= 0:
        return None
    a, b = np.log(np.asarray(before, float)), np.log(np.asarray(after, float))
    random = np.random.default_rng(SEED)
    if paired and len(a) == len(b) >= FEWEST_PAIRS:
        chance = _chance_of_pairs(b - a, random)
        draws = _means(b - a, random)
    else:
        chance = _chance(a, b, random)
        draws = _means(b, random) - _means(a, random)
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Change(math.exp(b.mean() - a.mean()), math.exp(low), math.exp(high), chance)


def _means(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Of resamples of the values."""
    n = len(values)
    if n > MANY:
        return random.normal(values.mean(), values.std(ddof=1) / math.sqrt(n), RESAMPLES)
    return np.asarray(values[random.integers(0, n, (RESAMPLES, n))].mean(axis=1))


def _chance(a: np.ndarray, b: np.ndarray, random: np.random.Generator) -> float:
    """Share of the ways to deal all values out to two sides whose means differ as much as these."""
    together, n = np.concatenate([a, b]), len(a)
    if len(together) > MANY:
        return _normal_chance(b.mean() - a.mean(), together.var(ddof=1) * (1 / n + 1 / len(b)))
    if math.comb(len(together), n) <= EXACT:
        ways = np.array(list(itertools.combinations(range(len(together)), n)))
    else:
        ways = random.permuted(np.tile(np.arange(len(together)), (EXACT, 1)), axis=1)[:, :n]
    sums = together[ways].sum(axis=1)
    differences = np.abs((together.sum() - sums) / len(b) - sums / n)
    return _share(differences, abs(b.mean() - a.mean()), math.comb(len(together), n))


def _chance_of_pairs(differences: np.ndarray, random: np.random.Generator) -> float:
    n = len(differences)
    if n > MANY:
        return _normal_chance(differences.mean(), (differences**2).mean() / n)
    if 2**n <= EXACT:
        signs = np.array(list(itertools.product((1, -1), repeat=n)))
    else:
        signs = random.choice((1, -1), (EXACT, n))
    return _share(np.abs((signs * differences).mean(axis=1)), abs(differences.mean()), 2**n)


def _normal_chance(difference: float, variance: float) -> float:
    """Of at least such a difference of means, of which the ways to deal out have this variance."""
    return math.erfc(abs(difference) / math.sqrt(2 * variance)) if abs(difference) > 1e-12 else 1.0


def _share(differences: np.ndarray, measured: float, ways: int) -> float:
    """Drawn ways do not contain the measured one for certain: it is counted with them."""
    extreme = int((differences >= measured - 1e-12).sum())
    return extreme / len(differences) if ways <= EXACT else (extreme + 1) / (len(differences) + 1)


def holm(chances: Sequence[float]) -> list[float]:
    """The same chances, of several questions asked at once: among twenty, one in twenty is no news."""
    order = np.argsort(chances)
    adjusted, highest = [0.0] * len(chances), 0.0
    for rank, at in enumerate(order.tolist()):
        highest = max(highest, min(1.0, chances[at] * (len(chances) - rank)))
        adjusted[at] = highest
    return adjusted
