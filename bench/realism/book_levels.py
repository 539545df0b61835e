"""What the book showed after any of its changes: the first levels of both sides, from events alone.

Prices are ranked, so that a book is two short arrays however far apart its prices are, and the next level is the next
rank that shows something.
"""

from typing import NamedTuple

import numpy as np

from engine_core.jit.kernel import kernel
from engine_core.wire.codes import Side

BIDS, ASKS = 0, 1
NO_LEVEL = -1


class Changes(NamedTuple):
    """Level changes, in order: after each, `price_ticks` of `side` shows `lots`."""

    event: np.ndarray  # index of the event that made it
    side: np.ndarray  # BIDS or ASKS
    rank: np.ndarray  # of the price, in `prices`
    lots: np.ndarray
    prices: np.ndarray  # ticks, rising


class Levels(NamedTuple):
    """The first levels, best first: [sample, side, level]. A level that is not there: price NO_LEVEL, no lots."""

    price_ticks: np.ndarray
    lots: np.ndarray


def changes_of(events: np.ndarray) -> Changes:
    event = np.flatnonzero((events["kind"] < 32) & (events["update_id"] != 0))
    changed = events[event]
    prices, rank = np.unique(changed["price_ticks"].astype(np.int64), return_inverse=True)
    side = np.where(changed["side"] == Side.BID, BIDS, ASKS)
    return Changes(event, side, rank.astype(np.int64), changed["level_lots"].copy(), prices)


@kernel
def _best_from(shown: np.ndarray, side: int, rank: int) -> int:
    """The first rank from `rank` on, away from the other side, that shows something; or one beyond the last."""
    step = -1 if side == BIDS else 1
    while 0 <= rank < shown.shape[1] and shown[side, rank] == 0:
        rank += step
    return rank


@kernel
def _levels_after(
    side: np.ndarray, rank: np.ndarray, lots: np.ndarray, wanted: np.ndarray, ranks: np.ndarray, sizes: np.ndarray
) -> None:
    """`ranks` and `sizes` [sample, side, level] after so many changes as `wanted` says of each sample."""
    shown = np.zeros((2, int(rank.max()) + 2), np.int64)
    best = np.array([-1, shown.shape[1]])
    done = 0
    for sample in range(len(wanted)):
        while done < wanted[sample]:
            book, place = side[done], rank[done]
            shown[book, place] = lots[done]
            if lots[done] and (place > best[BIDS] if book == BIDS else place < best[ASKS]):
                best[book] = place
            elif place == best[book]:
                best[book] = _best_from(shown, book, place)
            done += 1
        for book in range(2):
            place = best[book]
            for level in range(ranks.shape[2]):
                place = _best_from(shown, book, place)
                if not 0 <= place < shown.shape[1]:
                    break
                ranks[sample, book, level] = place
                sizes[sample, book, level] = shown[book, place]
                place += -1 if book == BIDS else 1


def levels_after(changes: Changes, wanted: np.ndarray, levels: int) -> Levels:
    """The first `levels` of the book after the first `wanted[i]` changes, for each i; `wanted` never decreases."""
    ranks = np.full((len(wanted), 2, levels), NO_LEVEL, np.int32)
    sizes = np.zeros(ranks.shape, np.int64)
    if len(changes.rank):
        _levels_after(changes.side, changes.rank, changes.lots, wanted, ranks, sizes)
    prices = np.append(changes.prices, NO_LEVEL)  # what rank NO_LEVEL stands for
    return Levels(prices[ranks], sizes)


@kernel
def _lots_at(
    side: np.ndarray, rank: np.ndarray, lots: np.ndarray, wanted: np.ndarray, asked: np.ndarray, found: np.ndarray
) -> None:
    """found[i]: what asked[i] = (side, rank) shows after wanted[i] changes."""
    shown = np.zeros((2, int(rank.max()) + 1), np.int64)
    done = 0
    for sample in range(len(wanted)):
        while done < wanted[sample]:
            shown[side[done], rank[done]] = lots[done]
            done += 1
        found[sample] = shown[asked[sample, 0], asked[sample, 1]]


def lots_at(changes: Changes, wanted: np.ndarray, side: np.ndarray, price_ticks: np.ndarray) -> np.ndarray:
    """Lots that `side` shows at a price after the first `wanted[i]` changes, for each i; `wanted` never decreases."""
    found = np.zeros(len(wanted), np.int64)
    if len(changes.rank):
        rank = np.minimum(np.searchsorted(changes.prices, price_ticks), len(changes.prices) - 1)
        _lots_at(changes.side, changes.rank, changes.lots, wanted, np.column_stack([side, rank]), found)
        found[changes.prices[rank] != price_ticks] = 0
    return found
