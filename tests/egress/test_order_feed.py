"""The market-by-order feed on random flows of the real kernel: replicas of it equal the engine's book."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from egress.hub import Hub
from egress.names import Kind, Stream
from egress.streams.market_by_order import OrderFeeds
from egress.streams.public import PublicStreams
from engine_core.book import queries
from engine_core.replica.market_data import NOTHING, MarketData
from engine_core.wire.codes import EventKind, OrderFlag, QueryKind, Side
from engine_core.wire.layout import SLOT
from tests.egress.order_replica import OrderReplica, Row
from tests.growth import assert_growth_of
from tests.replica.test_against_the_book import Kernel, sizes


@pytest.fixture(autouse=True)
def _no_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come by the clock, between messages that are counted here."""
    monkeypatch.setattr("egress.streams.market_by_order.HEARTBEAT_SECONDS", 3_600.0)


class Tap:
    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def put(self, name: str, payload: bytes) -> None:
        message = json.loads(payload)
        assert message["stream"] == name
        self.messages.append(message["data"])


class Rig:
    """A kernel, the feed of its first market, and what it says."""

    def __init__(self, seed: int, data: MarketData, kernel: Kernel) -> None:
        self.kernel, self.data, self.tap, self.hub = kernel, data, Tap(), Hub()
        self.feeds = OrderFeeds(data, self.hub, kernel.query)
        self.sources = PublicStreams(data, self.hub, self.feeds)
        self.market = data.setup.markets[1]
        self.name = f"order@{self.market.symbol}"
        self.stream = Stream(Kind.ORDER, self.market.symbol)

    async def begin(self) -> None:
        """Listen, and hear where the empty book stands."""
        self.hub.tap(self.name, self.stream, self.tap)
        (message,) = await self.said()
        assert (message["U"], message["u"], message["o"]) == (1, 0, [])

    async def snapshot(self) -> dict[str, Any]:
        header, orders = await self.kernel.query(QueryKind.BOOK_ORDERS, market=1)
        sides = {Side.BID: "bids", Side.ASK: "asks"}
        texts = {name: self.texts(orders[orders["side"] == side]) for side, name in sides.items()}
        return {**texts, "lastUpdateId": str(header["update_id"])}

    def texts(self, orders: np.ndarray) -> list[Row]:
        units = self.market.units
        return [
            (str(row["order_id"]), units.price(int(row["price_ticks"])), units.quantity(int(row["level_lots"])))
            for row in orders
        ]

    async def said(self) -> list[dict[str, Any]]:
        """Let what is to be done happen, and take what was said."""
        for _ in range(3):
            await asyncio.sleep(0)
        self.hub.tick()
        messages, self.tap.messages = self.tap.messages, []
        return messages

    def check(self, replica: OrderReplica) -> None:
        orders = queries.market_orders(self.kernel.state, 1)
        assert replica.rows("Bid") == self.texts(orders[orders["side"] == Side.BID])
        assert replica.rows("Ask") == self.texts(orders[orders["side"] == Side.ASK])

    async def close(self) -> None:
        self.sources.stop()
        await self.feeds.end()
        await self.data.close()


async def rig_of(seed: int, commands: int = 3_000) -> Rig:
    kernel = Kernel(seed, commands)
    return Rig(seed, await MarketData.bootstrap(kernel.query, []), kernel)


@pytest.mark.parametrize("seed", [11, 12, 13])
async def test_feed_and_snapshot_give_the_engines_book_order_by_order(seed: int) -> None:
    """One replica from the beginning, one from a snapshot in the middle with messages that overlap it."""
    rig = await rig_of(seed)
    await rig.begin()
    early, late, seen_icebergs = OrderReplica(), None, 0
    for number, slots in enumerate(rig.kernel.run(rig.kernel.flow.commands, sizes(seed, 3_000))):
        if number == 7:
            late = OrderReplica()
            late.load(await rig.snapshot())  # contains this batch, whose message comes afterwards
        rig.data.apply(slots)
        for message in await rig.said():
            early.take(message)
            if late is not None:
                late.take(message)
        rig.check(early)
        if late is not None:
            rig.check(late)
        resting = queries.market_orders(rig.kernel.state, 1)
        icebergs = resting[(resting["flags"] & OrderFlag.ICEBERG) != 0]
        seen_icebergs += len(icebergs)
        assert (icebergs["level_lots"] <= icebergs["display_lots"]).all()
    assert late is not None and seen_icebergs > 100
    await rig.close()


async def test_missing_events_are_made_up_for_by_one_message() -> None:
    rig = await rig_of(14)
    await rig.begin()
    replica = OrderReplica()
    for number, slots in enumerate(rig.kernel.run(rig.kernel.flow.commands, [100] * 30)):
        if number % 7 == 3:
            continue  # lost on the way
        rig.data.apply(slots)
        for message in await rig.said():
            replica.take(message)
        rig.check(replica)
    assert rig.feeds.gaps > 2
    await rig.close()


async def test_events_that_come_before_the_book_wait_for_it() -> None:
    rig = await rig_of(15)
    for slots in rig.kernel.run(rig.kernel.flow.commands[:600], [600]):
        rig.data.apply(slots)
    answered = asyncio.Event()
    ask = rig.kernel.query

    async def slow(kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
        answer = await ask(kind, market=market, account=account)
        await answered.wait()
        return answer

    rig.feeds._query = slow
    rig.hub.tap(rig.name, rig.stream, rig.tap)
    await asyncio.sleep(0)
    replica = OrderReplica()
    replica.load(await rig.snapshot())
    for slots in rig.kernel.run(rig.kernel.flow.commands[600:], [300] * 8):
        rig.data.apply(slots)
        assert await rig.said() == []
    answered.set()
    messages = await rig.said()
    assert messages[0]["o"] == [] and messages[0]["U"] == messages[0]["u"] + 1, "where the book stands"
    for message in messages:
        replica.take(message)
    rig.check(replica)
    await rig.close()


async def test_each_batch_that_waits_costs_the_same() -> None:
    """The longer an engine is silent, the more of them there are."""
    rig = await rig_of(15)

    async def silent(kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
        return await asyncio.Future()

    rig.feeds._query = silent
    slots = np.zeros(1, SLOT)
    slots["event"]["kind"], slots["event"]["market"], slots["event"]["update_id"] = EventKind.ACCEPTED, 1, 9

    async def seconds(count: int) -> float:
        rig.hub.tap(rig.name, rig.stream, rig.tap)
        await asyncio.sleep(0)
        began = time.process_time()
        for _ in range(count):
            rig.feeds._changed(replace(NOTHING, slots=slots))
        took = time.process_time() - began
        rig.hub.untap(rig.name, rig.stream)
        rig.feeds._end(1)
        return took

    await assert_growth_of(seconds, 1_000, 8_000, 16)  # the square would be 64
    await rig.close()


async def test_who_comes_and_goes_asks_the_engine_once_and_hears_where_the_book_stands() -> None:
    """Listening needs no key, so it must not make the engine read out its whole book each time."""
    rig = await rig_of(17, 900)
    ask, asked = rig.feeds._query, 0

    async def counted(kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
        nonlocal asked
        asked += 1
        return await ask(kind, market=market, account=account)

    rig.feeds._query = counted
    await rig.begin()
    replica = OrderReplica()
    for slots in rig.kernel.run(rig.kernel.flow.commands, [30] * 30):
        rig.hub.untap(rig.name, rig.stream)
        rig.data.apply(slots)
        assert await rig.said() == []
        rig.hub.tap(rig.name, rig.stream, rig.tap)
        (message,) = await rig.said()
        assert (message["o"], message["U"]) == ([], message["u"] + 1)
        replica.load(await rig.snapshot())
        rig.check(replica)
    assert asked == 1
    rig.hub.untap(rig.name, rig.stream)
    await rig.close()


async def test_a_book_that_nobody_wants_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("egress.streams.market_by_order.LINGER_SECONDS", 0.01)
    rig = await rig_of(18, 30)
    await rig.begin()
    rig.hub.untap(rig.name, rig.stream)
    await asyncio.sleep(0.05)
    assert not rig.feeds._feeds
    await rig.begin()
    await rig.close()


async def test_nobody_is_named() -> None:
    rig = await rig_of(16, 300)
    await rig.begin()
    for slots in rig.kernel.run(rig.kernel.flow.commands, [300]):
        rig.data.apply(slots)
    (message,) = await rig.said()
    assert message.keys() == {"e", "E", "T", "s", "U", "u", "o"}
    assert all(len(row) == 4 for row in message["o"]) and len(message["o"]) == message["u"] - message["U"] + 1
    await rig.close()
