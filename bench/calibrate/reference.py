"""The reference price that all makers follow, from the moments at which the spread opens and closes elsewhere.

Such a move of the whole market is a jump: when, how far, which way, and who comes to the best prices afterwards.
What closes where it was before is the orders' own coming and going.
"""

from typing import NamedTuple

import numpy as np

from bench.calibrate.arrivals import PLACE, Arrivals
from bench.calibrate.mixtures import with_atoms
from bench.calibrate.orders import lifetimes, sizes
from bench.flow.laws import Law, Mixture
from bench.flow.parameters import Reference
from bench.realism.book_levels import ASKS, BIDS, NO_LEVEL, changes_of, levels_after
from bench.realism.tape import Played

LEAST_JUMPS = 20  # fewer say nothing of their law
SOON_S = 1.0  # a jump that follows within that is of the same move of the market
RECENT_S = 10.0  # after a jump, within which the next mostly goes its way; later ones go either way
QUOTED_S = 4.0  # after the last jump of a move, in which both sides are quoted anew
LEAST_DELAY_S = 0.001
ATOM_SHARE = 0.03


class Fit(NamedTuple):
    reference: Reference
    quotes: np.ndarray  # which arrivals are taken to be the orders that follow a jump


def fit(played: Played, until_ns: int, arrivals: Arrivals, random: np.random.Generator) -> Fit:
    """Off, by its default, if there are few."""
    none = Fit(Reference(), np.zeros(len(arrivals.source), bool))
    time_ns, middle, spread = _best_of(played, until_ns)
    if not len(spread):
        return none
    wide = spread > np.median(spread)
    opens = np.flatnonzero(wide[1:] & ~wide[:-1]) + 1
    closes = np.flatnonzero(~wide[1:] & wide[:-1]) + 1
    closes = closes[closes > opens[0]] if len(opens) else closes
    opens = opens[: len(closes)]
    moved = (middle[closes] - middle[opens - 1]) // 2
    jumps = moved != 0
    if jumps.sum() < LEAST_JUMPS:
        return none
    ways = np.sign(moved[jumps])
    time_s = time_ns[opens][jumps] / 1e9
    wait_s = np.maximum(np.diff(time_s), 1e-9)
    recent = wait_s < RECENT_S
    repeated = float(np.mean((ways[1:] == ways[:-1])[recent])) if recent.any() else 0.5
    last = np.append(wait_s > SOON_S, True) & (time_s < arrivals.seconds - QUOTED_S)
    behind = np.where(ways > 0, BIDS, ASKS)[last]
    quotes = _quotes(arrivals, time_s[last], behind)
    others = _quotes(arrivals, time_s[last], 1 - behind)
    if not quotes.which.any():
        return none
    orders = arrivals.only(quotes.which)
    fitted = Reference(
        quotes=max(round(quotes.each), 1),
        quotes_ahead=max(round(others.each), 0),
        wait=_waits(wait_s),
        ticks=with_atoms(np.abs(moved[jumps]), ATOM_SHARE, 1),
        again=max(2 * repeated - 1, 0.0),
        again_s=RECENT_S,
        delay=(Law("exponential", 1.0, quotes.delay_s),),
        size=sizes(orders.lots),
        lifetime=lifetimes(orders.life_s, orders.withdrawn, random),
    )
    return Fit(fitted, quotes.which)


class _Quotes(NamedTuple):
    which: np.ndarray  # arrivals: those at the best price of a side after a jump, beyond what comes to it at any time
    each: float  # their number after one jump
    delay_s: float  # of these, from the jump on: mean


def _quotes(arrivals: Arrivals, jump_s: np.ndarray, side: np.ndarray) -> _Quotes:
    """`side` of each jump: of which to look at the orders."""
    best = np.flatnonzero((arrivals.source // 2 == PLACE) & (arrivals.away <= 0))
    time_s, life_s, sides = arrivals.time_s[best], arrivals.life_s[best], arrivals.side[best]
    chosen = np.zeros(len(best), bool)
    delays: list[float] = []
    for jump, of_side in zip(jump_s, side, strict=True):
        soon = (sides == of_side) & (time_s >= jump) & (time_s < jump + QUOTED_S)
        chosen |= soon
        delays += (time_s[soon] - jump).tolist()
    quoted_s = np.array([(side == one).sum() * QUOTED_S for one in (BIDS, ASKS)])
    otherwise = np.array([(~chosen & (sides == one)).sum() for one in (BIDS, ASKS)])
    usual = float((otherwise / np.maximum(arrivals.seconds - quoted_s, QUOTED_S) * quoted_s).sum())
    beyond = max(len(delays) - usual, 0.0)
    total_s = sum(delays) - usual * QUOTED_S / 2
    which = np.zeros(len(arrivals.source), bool)
    which[best[chosen][_beyond_usual(life_s[chosen], life_s[~chosen], round(usual))]] = True
    return _Quotes(which, beyond / max(len(jump_s), 1), max(total_s / max(beyond, 1.0), LEAST_DELAY_S))


def _beyond_usual(life_s: np.ndarray, usual_s: np.ndarray, count: int) -> np.ndarray:
    """Which orders are left if those most like `count` usual ones by their lifetimes are put aside."""
    left = np.ones(len(life_s), bool)
    if len(usual_s):
        for usual in np.quantile(usual_s, (np.arange(count) + 0.5) / max(count, 1)):
            if left.sum() > 1:
                apart = np.where(
                    left, np.abs(np.log(np.maximum(life_s, LEAST_DELAY_S) / max(usual, LEAST_DELAY_S))), np.inf
                )
                left[np.argmin(apart)] = False
    return left


def _waits(wait_s: np.ndarray) -> Mixture:
    """Exponential within a move, while it is remembered, and later, so that the mean is what was seen."""
    part_of = np.searchsorted((SOON_S, RECENT_S), wait_s)
    parts = [part for one in range(3) if len(part := wait_s[part_of == one])]
    return tuple(Law("exponential", len(part) / len(wait_s), float(part.mean())) for part in parts)


def _best_of(played: Played, until_ns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(time, sum of both best prices, spread) after each change of the book up to then."""
    changes = changes_of(played.events)
    time_ns = played.time_ns[changes.event]
    live = (played.command[changes.event] >= played.tape.opening) & (time_ns < until_ns)
    best = levels_after(changes, np.flatnonzero(live) + 1, 1).price_ticks[:, :, 0]
    both = (best != NO_LEVEL).all(axis=1)
    best = best[both]
    return time_ns[live][both], best.sum(axis=1), best[:, ASKS] - best[:, BIDS]
