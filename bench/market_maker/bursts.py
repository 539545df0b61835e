"""How the demo's takers come: in bursts, more of them on one side, mostly small and now and then large.

As the flows of bench/flow do (a Hawkes process, sizes with a heavy tail), in so small that one event a second needs no
kernel; their numbers are those that `exchange bench calibrate` finds in the captured half hour. Pure and seeded: no
clock, no I/O. Floats choose a moment or a size; money is never computed here.
"""

import math
import random
from collections.abc import Callable

from bench.market_maker.quotes import chosen

BRANCHING = 0.6  # takers that follow directly from one, in the mean
DECAY_PER_S = 2.0
SAME_SIDE = 0.75  # share of those that follow another which take the same side as that one
SMALL, SMALL_SIGMA, SMALL_MEDIAN = 0.5, 2.3, 0.005  # half of them are tiny; times the mean of all
SIZE_SIGMA = 1.14  # of the logarithm of the others' sizes
LARGEST = 20  # times the mean


class Bursts:
    """The takers of one market, one after the other. `rate`: how lively it is now, a factor with mean 1."""

    def __init__(self, mean_s: float, source: random.Random, rate: Callable[[], float] = lambda: 1.0) -> None:
        self._source = source
        self._rate = rate
        self._base = (1 - BRANCHING) / mean_s
        self._excited = 0.0
        self._follows = False
        self._sold = False

    def wait_s(self) -> float:
        """The time until the next one; `mean_s` in the mean. By thinning: the intensity only falls until it comes."""
        waited, base = 0.0, self._base * self._rate()
        while True:
            bound = base + self._excited
            wait = self._source.expovariate(bound)
            waited += wait
            self._excited *= math.exp(-DECAY_PER_S * wait)
            drawn = self._source.random() * bound
            if drawn <= base + self._excited:
                self._follows = drawn > base
                self._excited += BRANCHING * DECAY_PER_S
                return waited

    def sells(self, chance: float) -> bool:
        """Whether it sells: by chance, unless it follows another one."""
        if not self._follows or self._source.random() >= SAME_SIDE:
            self._sold = self._source.random() < chance
        return self._sold


def taken_lots(mean_lots: float, source: random.Random) -> int:
    """The size of one, at least a lot: of this mean but for what the bound cuts off; many are tiny, some round."""
    if source.random() < SMALL:
        size = mean_lots * SMALL_MEDIAN * math.exp(SMALL_SIGMA * source.gauss(0, 1))
    else:
        rest = (1 - SMALL * SMALL_MEDIAN * math.exp(SMALL_SIGMA**2 / 2)) / (1 - SMALL)
        size = mean_lots * rest * math.exp(SIZE_SIGMA * source.gauss(0, 1) - SIZE_SIGMA**2 / 2)
    return max(chosen(min(size, LARGEST * mean_lots), source), 1)
