"""The slow rise and fall of the whole flow, which no excitation of milliseconds explains: a lognormal rate.

It is constant for a while, then drawn anew: states of a Markov chain (`pace` of the parameters), whose rates are
quantiles of a lognormal, each as likely to follow as any other. So two numbers are fitted: how far apart the rates
are, and how long one lasts.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from bench.calibrate.arrivals import Arrivals
from bench.flow.parameters import Pace

STATES = 9
LEAST_S, MOST_S = 0.5, 60.0
DECILES = 2.563  # from the first to the ninth of a Gaussian, in deviations
LEAST_PER_S = 0.5  # what an empty second counts as: its logarithm must exist


class SlowRate(NamedTuple):
    deviation: float  # of the logarithm of the rate
    seconds: float  # that a rate lasts, on average


def log_counts(time_s: np.ndarray, seconds: float) -> np.ndarray:
    """Logarithms of the number of messages in each second."""
    whole = int(seconds)
    return np.log(np.maximum(np.bincount(time_s.astype(np.int64), minlength=whole)[:whole], LEAST_PER_S))


def deviation(logs: np.ndarray) -> float:
    """By the deciles: the bursts of single seconds are excitation, and would make all seconds look uneven."""
    low, high = np.percentile(logs, (10, 90))
    return float(high - low) / DECILES


def fit(arrivals: Arrivals) -> SlowRate:
    """From the counts as they are; what excitation adds to their deviation is taken out later (tuning.py)."""
    logs = log_counts(arrivals.time_s, arrivals.seconds)
    if len(logs) < 10 or not logs.std():
        return SlowRate(0.0, 1.0)
    moved = logs - logs.mean()
    persistence = float(np.mean(moved[1:] * moved[:-1]) / np.mean(moved**2))
    lasts_s = -1 / np.log(persistence) if 0 < persistence < 1 else LEAST_S
    return SlowRate(deviation(logs), float(min(max(lasts_s, LEAST_S), MOST_S)))


def states(slow: SlowRate) -> tuple[Pace, ...]:
    """The chain; empty if the rate does not change. Its mean rate is 1."""
    if not slow.deviation:
        return ()
    rates = np.exp(slow.deviation * norm.ppf((np.arange(STATES) + 0.5) / STATES))
    return tuple(Pace(float(rate), slow.seconds, (1.0,) * STATES) for rate in rates / rates.mean())
