"""The reference price that all makers follow, from the moments at which the spread opens and closes elsewhere.

Such a move of the whole market is a jump: when, how far, which way, and how long until the spread is closed again.
What closes where it was before is the orders' own coming and going.
"""

import numpy as np

from bench.calibrate.arrivals import PLACE, Arrivals
from bench.calibrate.mixtures import lognormals, with_atoms
from bench.calibrate.orders import lifetimes, sizes
from bench.flow.laws import Law, Mixture
from bench.flow.parameters import Reference
from bench.realism.book_levels import ASKS, BIDS, NO_LEVEL, changes_of, levels_after
from bench.realism.tape import NS_PER_MS, Played

LEAST_JUMPS = 20  # fewer say nothing of their law
SOON_S = 1.0  # a jump that follows within that is of the same move of the market
ATOM_SHARE = 0.03
QUOTES = 2  # chosen by simulation: with one the imbalance varies too little


def fit(played: Played, until_ns: int, arrivals: Arrivals, random: np.random.Generator) -> Reference:
    """Off, by its default, if there are few."""
    time_ns, middle, spread = _best_of(played, until_ns)
    if not len(spread):
        return Reference()
    wide = spread > np.median(spread)
    opens = np.flatnonzero(wide[1:] & ~wide[:-1]) + 1
    closes = np.flatnonzero(~wide[1:] & wide[:-1]) + 1
    closes = closes[closes > opens[0]] if len(opens) else closes
    opens = opens[: len(closes)]
    moved = (middle[closes] - middle[opens - 1]) // 2
    jumps = moved != 0
    inside = arrivals.only((arrivals.source // 2 == PLACE) & (arrivals.away < 0))
    if jumps.sum() < LEAST_JUMPS or not len(inside.lots):
        return Reference()
    ways = np.sign(moved[jumps])
    wait_s = np.maximum(np.diff(time_ns[opens][jumps]), 1) / 1e9
    took_s = np.maximum(time_ns[closes] - time_ns[opens], NS_PER_MS)[jumps] / 1e9
    repeated = float(np.mean(ways[1:] == ways[:-1]))
    return Reference(
        quotes=QUOTES,
        wait=_waits(wait_s),
        ticks=with_atoms(np.abs(moved[jumps]), ATOM_SHARE, 1),
        again=max(2 * repeated - 1, 0.0),
        delay=lognormals(took_s, 1),
        size=sizes(inside.lots),
        lifetime=lifetimes(inside.life_s, inside.withdrawn, random),
    )


def _waits(wait_s: np.ndarray) -> Mixture:
    """Exponential within a move and from one move to the next, so that the mean is what was seen."""
    parts = [part for part in (wait_s[wait_s < SOON_S], wait_s[wait_s >= SOON_S]) if len(part)]
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
