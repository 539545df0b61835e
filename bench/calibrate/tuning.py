"""What no likelihood here can say, found by simulation: parameters at which the model's flow counts like the capture.

    parameter                                       is to give the share or deviation of
    slow rate: its deviation                        the logarithm of the messages in a second
    excitation at the fastest time scale            gaps of at most a millisecond
    how many orders are withdrawn together          cancels at most a millisecond after the message before

The likelihood knows excitation as exponentials, and cancels only as the end of a lifetime; a market's robots react
after a delay, several at a time. Method of simulated moments (D. McFadden, Econometrica 57, 1989), a few rounds with
the same seed. Only the part of the capture that is fitted to is looked at.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bench.calibrate.arrivals import CANCEL, Arrivals
from bench.calibrate.slow_rate import SlowRate, deviation, log_counts, states
from bench.flow.generator import generate
from bench.flow.parameters import TYPES, Flow, Hawkes
from bench.realism.tape import NS_PER_MS
from engine_core.wire.codes import CommandKind

ROUNDS = 10
SECONDS, WARM_UP_S = 1_200, 120
MOST_MESSAGES = 400_000  # of one simulation
MOST_FASTER = 6.0
MOST_OF_TYPE = 0.95  # of a type's arrivals may be excited at the fastest scale


class Moments(NamedTuple):
    deviation: float
    quick: float
    together: float


class Tuning(NamedTuple):
    slow: SlowRate
    faster: float  # factor on the excitation at the fastest scale
    together: float


def _moments(time_ms: np.ndarray, cancels: np.ndarray, seconds: float) -> Moments:
    quick = np.diff(time_ms) <= 1
    after = quick[cancels[1:]]
    logs = log_counts((time_ms - time_ms[0]) / 1_000, seconds)
    return Moments(deviation(logs), float(quick.mean()), float(after.mean()) if len(after) else 0.0)


def faster(model: Hawkes, factor: float, per_s: np.ndarray) -> Hawkes:
    """The fastest scale times `factor`, the others less by as much as keeps the mean rate of each type.

    `per_s`: the mean rates of all SOURCES."""
    excitation = np.array(model.excitation)
    if len(excitation) < 2:
        return model
    wanted = per_s[:TYPES] - np.array(model.base_per_s)
    excitation[0] *= factor
    quick = excitation[0] @ per_s
    limit = MOST_OF_TYPE * np.maximum(wanted, 0)
    excitation[0] *= np.where(quick > limit, limit / np.maximum(quick, 1e-12), 1)[:, None]
    left, slow = wanted - excitation[0] @ per_s, excitation[1:].sum(axis=0) @ per_s
    excitation[1:] *= np.where(slow > 0, np.maximum(left, 0) / np.maximum(slow, 1e-12), 0)[:, None]
    return replace(model, excitation=tuple(tuple(tuple(row) for row in scale) for scale in excitation.tolist()))


def applied(flow: Flow, tuning: Tuning, per_s: np.ndarray) -> Flow:
    return replace(
        flow,
        hawkes=faster(flow.hawkes, tuning.faster, per_s),
        options=replace(flow.options, together=tuning.together),
        pace=states(tuning.slow),
    )


def _simulated(flow: Flow, seed: int) -> Moments:
    messages = generate(flow, "hawkes", seed, seconds=float(SECONDS + WARM_UP_S))[:MOST_MESSAGES]
    messages = messages[messages["time_ns"] >= WARM_UP_S * 10**9]
    time_ms = messages["time_ns"] // NS_PER_MS
    lasted_s = float(time_ms[-1] - time_ms[0]) / 1_000
    return _moments(time_ms, messages["kind"] == CommandKind.CANCEL, lasted_s)


def tune(flow: Flow, slow: SlowRate, arrivals: Arrivals, per_s: np.ndarray, seed: int) -> Tuning:
    time_ms = np.round(arrivals.time_s * 1_000).astype(np.int64)
    real = _moments(time_ms, arrivals.source // 2 == CANCEL, arrivals.seconds)
    tuning = Tuning(slow, 1.0, 0.0)
    for _ in range(ROUNDS):
        ours = _simulated(applied(flow, tuning, per_s), seed)
        variance = tuning.slow.deviation**2 + real.deviation**2 - ours.deviation**2
        tuning = Tuning(
            slow._replace(deviation=float(np.sqrt(max(variance, 0.0)))),
            float(np.clip(tuning.faster * (real.quick / max(ours.quick, 1e-3)) ** 1.5, 0.1, MOST_FASTER)),
            float(np.clip(tuning.together + 1.5 * (real.together - ours.together), 0.0, 1.0)),
        )
    return tuning
