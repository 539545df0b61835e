"""When orders are sent: arrival times drawn before the run, in nanoseconds from its start.

Nothing that the exchange does changes them; that is what makes the load an open loop.
"""

import numpy as np

SECOND_NS = 1_000_000_000


def poisson(rate: float, seconds: float, random: np.random.Generator) -> np.ndarray:
    """Independent arrivals at a constant rate."""
    return ramp(rate, rate, seconds, random)


def ramp(first: float, last: float, seconds: float, random: np.random.Generator) -> np.ndarray:
    """Independent arrivals at a rate that goes evenly from `first` to `last` a second.

    A Poisson process of rate 1, whose time is bent: by t seconds, first·t + (last - first)·t²/(2·seconds) have arrived.
    """
    expected = (first + last) / 2 * seconds
    gaps = random.exponential(1.0, int(expected + 8 * np.sqrt(expected) + 32))
    arrived = np.cumsum(gaps)
    arrived = arrived[arrived < expected]
    growth = (last - first) / seconds
    # Of the two forms of the root the one that does not divide by a growth of 0.
    at = 2 * arrived / (first + np.sqrt(first * first + 2 * growth * arrived))
    times: np.ndarray = np.floor(at * SECOND_NS).astype(np.int64)
    return times


def faster(times_ns: np.ndarray, speed: float) -> np.ndarray:
    """The times of a recording, from its first one on, played at a speed."""
    begun: np.ndarray = ((times_ns - times_ns[:1]) / speed).astype(np.int64)
    return begun
