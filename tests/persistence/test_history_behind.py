"""Reads while the writer is far behind: orders wait for them on the same loop, so their work must not grow with it."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from engine_core.wire.codes import EventKind, OrderFlag, OrderStatus, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import SLOT
from engine_core.wire.streams import ORIGIN
from ingress.history.reader import History
from tests.persistence.flow import START_MS, Flow
from tests.persistence.test_history import setup_of, store

TAKER, MARKET, MAKER_ORDER = 2, 1, 1 << 40
FEW, MANY = 500, 10_000  # trades that are not stored
EVENTS = 3  # of a trade

Read = Callable[[History], Awaitable[Any]]
READS: dict[str, Read] = {
    "klines": lambda reader: reader.klines(MARKET, "1s", START_MS, START_MS + 10**9, limit=20),
    "klines of long ago": lambda reader: reader.klines(MARKET, "1month", START_MS, START_MS + 10**9),
    "klines of now": lambda reader: reader.klines(MARKET, "1m", START_MS + 10**9, START_MS + 10**9 + 1),
    "trades": lambda reader: reader.trades(MARKET, limit=20),
    "trades before one": lambda reader: reader.trades(MARKET, limit=20, from_id=300),
    "fills": lambda reader: reader.fills(TAKER, limit=20, offset=100),
    "fills of a market": lambda reader: reader.fills(TAKER, market=MARKET, limit=20, ascending=True),
    "fills after one": lambda reader: reader.fills(TAKER, market=MARKET, limit=20, from_id=300),
    "fills of an order": lambda reader: reader.fills(TAKER, order_id=order_id(7)),
    "orders": lambda reader: reader.orders(TAKER, limit=20, offset=100),
    "orders after one": lambda reader: reader.orders(TAKER, market=MARKET, limit=20, from_id=order_id(300)),
    "an order": lambda reader: reader.orders(TAKER, order_id=order_id(7)),
    "the order of a client": lambda reader: reader.order_of_client(TAKER, MARKET, 7, 0),
}


def order_id(trade: int) -> int:
    return (trade + 1) << 24


def trades(count: int) -> np.ndarray:
    """A second apart: a taker is accepted, a maker's order is filled by it, and so is it itself."""
    slots = np.zeros(EVENTS * count, SLOT)
    events, places = slots["event"], np.repeat(np.arange(count), EVENTS)
    slots["entry_ms"] = slots["time_ms"] = START_MS + 1_000_000 + 1000 * places
    slots["block_events"], slots["position"] = EVENTS, np.tile(np.arange(EVENTS), count)
    events["kind"] = np.tile([EventKind.ACCEPTED, EventKind.FILL, EventKind.FILL], count)
    events["market"], events["price_ticks"], events["quantity_lots"] = MARKET, 10_000 + places % 7, 5
    events["status"] = np.tile([OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED], count)
    events["order_type"], events["time_in_force"] = OrderType.LIMIT, TimeInForce.GTC
    events["self_trade"] = SelfTrade.REJECT_TAKER
    is_maker = np.tile([False, True, False], count)
    events["account"] = np.where(is_maker, TAKER + 1, TAKER)
    events["side"] = np.where(is_maker, Side.ASK, Side.BID)
    events["order_id"] = np.where(is_maker, MAKER_ORDER, order_id(0) + (places << 24))
    events["client_id"], events["flags"] = places, np.where(is_maker, 0, OrderFlag.HAS_CLIENT_ID | OrderFlag.TAKER)
    fills = events["kind"] == EventKind.FILL
    events["trade_id"][fills], events["fill_lots"][fills] = places[fills] + 1, 5
    events["created_ms"][~fills] = slots["time_ms"][~fills]
    return slots


async def calls(read: Read, reader: History) -> int:
    """Of functions, while it reads; the fewest of three times, for what else the event loop does counts, too."""
    made = [0, 0, 0]
    await read(reader)  # a connection is there after that
    for turn in range(len(made)):

        def count(_frame: object, what: str, _about: object, turn: int = turn) -> None:
            made[turn] += what in ("call", "c_call")

        sys.setprofile(count)
        try:
            assert await read(reader)
        finally:
            sys.setprofile(None)
    return min(made)


@pytest.mark.parametrize("shards", [1, 2])
async def test_what_a_read_costs_does_not_grow_with_what_is_not_stored(valkey: str, postgres: str, shards: int) -> None:
    genesis = Flow().genesis()
    store(valkey, postgres, [genesis])
    made = {}
    for size in (FEW, MANY):
        reader = History(postgres, setup_of([genesis]), [genesis.entry, *[ORIGIN] * (shards - 1)])
        reader.observe(trades(size), shards - 1)
        made[size] = {name: await calls(read, reader) for name, read in READS.items()}
        await reader.close()
    grown = {name: made[MANY][name] - made[FEW][name] for name in READS}
    assert all(more < FEW for more in grown.values()), grown
