"""Intensities of the queue-reactive model: events counted by the size of the queue, divided by the time at that size.

That is their maximum likelihood. A size that was hardly seen is drawn to the mean of its distance, by as much as one
event of that mean would count.
"""

import numpy as np

from bench.calibrate.arrivals import CANCEL, PLACE, PROBE, TAKE, Arrivals
from bench.flow.parameters import EVENT_TYPES, QueueReactive
from bench.realism.book_levels import ASKS, BIDS, NO_LEVEL, Levels, changes_of, levels_after
from bench.realism.tape import Played

DISTANCES, SIZES = 20, 30
PRIOR_EVENTS = 1.0


def _units(lots: np.ndarray, unit: float) -> np.ndarray:
    """Size of a queue in whole units: 0 only for an empty one."""
    return np.minimum(np.ceil(lots / unit), SIZES).astype(np.int64)


def _exposure(levels: Levels, seconds: np.ndarray, unit: float) -> np.ndarray:
    """Seconds that queues spent [distance, size], both sides together."""
    best = levels.price_ticks[:, :, 0]
    away = np.abs(levels.price_ticks - best[:, :, None])
    there = (levels.price_ticks != NO_LEVEL) & (away < DISTANCES)
    spent = np.broadcast_to(seconds[:, None, None], away.shape)
    total = np.zeros((DISTANCES, SIZES + 1))
    np.add.at(total, (away[there], _units(levels.lots[there], unit)), spent[there])
    total[:, 0] += 2 * seconds.sum() - total.sum(axis=1)
    return total


def _counts(away: np.ndarray, queue: np.ndarray, unit: float) -> np.ndarray:
    counted = np.zeros((DISTANCES, SIZES + 1))
    near = (away >= 0) & (away < DISTANCES)
    np.add.at(counted, (away[near], _units(queue[near], unit)), 1)
    return counted


def _rates(counted: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """Events a second, along the last axis drawn to their mean."""
    mean = counted.sum(axis=-1, keepdims=True) / np.maximum(exposure.sum(axis=-1, keepdims=True), 1e-9)
    prior = PRIOR_EVENTS / np.maximum(mean, 1e-9)
    return np.where(mean > 0, (counted + PRIOR_EVENTS) / (exposure + prior), 0.0)


def _nested(rates: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in rates.tolist())


def fit(played: Played, until_ns: int, arrivals: Arrivals, other: tuple[float, ...]) -> QueueReactive:
    """`other`: what each of EVENT_TYPES has a second besides, as nothing here depends on a queue for them."""
    placed, taken = arrivals.of(PLACE), arrivals.of(TAKE)
    unit = max(float(placed.lots.mean()), 1.0) if len(placed.lots) else 1.0
    changes = changes_of(played.events)
    time_ns = np.minimum(played.time_ns[changes.event], until_ns)
    moments = np.flatnonzero(np.diff(time_ns, append=until_ns) > 0)  # the last change of each moment
    levels = levels_after(changes, moments + 1, DISTANCES)
    seconds = np.diff(time_ns[moments], append=until_ns) / 1e9
    both = (levels.price_ticks[:, :, 0] != NO_LEVEL).all(axis=1)
    levels, seconds = Levels(levels.price_ticks[both], levels.lots[both]), seconds[both]
    exposure = _exposure(levels, seconds, unit)
    placing = _rates(_counts(placed.away, placed.queue_lots, unit), exposure)
    gone = arrivals.of(CANCEL)
    cancelling = _rates(_counts(gone.away, gone.queue_lots, unit), exposure)
    cancelling[:, 0] = 0.0  # nothing rests there
    takes = np.bincount(_units(taken.opposite_lots, unit), minlength=SIZES + 1).astype(float)
    return QueueReactive(
        average_lots=unit,
        place_per_s=_nested(placing),
        cancel_per_s=_nested(cancelling),
        take_per_s=tuple(_rates(takes, exposure[0]).tolist()),
        other_per_s=other,
    )


def other_rates(arrivals: Arrivals) -> tuple[float, ...]:
    """Arrivals a second that the queues do not account for: probes, and orders farther away than the tables reach."""
    rates = dict.fromkeys(EVENT_TYPES, 0.0)
    for side, name in (BIDS, "bid"), (ASKS, "ask"):
        own = arrivals.only(arrivals.side == side)
        placed = own.of(PLACE)
        outside = (placed.away < 0) | (placed.away >= DISTANCES)
        rates[f"place_{name}"] = float(outside.sum()) / arrivals.seconds
        rates[f"probe_{name}"] = len(own.of(PROBE).lots) / arrivals.seconds
    return tuple(rates.values())
