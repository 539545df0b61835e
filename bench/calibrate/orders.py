"""What the orders of a capture are like, whatever model says when they come: classes of distance, size and lifetime.

A class is a band of distances from the best and one of lifetimes, so that size, distance and lifetime stay as dependent
on each other as the bands are narrow. Within a class they are parametric laws; no value of the capture is kept, but
for sizes so common that they are round numbers of somebody's (atoms).
"""

from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from bench.calibrate.arrivals import PLACE, PROBE, TAKE, Arrivals, Opening
from bench.calibrate.mixtures import lognormals, scaled, with_atoms
from bench.flow.laws import Law, Mixture
from bench.flow.parameters import MOST_LOTS, MOST_TICKS, Flow, Market, OrderClass, Takers

# Ticks behind the best: each from, to below the next. The first: at the best, or inside the spread.
BANDS = (-(10**9), 1, 2, 4, 8, 13, 21, 36, 61, 101, 1_001, 10**9)
OPENING_TICKS = 1_001  # an opening book reaches below that; orders farther away are not met in hours
NEAR = 101  # ticks, up to which a band is even; beyond it is lognormal
LIVES_S = (0.0, 1.0, 10.0, 60.0, 150.0, 1e9)  # bands of lifetimes: the largest orders are those that live longest
ATOM_SHARE = 0.01
SIZE_LAWS, LIFE_LAWS, FAR_LAWS = 5, 4, 3
MANY = 200  # orders, for mixtures of several laws
HALF_MS = 0.0005
MEAN_ROUNDS = 5  # in which a mean comes near enough
MOST_INSIDE = 20  # ticks
LEAST_AGAIN = 100  # probes that were sent again; fewer say nothing of when
LEAST_OF_CLASS = 5  # orders; fewer say nothing of their sizes and lifetimes


class Fitted(NamedTuple):
    flow: Flow
    notes: list[str]  # what could not be fitted, in words


def _mean(law: Law, most: float) -> float:
    """Of the smaller of a lognormal and `most`."""
    reach = np.log(most / law.first) / law.second
    return float(law.moment(1) * norm.cdf(reach - law.second) + most * norm.sf(reach))


def sizes(lots: np.ndarray, most: float = MOST_LOTS) -> Mixture:
    """With the mean of what was seen, on which the depth of a book depends: few orders say little of a tail. What is
    above `most` counts as that."""
    laws = with_atoms(lots, ATOM_SHARE, SIZE_LAWS if len(lots) >= MANY else 2)
    atoms, others = ([law for law in laws if (law.law == "atom") is is_atom] for is_atom in (True, False))
    if not others:
        return laws
    wanted = float(lots.mean()) - sum(law.weight * law.first for law in atoms)
    for _ in range(MEAN_ROUNDS):
        times = wanted / sum(law.weight * _mean(law, most) for law in others)
        others = [replace(law, first=min(max(law.first * times, 1.0), most)) for law in others]
    return (*atoms, *others)


def lifetimes(life_s: np.ndarray, withdrawn: np.ndarray, random: np.random.Generator) -> Mixture:
    """Whole milliseconds told: each is drawn from around what was told, so that none is 0."""
    spread = np.maximum(life_s + random.uniform(-HALF_MS, HALF_MS, len(life_s)), HALF_MS / 10)
    return lognormals(spread, LIFE_LAWS if len(life_s) >= MANY else 1, ~withdrawn)


def _best(band: Arrivals) -> Mixture:
    """Of orders at the best or inside the spread: where there is room inside, how many go how far.

    In a spread of one tick there is none, and the generator moves those to the best."""
    roomy = band.away[band.spread > 1]
    inside = np.maximum(roomy[roomy < 0], -MOST_INSIDE)
    if not len(inside):
        return (Law("atom", 1.0, 0.0),)
    distinct, times = np.unique(inside, return_counts=True)
    shares = zip(distinct.tolist(), (times / len(roomy)).tolist(), strict=True)
    atoms = tuple(Law("atom", share, float(ticks)) for ticks, share in shares)
    at_best = 1 - len(inside) / len(roomy)
    return (*atoms, Law("atom", at_best, 0.0)) if at_best > 0 else atoms


def _even(low: int, high: int) -> Mixture:
    """Whole ticks from low to high, each as likely."""
    if low == high:
        return (Law("atom", 1.0, float(low)),)
    return (Law("uniform", 1.0, low - 0.5 + 1e-9, high + 0.5 - 1e-9),)


def _distance(away: np.ndarray, low: int, high: int) -> Mixture:
    if high < NEAR:
        return _even(low, high)
    return lognormals(np.minimum(away, MOST_TICKS), FAR_LAWS)


def _distances(away: np.ndarray) -> Mixture:
    """Even in bands near the best, lognormal beyond."""
    distance: Mixture = ()
    for low, beyond in pairwise(BANDS):
        band = away[(away >= low) & (away < beyond)]
        if len(band):
            distance += scaled(_distance(band, max(low, 0), beyond - 1), len(band) / len(away))
    return distance


def _large(lots: np.ndarray) -> np.ndarray:
    """The few orders that hold half of all lots."""
    order = np.argsort(lots)
    held = np.cumsum(lots[order])
    large: np.ndarray = lots >= lots[order][np.searchsorted(held, held[-1] / 2)]
    return large


def _classes(placed: Arrivals, random: np.random.Generator) -> tuple[OrderClass, ...]:
    """Large orders near the best are a class whatever their distance: they are drawn evenly only within a class."""
    classes = []
    large = _large(placed.lots) & (placed.away < NEAR)
    for shortest, longer in pairwise(LIVES_S):
        lives = (placed.life_s >= shortest) & (placed.life_s < longer)
        part = placed.only(lives & large)
        if len(part.lots) >= LEAST_OF_CLASS:
            classes.append(_class(part, _distances(part.away), random))
        for low, beyond in pairwise(BANDS):
            in_band = (placed.away >= low) & (placed.away < beyond) & ~large
            part = placed.only(lives & in_band)
            if len(part.lots) >= LEAST_OF_CLASS:
                distance = _best(placed.only(in_band)) if low < 0 else _distance(part.away, low, beyond - 1)
                classes.append(_class(part, distance, random))
    return tuple(classes)


def _class(part: Arrivals | Opening, distance: Mixture, random: np.random.Generator) -> OrderClass:
    lives = lifetimes(part.life_s, part.withdrawn, random)
    most = float(part.lots.max())
    return OrderClass(float(len(part.lots)), distance, sizes(part.lots, most), most, lives)


def _market(opening: Opening) -> Market:
    return Market(
        start_ticks=opening.middle_ticks,
        spread_ticks=max(opening.spread_ticks, 1),
        orders=min(len(opening.away) // 2, 50_000),
    )


def _opening(opening: Opening, random: np.random.Generator) -> tuple[OrderClass, ...]:
    """The book at the start: near the best and far from it, and of both its large orders and the others."""
    near, large = opening.away < NEAR, _large(opening.lots)
    parts = (opening.only(place & size) for place in (near, ~near) for size in (large, ~large))
    return tuple(_class(part, _distances(part.away), random) for part in parts if len(part.lots))


def _beyond(through: np.ndarray) -> Mixture:
    """Ticks beyond the best opposite price: a share for each number of ticks."""
    distinct, times = np.unique(np.clip(through, 0, 50), return_counts=True)
    shares = zip(distinct.tolist(), (times / len(through)).tolist(), strict=True)
    return tuple(Law("atom", share, float(ticks)) for ticks, share in shares)


def _takers(taken: Arrivals, probes: Arrivals, default: Takers) -> Takers:
    takers = default
    if len(taken.lots):
        limits = taken.only(~taken.market)
        takers = replace(
            takers,
            size=sizes(taken.lots[taken.lots > 0]) or takers.size,
            through=_beyond(limits.through) if len(limits.through) else takers.through,
            market=float(taken.market.mean()),
            ioc=float(taken.immediate.mean()),
            fok=0.0,
        )
    if len(probes.lots):
        takers = replace(takers, probe_size=sizes(probes.lots), probe_through=_beyond(probes.through))
    if probes.again.sum() >= LEAST_AGAIN:
        takers = replace(takers, probe_again=float(probes.again.mean()), probe_delay=_round_trip(probes))
    return takers


def _round_trip(probes: Arrivals) -> Mixture:
    """From a refusal to the next try of its sender: the waits between two senders of one size are other laws."""
    last: dict[tuple[int, int], float] = {}
    waits = []
    for time_s, side, lots, again in zip(probes.time_s, probes.side, probes.lots, probes.again, strict=True):
        if again:
            waits.append(time_s - last[side, lots])
        last[side, lots] = time_s
    laws = lognormals(np.maximum(waits, HALF_MS), 3)
    return (replace(max(laws, key=lambda law: law.weight), weight=1.0),)


def fit(arrivals: Arrivals, opening: Opening, flow: Flow, random: np.random.Generator) -> Fitted:
    """The parameters in `flow` that all models share, from a capture."""
    placed, taken, probes = (arrivals.of(kind) for kind in (PLACE, TAKE, PROBE))
    notes = []
    if not len(placed.lots):
        return Fitted(flow, ["no order came to rest: classes of orders, sizes and lifetimes are the defaults"])
    if len(taken.lots) < 100:
        notes.append(f"only {len(taken.lots)} takers: their sizes are rough")
    if arrivals.short:
        notes.append(f"{arrivals.short} immediate orders that found nothing: no model sends such")
    near = opening.only(opening.away < OPENING_TICKS)
    if len(near.away) < len(opening.away):
        far = f"{len(opening.away) - len(near.away):,} of {len(opening.away):,} orders of the opening book"
        notes.append(f"{far} are {OPENING_TICKS:,} ticks or more from the best: left out")
    if not len(near.away):
        notes.append("no opening book near the best: the flow starts with the default one")
    options = replace(
        flow.options,
        post_only=float(placed.post_only.mean()), iceberg=0.0, stop=0.0,
    )  # fmt: skip
    notes.append("icebergs and stop orders cannot be told from a capture: their shares are 0")
    return Fitted(
        replace(
            flow,
            market=_market(near) if len(near.away) else flow.market,
            opening=_opening(near, random) if len(near.away) else flow.opening,
            population=replace(flow.population, self_trades=0.0),  # a capture has no accounts
            takers=_takers(taken, probes, flow.takers),
            options=options,
            orders=_classes(placed, random),
        ),
        notes,
    )
