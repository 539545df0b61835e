"""An obvious book for the conformance flows: dictionaries of lists, and the canonical report lines."""

from random import Random

import numpy as np

from bench.conformance.kernel import MESSAGE
from engine_core.book.memory.state import PAGE_BITS
from engine_core.wire.limits import MAX_PRICE_TICKS

BUY, SELL = 0, 1
NEW, CANCEL, MODIFY = 0, 1, 2


class ObviousBook:
    """Also counts the pages of prices in use at once (see engine_core/book/ladder/levels.py)."""

    def __init__(self) -> None:
        self.levels: dict[int, dict[int, list[int]]] = {BUY: {}, SELL: {}}
        self.orders: dict[int, list[int]] = {}  # id: [side, price, quantity]
        self.lines: list[str] = []
        self.most_pages = 0

    def play(self, rows: np.ndarray) -> None:
        for row in rows:
            names = ("type", "sequence", "side", "ioc", "order_id", "price", "quantity")
            self.apply(*(int(row[name]) for name in names))
            mirrored = {BUY: MAX_PRICE_TICKS, SELL: 0}
            pages = {
                (side, (price ^ mirrored[side]) >> PAGE_BITS) for side in (BUY, SELL) for price in self.levels[side]
            }
            self.most_pages = max(self.most_pages, len(pages))

    def _remove(self, order_id: int) -> list[int]:
        side, price, quantity = self.orders.pop(order_id)
        self.levels[side][price].remove(order_id)
        if not self.levels[side][price]:
            del self.levels[side][price]
        return [side, price, quantity]

    def apply(self, kind: int, sequence: int, side: int, ioc: int, order_id: int, price: int, quantity: int) -> None:
        if kind != NEW:
            if order_id not in self.orders:
                self.lines.append(f"{kind + 3},{sequence},{order_id}")
                return
            side, old_price, _ = self._remove(order_id)
            if kind == CANCEL:
                self.lines.append(f"2,{sequence},{side},{order_id},{old_price}")
                return
        line_type = 0 if kind == NEW else 3
        self.lines.append(f"{line_type},{sequence},{side},{order_id},{price},{quantity}")
        trades = len(self.lines)
        quantity = self._match(sequence, side, order_id, price, quantity)
        if kind == MODIFY:  # lines of one message are sorted by their type
            self.lines[trades - 1 :] = [*self.lines[trades:], self.lines[trades - 1]]
        if quantity and ioc and kind == NEW:
            self.lines.append(f"2,{sequence},{side},{order_id},{price}")
        elif quantity:
            self.orders[order_id] = [side, price, quantity]
            self.levels[side].setdefault(price, []).append(order_id)

    def _match(self, sequence: int, side: int, order_id: int, price: int, quantity: int) -> int:
        against = self.levels[1 - side]
        while quantity and against:
            best = min(against) if side == BUY else max(against)
            if (best > price) if side == BUY else (best < price):
                break
            maker = against[best][0]
            traded = min(quantity, self.orders[maker][2])
            self.lines.append(f"1,{sequence},{best},{traded},{maker},{order_id}")
            quantity -= traded
            self.orders[maker][2] -= traded
            if not self.orders[maker][2]:
                self._remove(maker)
        return quantity


NEAR_AND_FAR = (0, 1, 2, 5, 63, 64, 65, 4_000, 5_000, 1 << 18, 1 << 19, 1 << 24, 1 << 29)


def random_flow(
    random: Random,
    count: int,
    middle: int,
    distances: tuple[int, ...] = NEAR_AND_FAR,
    *,
    low: int = 1,
    high: int = MAX_PRICE_TICKS,
) -> np.ndarray:
    """Prices at some distances from a middle; many orders come and go at the top; some cancels and modifies name orders
    that ended, or that never were."""
    rows = np.zeros(count, MESSAGE)
    sides: dict[int, int] = {}
    for at, row in enumerate(rows):
        kind = random.choices((NEW, CANCEL, MODIFY), weights=(6, 4, 1))[0] if sides else NEW
        order_id = at if kind == NEW else random.choice(list(sides)[-12:])
        if kind != NEW and random.random() < 0.03:
            order_id = count + random.randint(0, 5)  # never seen
        side = sides.get(order_id, random.randint(BUY, SELL))
        if kind == NEW:
            sides[order_id] = side
        distance = random.choice(distances) + random.randint(-3, 3)
        price = middle - distance if side == BUY else middle + distance
        row["type"], row["side"], row["order_id"], row["sequence"] = kind, side, order_id, at
        row["ioc"] = kind == NEW and random.random() < 0.1
        row["price"] = min(max(price, low), high)
        row["quantity"] = random.choice((random.randint(1, 9), random.randint(1, 9), 2**32 - 1))
    return rows
