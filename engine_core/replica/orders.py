"""One market's book order by order, kept from events, in priority order. Nobody's owner is known here.

Every level change names the order that caused it and what its level shows afterwards; the difference is what that
order shows more or less, whatever the reason: rested, filled, cancelled, amended, decremented, replenished. So the
replica needs no rules of matching:

    order unknown, level grew      joins the end of its level's queue
    order known                    shows that much more or less, in its place; at nothing it is gone
    UNRESTED, then ACCEPTED        leaves and joins the end again (an amend that lost its place)

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
