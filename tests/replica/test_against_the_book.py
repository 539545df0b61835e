"""The replicas fed by the real matching kernel: levels and single orders equal the engine's, batch by batch."""

import asyncio
import random
from collections.abc import Iterator

import numpy as np
import pytest

from bench.workloads import MIDDLE_TICKS, TIME_MS, Mix, mixed_flow
from engine_core.book import queries
from engine_core.book.commands import apply_batch
from engine_core.book.memory.state import State, new_state
from engine_core.replica.market_data import MarketData
from engine_core.replica.orders import OrderBook
from engine_core.wire.codes import OrderFlag, QueryKind, Side
from engine_core.wire.layout import COMMAND, EVENT, SLOT
from engine_core.wire.limits import MAX_BLOCK_EVENTS
from engine_core.wire.query_records import ANSWER_HEADER

MARKETS = 2
BUSY = Mix(cancels=300, amends=150, market_orders=60, immediate=80, post_only=50, icebergs=100, triggers=40)


class Kernel:
    """The engine's state and its answers, without processes."""

    def __init__(self, seed: int, commands: int) -> None:
        self.flow = mixed_flow(seed, commands, MARKETS, accounts=30, spread=12, mix=BUSY)
        self.state: State = new_state(self.flow.capacities)
        self.events = np.zeros(MAX_BLOCK_EVENTS, EVENT)
        self.entry = 0
        for _ in self.run(self.flow.setup.view(COMMAND), [len(self.flow.setup)]):
            pass

    def run(self, commands: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
        """Execute commands in blocks of these sizes; the SLOT records of each."""
        first = 0
        for size in sizes:
            block = commands[first : first + size]
            first += size
            at = 0
            while at < len(block):
                at, count = apply_batch(self.state, block, at, len(block), TIME_MS, self.events)
                yield self._slots(self.events[:count])

    def _slots(self, events: np.ndarray) -> np.ndarray:
        self.entry += 1
        slots = np.zeros(len(events), SLOT)
        slots["event"] = events
        slots["entry_ms"], slots["position"] = self.entry, np.arange(len(events))
        slots["time_ms"] = TIME_MS
        return slots

    async def query(self, kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
        header = np.zeros(1, ANSWER_HEADER)
        header["entry_ms"] = self.entry
        if kind == QueryKind.SETUP:
            return header[0], queries.setup(self.state)
        if kind == QueryKind.BOOK_ORDERS:
            header["update_id"] = self.state.markets[market]["updates"]
            return header[0], queries.market_orders(self.state, market)
        levels, header["update_id"][0] = queries.levels(self.state, market)
        return header[0], levels


def sizes(seed: int, total: int) -> list[int]:
    flow, parts = random.Random(seed), []
    while total > 0:
        parts.append(min(flow.choice([1, 2, 7, 60, 500]), total))
        total -= parts[-1]
    return parts


def levels_of(kernel: Kernel, market: int, side: Side) -> list[tuple[int, int]]:
    levels, _ = queries.levels(kernel.state, market)
    own = levels[levels["side"] == side]
    return sorted(zip(own["price_ticks"].tolist(), own["lots"].tolist(), strict=True))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_levels_equal_the_engines_after_every_batch(seed: int) -> None:
    async def run() -> None:
        kernel = Kernel(seed, 4_000)
        data = await MarketData.bootstrap(kernel.query, [])
        late: MarketData | None = None
        for number, slots in enumerate(kernel.run(kernel.flow.commands, sizes(seed, 4_000))):
            replicas = [data] if late is None else [data, late]
            for replica in replicas:
                replica.apply(slots)
                for market in range(1, MARKETS + 1):
                    bids, asks, update_id = replica.book(market).snapshot()
                    assert bids == levels_of(kernel, market, Side.BID)
                    assert asks == levels_of(kernel, market, Side.ASK)
                    assert update_id == queries.levels(kernel.state, market)[1]
            if number == 5:
                late = await MarketData.bootstrap(kernel.query, [])
        assert data.gaps == 0 and late is not None
        assert data.ticker(1).trades == 0 and len(data.recent_trades(1, 1000)) > 100
        assert all(abs(trade.price_ticks - MIDDLE_TICKS) < 1 << 19 for trade in data.recent_trades(1, 1000))

    asyncio.run(run())


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_orders_equal_the_engines_in_priority_order(seed: int) -> None:
    kernel = Kernel(seed, 4_000)
    book, seen_icebergs = OrderBook(), 0
    for slots in kernel.run(kernel.flow.commands, sizes(seed, 4_000)):
        events = slots["event"]
        book.apply(events[events["market"] == 1])
        resting = queries.market_orders(kernel.state, 1)
        for side in Side:
            own = resting[resting["side"] == side]
            replica = list(book.orders(side))
            assert [order_id for order_id, _, _ in replica] == own["order_id"].tolist()
            assert [ticks for _, ticks, _ in replica] == own["price_ticks"].tolist()
            for (_, _, lots), order in zip(replica, own, strict=True):
                leaves = int(order["quantity_lots"] - order["executed_lots"])
                assert lots == order["level_lots"]
                if order["flags"] & OrderFlag.ICEBERG:
                    seen_icebergs += 1
                    assert 1 <= lots <= min(leaves, int(order["display_lots"]))
                else:
                    assert lots == leaves
    assert seen_icebergs > 100


def test_missing_events_are_noticed() -> None:
    kernel = Kernel(7, 200)
    book = OrderBook()
    first, second, *_ = [slots["event"] for slots in kernel.run(kernel.flow.commands, [100, 100])]
    book.apply(first[first["market"] == 1])
    assert book.apply(first[first["market"] == 1]) == []
    with pytest.raises(AssertionError, match="events are missing"):
        book.apply(second[second["market"] == 1][5:])
