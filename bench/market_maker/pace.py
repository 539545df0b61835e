"""How lively one market of the demo is: hours that are quiet, minutes in which everything happens.

A lognormal rate, constant for a while, then drawn anew: the slow rate that `exchange bench calibrate` finds in the
captured half hour, and a slower one, of which half an hour says nothing. It is a factor with mean 1 on how often the
reference jumps and takers come, so that busy times are those in which the price moves. Pure and seeded: no clock.
"""

import math
import random

SCALES = ((2.4, 0.37), (600.0, 0.9))  # seconds that a rate lasts in the mean, deviation of its logarithm


class Pace:
    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._parts = [self._drawn(deviation) for _, deviation in SCALES]

    @property
    def rate(self) -> float:
        return math.prod(self._parts)

    def step(self, seconds: float) -> float:
        """The rate after so many more seconds."""
        for place, (lasts_s, deviation) in enumerate(SCALES):
            if self._source.random() > math.exp(-seconds / lasts_s):
                self._parts[place] = self._drawn(deviation)
        return self.rate

    def _drawn(self, deviation: float) -> float:
        return math.exp(deviation * self._source.gauss(0, 1) - deviation**2 / 2)
