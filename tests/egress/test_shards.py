"""Private streams of a venue with two shards: one balance, which money on its way does not leave; orders of each."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from egress.hub import Hub
from egress.names import Kind, Stream
from egress.streams import private
from egress.streams.private import PrivateStreams
from engine_core.administration.client import admin
from engine_core.wire.codes import CommandKind, QueryKind, Side
from tests.replica.flow import BTC_USDC, SOL_USDC, Engine
from tests.replica.test_shards import Venue

ACCOUNT, USDC = 2, 1
OUT, IN = CommandKind.MOVE_OUT, CommandKind.MOVE_IN


class Socket:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []  # of balances
        self.orders: list[str] = []
        self.dropped = ""

    def write(self, data: bytes) -> None:
        for text in data.split(b'{"stream"')[1:]:
            event = json.loads(text[text.index(b'"data":') + 7 : text.rindex(b"}}") + 1])
            if event["e"] == "balanceUpdate":
                self.told.append((event["A"], event["L"]))
            else:
                self.orders.append(event["i"])

    def congested(self) -> bool:
        return False

    def drop(self, reason: str, code: int = 0) -> None:
        self.dropped = reason


class Shard:
    """What an engine says, which may be away."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.there = engine, asyncio.Event()
        self.there.set()

    async def query(self, kind: QueryKind, **about: int) -> tuple[np.void, np.ndarray]:
        await self.there.wait()
        return await self.engine.query(kind, **about)


class Listener:
    """Of the orders and balances of an account that has 300 USDC in shard 0."""

    def __init__(self, venue: Venue, *away: int) -> None:
        self.venue, self.socket, self.hub = venue, Socket(), Hub()
        self.shards = [Shard(engine) for engine in venue.engines]
        self.hold(0, 300_000_000)
        self.hold(1, 0)
        for shard in away:
            self.shards[shard].there.clear()
        self.private = PrivateStreams(venue.data, self.hub, *(shard.query for shard in self.shards))
        client = self.hub.connect(self.socket)
        for name, kind in (("balance", Kind.BALANCE_UPDATE), ("order", Kind.ORDER_UPDATE)):
            self.private.subscribe(client, f"account.{name}Update", Stream(kind, private=True), ACCOUNT)

    async def answered(self) -> None:
        """By the shards that are there, which do so without waiting for anything."""
        for _ in range(10):
            await asyncio.sleep(0)
        self.hub.tick()

    async def returns(self, shard: int) -> None:
        self.shards[shard].there.set()
        await self.answered()

    def hold(self, shard: int, available: int) -> None:
        """What the engine has to say."""
        self.venue.engines[shard].balances[ACCOUNT] = [(USDC, available, 0)]

    def happens(self, shard: int, kind: CommandKind, atoms: int, sequence: int, available: int) -> None:
        record = admin(kind, account=ACCOUNT, asset=USDC, code=1 - shard)
        record["amount_atoms"], record["sequence"] = atoms, sequence
        self.venue.flows[shard].admin(record, account=ACCOUNT, given_available=available)

    def bids(self, shard: int, number: int, available: int, locked: int) -> None:
        """An order in the market of this shard, which leaves so much."""
        market = (SOL_USDC, BTC_USDC)[shard]
        given = {"given_available": available, "given_locked": locked}
        self.venue.flows[shard].level(Side.BID, 1, 1, market, account=ACCOUNT, order_id=number, **given)

    def told(self, *shards: int) -> list[tuple[str, str]]:
        """By the logs of these shards, read one after the other."""
        for shard in shards:
            self.venue.feed(shard)
            self.hub.tick()
        told, self.socket.told = self.socket.told, []
        return told

    def orders(self, *shards: int) -> list[str]:
        for shard in shards:
            self.venue.feed(shard)
            self.hub.tick()
        orders, self.socket.orders = self.socket.orders, []
        return orders


@asynccontextmanager
async def listening(*away: int) -> AsyncIterator[Listener]:
    made = Listener(await Venue.started(), *away)
    await made.answered()
    yield made
    await made.private.stop()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as made:
        yield made


async def test_money_on_its_way_counts(listener: Listener) -> None:
    listener.happens(0, OUT, 50_000_000, 1, 250_000_000)
    assert listener.told(0) == [], "nothing has changed"
    listener.happens(1, IN, 50_000_000, 1, 50_000_000)
    assert listener.told(1) == []
    listener.happens(1, CommandKind.DEPOSIT, 1_000_000, 1, 51_000_000)
    assert listener.told(1) == [("301", "0")]


async def test_an_arrival_that_is_read_first_is_counted_once(listener: Listener) -> None:
    listener.happens(0, OUT, 50_000_000, 1, 250_000_000)
    listener.happens(1, IN, 50_000_000, 1, 50_000_000)
    assert listener.told(1, 0)[-1] == ("300", "0")
    listener.happens(0, OUT, 10_000_000, 2, 240_000_000)
    assert listener.told(0) == []
    listener.happens(1, IN, 10_000_000, 2, 60_000_000)
    assert listener.told(1) == []


async def test_what_had_left_before_anybody_listened(listener: Listener) -> None:
    """Its departure is part of what the shard said: it comes as a gain."""
    listener.happens(1, IN, 7_000_000, 1, 7_000_000)
    assert listener.told(1) == [("307", "0")]


@pytest.mark.parametrize("away", [0, 1])
async def test_orders_are_told_while_another_shard_is_away(away: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many: what waits for the sums is a balance for each asset."""
    monkeypatch.setattr(private, "MAX_WAITING", 5)
    there = 1 - away
    async with listening(away) as listener:
        for number in range(10):
            listener.bids(there, number, 90 - number, 10 + number)
            assert listener.orders(there) == [str(number)]
        assert (listener.told(), listener.socket.dropped) == ([], "")
        await listener.returns(away)
        assert listener.told() == [(("0.000081", "0.000019"), ("300.000081", "0.000019"))[there]]
        listener.bids(there, 10, 80, 20)
        assert listener.told(there) == [(("0.00008", "0.00002"), ("300.00008", "0.00002"))[there]]


async def test_what_the_shard_that_was_away_has_done_is_told_with_its_answer() -> None:
    async with listening(1) as listener:
        listener.bids(1, 7, 4_000_000, 0)
        assert listener.orders(1) == []
        listener.hold(1, 4_000_000)
        await listener.returns(1)
        assert listener.orders() == ["7"] and ("304", "0") in listener.told()


async def test_money_that_arrives_when_a_shard_returns_is_counted_once() -> None:
    async with listening(1) as listener:
        listener.happens(0, OUT, 50_000_000, 1, 250_000_000)
        assert listener.told(0) == []
        listener.happens(1, IN, 50_000_000, 1, 50_000_000)
        listener.venue.feed(1)
        listener.hold(1, 50_000_000)
        await listener.returns(1)
        assert listener.told() == [("300", "0")]


async def test_an_arrival_that_is_read_after_the_answer_that_has_it_is_counted_once() -> None:
    """Where events do not come by a ring."""
    async with listening(1) as listener:
        listener.happens(0, OUT, 50_000_000, 1, 250_000_000)
        listener.venue.feed(0)
        listener.happens(1, IN, 50_000_000, 1, 50_000_000)
        listener.hold(1, 50_000_000)
        await listener.returns(1)
        assert listener.told(1)[-1] == ("300", "0")


async def test_events_of_a_shard_that_says_nothing_else_wait_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "MAX_WAITING", 5)
    async with listening(1) as listener:
        for number in range(6):
            assert listener.socket.dropped == ""
            listener.bids(1, number, 0, number)
            assert listener.orders(1) == []
        assert listener.socket.dropped == "the balances of this account are not available"
