"""Private streams of a venue with two shards: one balance, which money on its way does not leave."""

import asyncio
import json
from typing import Any

import pytest

from egress.hub import Hub
from egress.names import Kind, Stream
from egress.streams.private import PrivateStreams
from engine_core.wire.codes import CommandKind
from tests.replica.flow import admin
from tests.replica.test_shards import Venue

ACCOUNT, USDC = 2, 1
OUT, IN = CommandKind.MOVE_OUT, CommandKind.MOVE_IN


class Socket:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def write(self, data: bytes) -> None:
        for text in data.split(b'{"stream"')[1:]:
            event = json.loads(text[text.index(b'"data":') + 7 : text.rindex(b"}}") + 1])
            self.told.append((event["A"], event["L"]))

    def congested(self) -> bool:
        return False

    def drop(self, reason: str) -> None:
        raise AssertionError(reason)


class Listener:
    """Of the balances of an account that has 300 USDC in shard 0."""

    def __init__(self, venue: Venue) -> None:
        self.venue, self.socket, hub = venue, Socket(), Hub()
        venue.engines[0].balances[ACCOUNT] = [(USDC, 300_000_000, 0)]
        venue.engines[1].balances[ACCOUNT] = [(USDC, 0, 0)]
        self.private = PrivateStreams(venue.data, hub, *(engine.query for engine in venue.engines))
        self.hub = hub
        client = hub.connect(self.socket)
        self.private.subscribe(client, "account.balanceUpdate", Stream(Kind.BALANCE_UPDATE, private=True), ACCOUNT)

    def happens(self, shard: int, kind: CommandKind, atoms: int, sequence: int, available: int) -> None:
        record = admin(kind, account=ACCOUNT, asset=USDC, code=1 - shard)
        record["amount_atoms"], record["sequence"] = atoms, sequence
        self.venue.flows[shard].admin(record, account=ACCOUNT, given_available=available)

    def told(self, *shards: int) -> list[tuple[str, str]]:
        """By the logs of these shards, read one after the other."""
        for shard in shards:
            self.venue.feed(shard)
            self.hub.tick()
        told, self.socket.told = self.socket.told, []
        return told


@pytest.fixture
async def listener() -> Any:
    made = Listener(await Venue.started())
    await asyncio.sleep(0)
    while not made.private._accounts[ACCOUNT].known_to:
        await asyncio.sleep(0)
    yield made
    await made.private.stop()


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
