"""What is measured of a flow, always in the same way: a real one and a synthetic one go through this file.

Distributions are samples, each with the time it belongs to, so that neighbours are drawn together when an interval is
found by drawing blocks of time again (distances.py).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bench.realism.book_levels import ASKS, BIDS, NO_LEVEL, Changes, Levels, changes_of, levels_after
from bench.realism.tape import NS_PER_MS, Played
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, Side

SECOND_MS = 1_000
LEVELS = 10
LOTS_ON_LEVELS = f"depth: lots on {LEVELS} levels"
PROFILE_LEVELS = 200
PROFILE_TICKS = 100


class Samples(NamedTuple):
    time_ms: np.ndarray
    values: np.ndarray
    weights: np.ndarray  # how much each counts: 1, or lots


class Series(NamedTuple):
    """One value for each second."""

    returns: np.ndarray  # of the middle, in half ticks
    imbalance: np.ndarray  # order-flow imbalance, in lots


@dataclass(frozen=True)
class Observations:
    """What a stretch of a flow looks like."""

    samples: dict[str, Samples]
    series: Series
    seconds: int
    shares: dict[str, float]  # of all messages


class _Stretch(NamedTuple):
    first_ms: int
    last_ms: int

    def has(self, time_ms: np.ndarray) -> np.ndarray:
        return (time_ms >= self.first_ms) & (time_ms < self.last_ms)


def _plain(time_ms: np.ndarray, values: np.ndarray) -> Samples:
    return Samples(time_ms, values, np.ones(len(values)))


def observe(played: Played, first_ms: int, last_ms: int) -> Observations:
    """The stretch from first_ms to last_ms of what was played; its opening book is not a part of any."""
    tape, stretch = played.tape, _Stretch(first_ms, last_ms)
    sent_ms = tape.time_ns // NS_PER_MS
    live = stretch.has(sent_ms)
    live[: tape.opening] = False
    samples = {
        "messages per second": _per_second(sent_ms[live], stretch),
        "inter-arrival time, ms": _plain(sent_ms[live][1:], np.diff(sent_ms[live])),
    }
    placed = live & (tape.commands["kind"] == CommandKind.PLACE) & (tape.commands["quantity_lots"] > 0)
    samples["order size, lots"] = _plain(sent_ms[placed], tape.commands["quantity_lots"][placed])
    samples["lifetime, ms"] = _lifetimes(played, stretch)
    changes = changes_of(played.events)
    samples["distance from the best at placement, ticks"] = _distances(played, changes, stretch)
    moments = np.arange(first_ms, last_ms + 1, SECOND_MS)
    samples |= _depth(played, changes, moments)
    shares = {
        "cancelled": float(np.mean(tape.commands["kind"][live] == CommandKind.CANCEL)),
        "post-only": float(np.mean(tape.commands["flags"][live] & OrderFlag.POST_ONLY != 0)),
    }
    return Observations(samples, _series(played, changes, moments), len(moments) - 1, shares)


def _per_second(time_ms: np.ndarray, stretch: _Stretch) -> Samples:
    starts = np.arange(stretch.first_ms, stretch.last_ms - SECOND_MS + 1, SECOND_MS)
    counts = np.searchsorted(time_ms, starts + SECOND_MS) - np.searchsorted(time_ms, starts)
    return _plain(starts, counts)


def _resting(events: np.ndarray) -> np.ndarray:
    """The events with which an order begins to rest: at once, or with what was left after it had traded."""
    at_once: np.ndarray = (events["kind"] == EventKind.ACCEPTED) & (events["update_id"] != 0)
    resting: np.ndarray = at_once | (events["kind"] == EventKind.RESTED)
    return resting


def _lifetimes(played: Played, stretch: _Stretch) -> Samples:
    """From when an order began to rest to its end, of those of which both lie in the stretch."""
    events, time_ms = played.events, played.time_ns // NS_PER_MS
    order = events["client_id"].astype(np.int64)
    full = (events["kind"] == EventKind.FILL) & (events["executed_lots"] == events["quantity_lots"])
    ended = full | (events["kind"] == EventKind.CANCELLED) | (events["kind"] == EventKind.EXPIRED)
    began_ms = np.full(int(order.max(initial=0)) + 1, -1)
    began = _resting(events) & (played.command >= played.tape.opening)
    began_ms[order[began]] = time_ms[began]
    since = began_ms[order[ended]]
    both = (since >= 0) & stretch.has(since) & stretch.has(time_ms[ended])
    return _plain(since[both], (time_ms[ended] - since)[both])


def _best_before(played: Played, changes: Changes, which: np.ndarray) -> Levels:
    """The best of both sides before the commands that caused the events `which`."""
    cause = played.command[changes.event]
    return levels_after(changes, np.searchsorted(cause, played.command[which]), 1)


def _distances(played: Played, changes: Changes, stretch: _Stretch) -> Samples:
    """Ticks from the best of its own side, before it came: negative inside the spread."""
    time_ms = played.time_ns // NS_PER_MS
    which = np.flatnonzero(_resting(played.events) & stretch.has(time_ms) & (played.command >= played.tape.opening))
    side = np.where(played.events["side"][which] == Side.BID, BIDS, ASKS)
    best = _best_before(played, changes, which).price_ticks[np.arange(len(which)), side, 0]
    away = (best - played.events["price_ticks"][which]) * np.where(side == BIDS, 1, -1)
    known = best != NO_LEVEL
    return _plain(time_ms[which][known], away[known])


def _until(played: Played, changes: Changes, moments_ms: np.ndarray) -> np.ndarray:
    """So many changes had been made at each moment."""
    return np.searchsorted(played.time_ns[changes.event] // NS_PER_MS, moments_ms)


def _depth(played: Played, changes: Changes, moments_ms: np.ndarray) -> dict[str, Samples]:
    levels = levels_after(changes, _until(played, changes, moments_ms), PROFILE_LEVELS)
    best = levels.price_ticks[:, :, 0]
    both = (best != NO_LEVEL).all(axis=1)
    levels, moments_ms = Levels(levels.price_ticks[both], levels.lots[both]), moments_ms[both]
    best = levels.price_ticks[:, :, 0]
    there = levels.price_ticks != NO_LEVEL
    away = np.abs(levels.price_ticks - best[:, :, None])
    near = there & (away < PROFILE_TICKS)
    sampled = np.broadcast_to(moments_ms[:, None, None], away.shape)
    two = np.repeat(moments_ms, 2)
    return {
        "spread, ticks": _plain(moments_ms, best[:, ASKS] - best[:, BIDS]),
        "depth: distance of the lots, ticks": Samples(sampled[near], away[near], levels.lots[near].astype(float)),
        LOTS_ON_LEVELS: _plain(two, levels.lots[:, :, :LEVELS].sum(axis=2).ravel()),
        "depth: lots at the best": _plain(two, levels.lots[:, :, 0].ravel()),
    }


def _series(played: Played, changes: Changes, moments_ms: np.ndarray) -> Series:
    """Returns and order-flow imbalance (Cont, Kukanov, Stoikov 2014: what the best quotes gain and lose) a second."""
    until = _until(played, changes, moments_ms)
    levels = levels_after(changes, np.arange(until[0], until[-1] + 1), 1)
    price, lots = levels.price_ticks[:, :, 0], levels.lots[:, :, 0]
    known = (price != NO_LEVEL).all(axis=1)
    moved = np.diff(price, axis=0)
    now, before = lots[1:].astype(float), lots[:-1].astype(float)
    gained = np.zeros(len(moved))
    for side, sign in (BIDS, 1), (ASKS, -1):
        better, worse = moved[:, side] * sign >= 0, moved[:, side] * sign <= 0
        gained += sign * (np.where(better, now[:, side], 0) - np.where(worse, before[:, side], 0))
    gained[~(known[1:] & known[:-1])] = 0
    total = np.concatenate([[0.0], np.cumsum(gained)])
    at = until - until[0]
    middle = price.sum(axis=1)[at]
    returns = np.diff(middle)
    returns[~(known[at][1:] & known[at][:-1])] = 0
    return Series(returns, np.diff(total[at]))
