"""Rates of the zero-intelligence model: events divided by time, withdrawals by the time that orders rested."""

from bench.calibrate.arrivals import PLACE, Arrivals
from bench.flow.parameters import MOST_TICKS, TYPES, ZeroIntelligence

BANDS_TICKS = (0, 2, 7, 20, 60, 200, MOST_TICKS)  # each up to and with so many behind the best


def fit(arrivals: Arrivals) -> ZeroIntelligence:
    placed = arrivals.of(PLACE)
    everywhere = placed.withdrawn.sum() / max(float(placed.life_s.sum()), 1e-9)
    cancel = []
    for low, high in zip((-MOST_TICKS, *(ticks + 1 for ticks in BANDS_TICKS)), BANDS_TICKS, strict=False):
        band = placed.only((placed.away >= low) & (placed.away <= high))
        rested_s = float(band.life_s.sum())
        cancel.append((float(high), float(band.withdrawn.sum() / rested_s if rested_s else everywhere)))
    return ZeroIntelligence(tuple(arrivals.per_s()[:TYPES].tolist()), tuple(cancel))
