"""Maximum likelihood of the Hawkes model, at given time scales.

With the decays given, an intensity is linear in its base rate and its excitations, so each type's likelihood is concave
and has one maximum: found by L-BFGS-B within bounds at 0. The sums over the past are kept by recursion: O(n).

The clock of a capture ticks in milliseconds; `spread_within_ms` draws where in its millisecond each message was.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from bench.calibrate.arrivals import Arrivals
from bench.flow.parameters import SOURCES, TYPES, Hawkes
from engine_core.jit.kernel import kernel

DECAYS_PER_S = (1_500.0, 2.0)  # robots, and what lasts as long as a rise of the slow rate (slow_rate.py)
MOST_RATIO = 0.98  # of the fitted branching ratio: nearer to one a flow of minutes says nothing of its mean
# Of each type's mean rate. A likelihood near the critical point takes the slow rise and fall of the whole flow for
# excitation; what then excites itself from almost nothing dies out, or has no mean to speak of.
LEAST_BASE = 0.6
FEW = 20  # events of a type, below which only its rate is fitted


class Fit(NamedTuple):
    model: Hawkes
    log_likelihood: float
    poisson_log_likelihood: float  # of constant rates, to compare
    reduced_by: float  # what all excitations were divided by to stay below MOST_RATIO; 1: nothing


def spread_within_ms(time_s: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Rising times, each within the millisecond that was told of it, in the order told."""
    whole = np.floor(time_s * 1_000 + 1e-6)
    inside = random.random(len(time_s))
    order = np.lexsort((inside, whole))
    return (whole + inside[order]) / 1_000


@kernel
def _sums(time_s: np.ndarray, source: np.ndarray, decay: np.ndarray, sums: np.ndarray) -> None:
    """sums[event, scale, source]: sum over earlier events of that source of exp(-decay * time since)."""
    scales, sources = sums.shape[1], sums.shape[2]
    for event in range(1, len(time_s)):
        since = time_s[event] - time_s[event - 1]
        for scale in range(scales):
            faded = np.exp(-decay[scale] * since)
            for one in range(sources):
                sums[event, scale, one] = sums[event - 1, scale, one] * faded
            sums[event, scale, source[event - 1]] += faded


def _features(arrivals: Arrivals, time_s: np.ndarray, decay: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(what each parameter of a type adds to its intensity at each event, and to its integral over all time)."""
    sums = np.zeros((len(time_s), len(decay), len(SOURCES)))
    _sums(time_s, arrivals.source, decay, sums)
    sums *= decay[:, None]
    left = 1 - np.exp(-decay[:, None] * (arrivals.seconds - time_s))
    integral = np.array([[row[arrivals.source == one].sum() for one in range(len(SOURCES))] for row in left])
    intensity = np.concatenate([np.ones((len(time_s), 1)), sums.reshape(len(time_s), -1)], axis=1)
    return intensity, np.concatenate([[arrivals.seconds], integral.ravel()])


def _maximum(intensity: np.ndarray, integral: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """(parameters of one type, log-likelihood). In units of what each adds to the integral, all are of one order."""
    unit = 1 / integral
    scaled = intensity * unit

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        rate = np.maximum(scaled @ values, 1e-300)
        return float(values.sum() - np.log(rate).sum()), 1 - (1 / rate) @ scaled

    bounds = [(LEAST_BASE * count, None)] + [(0, None)] * (len(unit) - 1)
    start = np.full(len(unit), count / len(unit))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200})
    values = found.x
    values[1:] *= (count - values[0]) / max(values[1:].sum(), 1e-9)  # so that the mean rate is the capture's
    return values * unit, -float(loss(values)[0])


def _log_likelihood_of_rate(count: int, seconds: float) -> float:
    return float(count * np.log(count / seconds) - count) if count else 0.0


def fit(arrivals: Arrivals, random: np.random.Generator, decays: tuple[float, ...] = DECAYS_PER_S) -> Fit:
    decay = np.asarray(decays, float)
    time_s = spread_within_ms(arrivals.time_s, random)
    intensity, integral = _features(arrivals, time_s, decay)
    came = integral > 0  # what never came excites nothing
    base, excitation = np.zeros(TYPES), np.zeros((TYPES, len(decay), len(SOURCES)))
    likelihood = poisson = 0.0
    for kind in range(TYPES):
        own = arrivals.source == kind
        count = int(own.sum())
        poisson += _log_likelihood_of_rate(count, arrivals.seconds)
        if count < FEW:
            base[kind] = count / arrivals.seconds
            likelihood += _log_likelihood_of_rate(count, arrivals.seconds)
            continue
        values = np.zeros(len(integral))
        values[came], best = _maximum(intensity[own][:, came], integral[came], count)
        base[kind], excitation[kind] = values[0], values[1:].reshape(excitation.shape[1:])
        likelihood += best
    model, reduced = _bounded(base, excitation.swapaxes(0, 1), decays)
    return Fit(model, likelihood, poisson, reduced)


def _bounded(base: np.ndarray, excitation: np.ndarray, decays: tuple[float, ...]) -> tuple[Hawkes, float]:
    """The model, its excitations divided by as much as its branching ratio needs to stay below MOST_RATIO."""
    factor = 1.0
    while (model := _model(base, excitation / factor, decays)).branching_ratio() > MOST_RATIO:
        factor *= 1.01
    return model, factor


def _model(base: np.ndarray, excitation: np.ndarray, decays: tuple[float, ...]) -> Hawkes:
    rows = tuple(tuple(tuple(row) for row in scale) for scale in excitation.tolist())
    return Hawkes(tuple(base.tolist()), decays, rows)
