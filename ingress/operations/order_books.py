"""The book order by order, for those who follow `order@SYMBOL`: GET /api/v1/depth/orders.

Only the engine knows single orders, and telling a large book takes it some milliseconds; so all who ask within
`FRESH_SECONDS` get one answer. A reader of the stream may then find it older than the first message that it holds, and
asks again, as the synchronisation rule says (docs/api.md). Non-goals: levels (market_data.py).
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from engine_core.replica.setup import Market
from engine_core.wire.codes import QueryKind, Side
from ingress.engine import Engine
from ingress.messages import Reply, json_reply
from ingress.schemas.answers import OrderBook

FRESH_SECONDS: Final = 0.25
_PART: Final = 2_000  # orders whose texts are made before other requests get a turn


@dataclass(frozen=True, slots=True)
class _Reading:
    began: float
    task: "asyncio.Task[Reply]"


@dataclass(slots=True)
class OrderBooks:
    """The latest reading of each market's orders, shared by all who ask at about the same time."""

    readings: dict[int, _Reading] = field(default_factory=dict)

    async def reply(self, engine: Engine, market: Market) -> Reply:
        now, reading = time.monotonic(), self.readings.get(market.number)
        if reading is None or (now - reading.began > FRESH_SECONDS and reading.task.done()):
            task = asyncio.get_running_loop().create_task(_read(engine, market))
            task.add_done_callback(_seen)
            reading = self.readings[market.number] = _Reading(now, task)
        return await asyncio.shield(reading.task)


def _seen(task: "asyncio.Task[Reply]") -> None:
    """Take note of a failure that nobody waits for any more."""
    if not task.cancelled():
        task.exception()


async def _read(engine: Engine, market: Market) -> Reply:
    header, orders = await engine.ask(QueryKind.BOOK_ORDERS, market=market.number)
    sides = {side: await _texts(market, orders[orders["side"] == side]) for side in Side}
    answer = OrderBook(
        bids=sides[Side.BID],
        asks=sides[Side.ASK],
        lastUpdateId=str(header["update_id"]),
        timestamp=time.time_ns() // 1000,
    )
    return json_reply(answer)


async def _texts(market: Market, orders: np.ndarray) -> list[tuple[str, str, str]]:
    price, quantity = market.units.price, market.units.quantity
    texts: list[tuple[str, str, str]] = []
    for first in range(0, len(orders), _PART):
        part = orders[first : first + _PART]
        rows = zip(*(part[name].tolist() for name in ("order_id", "price_ticks", "level_lots")), strict=True)
        texts += [(str(order_id), price(ticks), quantity(lots)) for order_id, ticks, lots in rows]
        await asyncio.sleep(0)
    return texts
