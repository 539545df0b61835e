"""One market's book order by order, kept from events, in priority order. Nobody's owner is known here.

Every level change names the order that caused it and what its level shows afterwards; the difference is what that
order shows more or less, whatever the reason: rested, filled, cancelled, amended, decremented, replenished. So the
replica needs no rules of matching:

    order unknown, level grew      joins the end of its level's queue
    order known                    shows that much more or less, in its place; at nothing it is gone
    UNRESTED, then ACCEPTED        leaves and joins the end again (an amend that lost its place)

A book may also begin with the engine's answer to BOOK_ORDERS, and be replaced by a later one when events are missing.

Plain Python: for feeds and checks of one market, not for the hot path. Non-goals: hidden quantity, pending triggers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from engine_core.wire.codes import Side


class OrderChange(NamedTuple):
    """What an event changed. lots 0: the order is gone. first: it was not in the book before."""

    update_id: int
    order_id: int
    side: Side
    price_ticks: int
    lots: int  # shown, after
    first: bool


@dataclass(slots=True)
class Level:
    lots: int = 0  # shown, together
    queue: dict[int, int] = field(default_factory=dict)  # order: lots shown, first in first out


@dataclass(slots=True)
class OrderBook:
    update_id: int = 0
    levels: dict[Side, dict[int, Level]] = field(default_factory=lambda: {Side.BID: {}, Side.ASK: {}})

    def apply(self, events: np.ndarray) -> list[OrderChange]:
        """Take EVENT records of this market, in log order; those already contained are left out."""
        changing = events[events["update_id"] > self.update_id]
        names = ["update_id", "side", "order_id", "price_ticks", "level_lots"]
        return [self._change(*row) for row in zip(*(changing[name].tolist() for name in names), strict=True)]

    def replace(self, records: np.ndarray, update_id: int) -> list[OrderChange]:
        """Become the book of a BOOK_ORDERS answer. What leads there from the book until now, in order: all that is
        gone, then what shows another quantity or joins the end of its level."""
        before, self.levels = self.levels, {Side.BID: {}, Side.ASK: {}}
        self.update_id = update_id
        names = ["side", "order_id", "price_ticks", "level_lots"]
        for side_code, order_id, ticks, lots in zip(*(records[name].tolist() for name in names), strict=True):
            level = self.levels[Side(side_code)].setdefault(ticks, Level())
            level.queue[order_id] = lots
            level.lots += lots
        return self._since(before)

    def _since(self, before: dict[Side, dict[int, Level]]) -> list[OrderChange]:
        gone: list[OrderChange] = []
        new: list[OrderChange] = []
        for side, levels in self.levels.items():
            for ticks in before[side].keys() | levels.keys():
                old, now = (book.get(ticks, Level()).queue for book in (before[side], levels))
                kept = _kept(old, now)
                ended = [order_id for order_id in old if order_id not in kept]
                gone += [OrderChange(self.update_id, order_id, side, ticks, 0, False) for order_id in ended]
                for order_id, lots in now.items():
                    first = order_id not in kept
                    if first or old[order_id] != lots:
                        new.append(OrderChange(self.update_id, order_id, side, ticks, lots, first))
        return gone + new

    def orders(self, side: Side) -> Iterator[tuple[int, int, int]]:
        """(order, ticks, lots shown) of every order, best price first, in priority order."""
        levels = self.levels[side]
        for ticks in sorted(levels, reverse=side == Side.BID):
            for order_id, lots in levels[ticks].queue.items():
                yield order_id, ticks, lots

    def _change(self, update_id: int, side_code: int, order_id: int, ticks: int, level_lots: int) -> OrderChange:
        assert update_id == self.update_id + 1, f"depth number {update_id} follows {self.update_id}: events are missing"
        self.update_id = update_id
        side = Side(side_code)
        level = self.levels[side].setdefault(ticks, Level())
        first = order_id not in level.queue
        lots = level.queue.get(order_id, 0) + level_lots - level.lots
        assert lots >= 0, f"order {order_id} would show {lots} lots at {ticks}"
        level.lots = level_lots
        if lots:
            level.queue[order_id] = lots
        else:
            level.queue.pop(order_id, None)
        if not level.queue:
            assert level.lots == 0, f"{level.lots} lots at {ticks} belong to no order"
            del self.levels[side][ticks]
        return OrderChange(update_id, order_id, side, ticks, lots, first)


def _kept(old: dict[int, int], now: dict[int, int]) -> set[int]:
    """The orders of a level that kept their places: those at its head, until one that was not there before."""
    kept: set[int] = set()
    left = iter(old)
    for order_id in now:
        if order_id not in old or not any(before == order_id for before in left):
            break
        kept.add(order_id)
    return kept
