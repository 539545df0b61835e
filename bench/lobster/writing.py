"""A tape as LOBSTER tells it: only what changes the visible book, and the book after each change.

    what our engine says                                   type
    an order rests, or what a taker left does              1 submission
    it is reduced and keeps its place                      2 reduction, by so much
    it is withdrawn, expires, leaves its level to queue again (its submission follows)   3 deletion
    it trades: one message for each maker                  4 execution
    an iceberg shows its next part                         1 submission, of the same order

Orders that never rest (refused, immediate, a taker's traded part) have no message of their own. The book at the start
is submitted at the time of the start. Only its price tells an order of ours: sizes are in lots.
"""

import numpy as np

from bench.lobster.files import (
    ASK,
    BID,
    COLUMNS_OF_LEVEL,
    DELETION,
    EXECUTION,
    MESSAGE,
    NO_ASK,
    NO_BID,
    REDUCTION,
    SUBMISSION,
    Name,
    Pair,
)
from bench.realism.book_levels import ASKS, BIDS, NO_LEVEL, changes_of, levels_after
from bench.realism.tape import NS_PER_MS, Played
from engine_core.wire.codes import EventKind, Side

_TYPES = {
    EventKind.ACCEPTED: SUBMISSION,
    EventKind.RESTED: SUBMISSION,
    EventKind.REPLENISHED: SUBMISSION,
    EventKind.AMENDED: REDUCTION,
    EventKind.FILL: EXECUTION,
    EventKind.CANCELLED: DELETION,
    EventKind.EXPIRED: DELETION,
    EventKind.UNRESTED: DELETION,
}


def _sizes(changed: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Lots that each message adds to or takes from what its level showed."""
    filled = np.where(kind == EXECUTION, changed["fill_lots"], 0)
    shown = changed["level_lots"]
    before: dict[tuple[int, int], int] = {}
    sizes = np.empty(len(changed), np.int64)
    levels = zip(changed["side"].tolist(), changed["price_ticks"].tolist(), strict=True)
    for at, (level, lots) in enumerate(zip(levels, shown.tolist(), strict=True)):
        sizes[at] = abs(lots - before.get(level, 0))
        before[level] = lots
    return np.where(filled > 0, filled, sizes)


def pair_of(played: Played, ticker: str, levels: int) -> Pair:
    tape = played.tape
    changes = changes_of(played.events)
    changed = played.events[changes.event]
    kind = np.zeros(len(changed), np.int64)
    for event, number in _TYPES.items():
        kind[changed["kind"] == event] = number
    assert (kind > 0).all(), "an event changed a level and has no type here"
    sizes = _sizes(changed, kind)
    told = sizes > 0  # an iceberg's hidden part may be reduced: nobody sees that
    messages = np.zeros(int(told.sum()), MESSAGE)
    messages["time_ns"] = (played.time_ns[changes.event] + tape.midnight_ns)[told]
    messages["type"], messages["size"] = kind[told], sizes[told]
    messages["order"] = changed["client_id"][told]
    messages["price"] = changed["price_ticks"][told].astype(np.int64) * tape.tick_e4
    messages["direction"] = np.where(changed["side"][told] == Side.BID, BID, ASK)
    after = levels_after(changes, np.flatnonzero(told) + 1, levels)
    book = np.empty((len(messages), levels, COLUMNS_OF_LEVEL), np.int64)
    for side, column, nothing in (ASKS, 0, NO_ASK), (BIDS, 2, NO_BID):
        price = after.price_ticks[:, side]
        book[:, :, column] = np.where(price == NO_LEVEL, nothing, price * tape.tick_e4)
        book[:, :, column + 1] = after.lots[:, side]
    start_ms = tape.midnight_ns // NS_PER_MS
    end_ms = (tape.midnight_ns + int(tape.time_ns[-1])) // NS_PER_MS + 1
    return Pair(Name(ticker, tape.day, start_ms, end_ms, levels), messages, book.reshape(len(messages), -1))
