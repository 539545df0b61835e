"""What each message of a played flow was, in the types of bench/flow/parameters.py: what the fits are made from."""

from typing import NamedTuple

import numpy as np

from bench.flow.parameters import SOURCES
from bench.realism.book_levels import ASKS, BIDS, NO_LEVEL, changes_of, levels_after, lots_at
from bench.realism.tape import Played
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, OrderType, Reason, Side, TimeInForce

PLACE, TAKE, PROBE, AMEND, CANCEL = range(5)  # with the side: 2 * this + side is the index in SOURCES
assert [name.partition("_")[0] for name in SOURCES[::2]] == ["place", "take", "probe", "amend", "cancel"]
AGAIN_S = 0.1  # within which a probe of the same side and size is taken to be the one before, sent once more
UNKNOWN, SHORT = -1, -2  # nothing that a model sends; an immediate order that found nothing


class Arrivals(NamedTuple):
    """The live messages of one stretch, in order; one row each."""

    time_s: np.ndarray  # since the start of the stretch
    source: np.ndarray  # index in SOURCES
    side: np.ndarray  # BIDS or ASKS
    lots: np.ndarray  # of a cancel: 0
    away: np.ndarray  # ticks behind the best of its own side, before it came; negative inside the spread
    through: np.ndarray  # ticks beyond the best opposite price, before it came; negative: short of it
    spread: np.ndarray  # before it came
    queue_lots: np.ndarray  # at its own price, before it came
    opposite_lots: np.ndarray  # on the best opposite level, before it came
    life_s: np.ndarray  # of what began to rest: until it was withdrawn, or until it was last seen
    withdrawn: np.ndarray  # whether it was
    market: np.ndarray  # a market order
    immediate: np.ndarray  # immediate or cancel, or fill or kill, but no market order
    post_only: np.ndarray
    again: np.ndarray  # a probe that was refused shortly before, sent once more
    seconds: float  # length of the stretch
    short: int  # immediate orders that found nothing, which are not among these

    def only(self, which: np.ndarray | slice) -> "Arrivals":
        return self._replace(**{name: getattr(self, name)[which] for name in self._fields[:-2]})

    def of(self, kind: int) -> "Arrivals":
        return self.only(self.source // 2 == kind)

    def per_s(self) -> np.ndarray:
        """The mean rate of each of SOURCES."""
        return np.bincount(self.source, minlength=len(SOURCES)) / self.seconds


class Opening(NamedTuple):
    """The book at the start: its orders, and where its middle was."""

    away: np.ndarray
    lots: np.ndarray
    life_s: np.ndarray
    withdrawn: np.ndarray
    middle_ticks: int
    spread_ticks: int

    def only(self, which: np.ndarray) -> "Opening":
        return self._replace(**{name: getattr(self, name)[which] for name in self._fields[:4]})


class _Lives(NamedTuple):
    """By number of the order: when it was withdrawn, or when it ended otherwise; -1: neither."""

    withdrawn_ns: np.ndarray
    ended_ns: np.ndarray


def _lives(played: Played) -> _Lives:
    events, time_ns = played.events, played.time_ns
    order = events["client_id"].astype(np.int64)
    withdrawn, ended = (np.full(int(order.max(initial=0)) + 1, -1) for _ in range(2))
    gone = events["kind"] == EventKind.CANCELLED
    full = (events["kind"] == EventKind.FILL) & (events["executed_lots"] == events["quantity_lots"])
    over = full | (events["kind"] == EventKind.EXPIRED)
    withdrawn[order[gone]], ended[order[over]] = time_ns[gone], time_ns[over]
    return _Lives(withdrawn, ended)


def _kinds(played: Played) -> np.ndarray:
    """What each command was; below 0: nothing that a model sends."""
    commands, events = played.tape.commands, played.events
    kind = np.full(len(commands), UNKNOWN)
    kind[commands["kind"] == CommandKind.CANCEL] = CANCEL
    kind[commands["kind"] == CommandKind.AMEND] = AMEND
    kind[commands["kind"] == CommandKind.PLACE] = PLACE
    kind[played.command[events["kind"] == EventKind.EXPIRED]] = SHORT
    taking = (events["kind"] == EventKind.FILL) & (events["flags"] & OrderFlag.TAKER != 0)
    took = played.command[taking]
    kind[took[commands["kind"][took] == CommandKind.PLACE]] = TAKE
    refused = events["kind"] == EventKind.REJECTED
    kind[played.command[refused]] = UNKNOWN
    kind[played.command[refused & (events["reason"] == Reason.POST_ONLY_WOULD_TAKE)]] = PROBE
    return kind


def _sent_again(probe: np.ndarray, side: np.ndarray, lots: np.ndarray, time_ns: np.ndarray) -> np.ndarray:
    again, found = np.zeros(len(probe), bool), np.flatnonzero(probe)
    found = found[np.lexsort((found, lots[found], side[found]))]
    last, this = found[:-1], found[1:]
    soon = time_ns[this] - time_ns[last] < AGAIN_S * 1e9
    again[this] = soon & (side[this] == side[last]) & (lots[this] == lots[last])
    return again


def _prices(commands: np.ndarray) -> np.ndarray:
    """Of each command; of a cancel that of the order as it was placed."""
    order = commands["client_id"].astype(np.int64)
    placed = commands["kind"] == CommandKind.PLACE
    of_order = np.zeros(int(order.max(initial=0)) + 1, np.int64)
    of_order[order[placed]] = commands["price_ticks"][placed]
    return np.where(commands["kind"] == CommandKind.CANCEL, of_order[order], commands["price_ticks"])


def arrivals_of(played: Played, until_ns: int) -> tuple[Arrivals, Opening]:
    """The messages up to a moment, and the book with which they began. Nothing later is looked at."""
    tape, commands = played.tape, played.tape.commands
    changes = changes_of(played.events)
    before = np.searchsorted(played.command[changes.event], np.arange(len(commands)))
    levels = levels_after(changes, before, 1)
    best, best_lots = levels.price_ticks[:, :, 0], levels.lots[:, :, 0]
    row, price = np.arange(len(commands)), _prices(commands)
    side = np.where(commands["side"] == Side.BID, BIDS, ASKS)
    sign = np.where(side == BIDS, 1, -1)
    own, opposite = best[row, side], best[row, 1 - side]
    kind = _kinds(played)
    lives = _lives(played)
    order = np.minimum(commands["client_id"].astype(np.int64), len(lives.ended_ns) - 1)
    end_ns = np.where(lives.withdrawn_ns[order] >= 0, lives.withdrawn_ns[order], lives.ended_ns[order])
    withdrawn = (lives.withdrawn_ns[order] >= 0) & (end_ns < until_ns)
    life_s = (np.where((end_ns >= 0) & (end_ns < until_ns), end_ns, until_ns) - tape.time_ns) / 1e9
    market = commands["order_type"] == OrderType.MARKET
    everything = Arrivals(
        time_s=tape.time_ns / 1e9,
        source=2 * kind + side,
        side=side,
        lots=commands["quantity_lots"].copy(),
        away=(own - price) * sign,
        through=(price - opposite) * sign,
        spread=best[:, ASKS] - best[:, BIDS],
        queue_lots=lots_at(changes, before, side, price),
        opposite_lots=best_lots[row, 1 - side],
        life_s=life_s,
        withdrawn=withdrawn,
        market=market,
        immediate=~market & np.isin(commands["time_in_force"], [TimeInForce.IOC, TimeInForce.FOK]),
        post_only=commands["flags"] & OrderFlag.POST_ONLY != 0,
        again=_sent_again(kind == PROBE, side, commands["quantity_lots"], tape.time_ns),
        seconds=until_ns / 1e9,
        short=int(((kind == SHORT) & (tape.time_ns < until_ns)).sum()),
    )
    live = (tape.time_ns < until_ns) & (kind > UNKNOWN) & (best != NO_LEVEL).all(axis=1) & (row >= tape.opening)
    return everything.only(live), _opening(everything, tape.opening, best[min(tape.opening, len(best) - 1)], commands)


def _opening(everything: Arrivals, count: int, best: np.ndarray, commands: np.ndarray) -> Opening:
    first = everything.only(slice(0, count))
    away = (best[first.side] - commands["price_ticks"][:count]) * np.where(first.side == BIDS, 1, -1)
    resting = (away >= 0) & (first.life_s > 0)
    return Opening(
        away[resting], first.lots[resting], first.life_s[resting], first.withdrawn[resting],
        int(best.sum()) // 2, int(best[ASKS] - best[BIDS]),
    )  # fmt: skip
