"""The publisher on Redis: only channels that are heard, the same JSON as the WebSocket, one publisher at a time."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError

from egress.names import Kind, Stream
from egress.pubsub import LEASE_MS, Publisher
from engine_core.wire.codes import Side
from engine_core.wire.streams import keys
from tests.egress.rig import Rig, is_heartbeat, running


@asynccontextmanager
async def publishing(rig: Rig, url: str) -> AsyncIterator[Publisher]:
    publisher = Publisher(url, rig.data.setup, rig.hub)
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


@asynccontextmanager
async def hearing(url: str, *channels: str, pattern: str = "") -> AsyncIterator[PubSub]:
    async with Redis.from_url(url) as client, client.pubsub() as pubsub:
        await (pubsub.psubscribe(pattern) if pattern else pubsub.subscribe(*channels))
        yield pubsub


async def heard(pubsub: PubSub, heartbeats: bool = False) -> tuple[str, dict[str, Any]]:
    """The next message as (channel, content); those that say that a market is quiet, if they are asked for."""
    async with asyncio.timeout(60):
        while True:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1)
            if message is not None:
                content = json.loads(message["data"])
                if heartbeats or not is_heartbeat(content):
                    return message["channel"].decode(), content


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("egress.pubsub.LOOK_SECONDS", 0.02)


async def test_the_same_events_as_on_the_socket(valkey: str) -> None:
    async with running() as rig, publishing(rig, valkey) as publisher, rig.listen() as client:
        async with hearing(valkey, "trade@SOL_USDC", "depth@SOL_USDC") as pubsub:
            await until(lambda: publisher.channels == 2)
            await client.subscribe("trade@SOL_USDC", "depth@SOL_USDC")
            rig.flow.trade(Side.BID, 10, 1, 1)
            rig.feed()
            frames = [await client.event() for _ in range(2)]
            messages = [await heard(pubsub) for _ in range(2)]
            assert [content for _, content in messages] == frames
            assert [channel for channel, _ in messages] == [frame["stream"] for frame in frames]
        await until(lambda: publisher.channels == 0)


async def test_the_ticker_is_published_and_a_pattern_hears_all(valkey: str) -> None:
    async with running() as rig, publishing(rig, valkey), hearing(valkey, pattern="*@BTC_USDC") as pubsub:
        channels = set()
        while not channels >= {"ticker@BTC_USDC", "depth@BTC_USDC"}:  # depth: the heartbeats of a quiet market
            channel, content = await heard(pubsub, heartbeats=True)
            assert content["stream"] == channel and content["data"]["s"] == "BTC_USDC"
            channels.add(channel)


async def test_only_the_holder_of_the_lease_publishes_and_another_takes_over(valkey: str) -> None:
    async with (
        running() as rig,
        running() as standby,
        hearing(valkey, "trade@SOL_USDC"),
        publishing(standby, valkey) as second,
        publishing(rig, valkey) as first,
    ):
        await until(lambda: first.channels + second.channels == 1)
        holder, other = (first, second) if first.channels else (second, first)
        async with Redis.from_url(valkey) as client, asyncio.timeout(60):
            while (left := await client.pttl(keys().leases + "market-data")) <= 0:  # it is renewed, if late
                await asyncio.sleep(0.01)
            assert left <= LEASE_MS
        await holder.stop()
        assert holder.channels == 0
        await until(lambda: other.channels == 1)


async def test_a_redis_that_takes_nothing_costs_events_and_nothing_else(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("egress.pubsub.QUEUE_BYTES", 1000)
    async with running() as rig, publishing(rig, valkey) as publisher, rig.listen() as client:
        await client.subscribe("trade.SOL_USDC")
        async with hearing(valkey, "trade@SOL_USDC") as pubsub:
            await until(lambda: publisher.channels == 1)
            with monkeypatch.context() as broken:
                broken.setattr(publisher._redis, "pipeline", gone)
                for _ in range(50):
                    rig.flow.trade(Side.BID, 10, 1, 1)
                rig.feed()
                assert [(await client.data())["t"] for _ in range(50)] == list(range(1, 51))
                await until(lambda: publisher.dropped == 50)
            rig.flow.trade(Side.BID, 10, 1, 1)
            rig.feed()
            assert (await heard(pubsub))[1]["data"]["t"] == 51


async def test_a_redis_that_says_nothing_holds_up_nobody_and_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped, or behind a cable that was pulled: connections stand, and nothing comes."""
    monkeypatch.setattr("egress.pubsub.ANSWER_SECONDS", 0.2)
    asked = 0

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        while await reader.read(65_536):
            pass
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with running() as rig, publishing(rig, url) as publisher, rig.listen() as client:
        await client.subscribe("trade.SOL_USDC")
        rig.hub.tap("trade@SOL_USDC", Stream(Kind.TRADE, "SOL_USDC"), publisher)
        for number in range(1, 200):
            rig.flow.trade(Side.BID, 10, 1, 1)
            rig.feed()
            assert (await client.data())["t"] == number
        await until(lambda: asked >= 4 and publisher.dropped > 0)
    server.close()


async def test_who_cannot_prolong_the_lease_publishes_nothing_once_it_has_run_out(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*arguments: Any) -> Any:
        raise RedisConnectionError("gone")

    async with running() as rig, publishing(rig, valkey) as publisher, hearing(valkey, "trade@SOL_USDC") as pubsub:
        await until(lambda: publisher.channels == 1)
        rig.flow.trade(Side.BID, 10, 1, 1)
        rig.feed()
        assert (await heard(pubsub))[1]["data"]["t"] == 1
        with monkeypatch.context() as broken:
            broken.setattr(publisher._redis, "eval", refused)
            over = SimpleNamespace(monotonic=lambda: time.monotonic() + LEASE_MS / 1000)  # so much later
            broken.setattr("egress.pubsub.time", over)
            rig.flow.trade(Side.BID, 10, 1, 1)
            rig.feed()
            await until(lambda: publisher.dropped == 1)
        held = publisher._holds_until
        await until(lambda: publisher._holds_until > held)
        rig.flow.trade(Side.BID, 10, 1, 1)
        rig.feed()
        assert (await heard(pubsub))[1]["data"]["t"] == 3


async def test_a_subscriber_who_never_reads_holds_up_nobody(valkey: str) -> None:
    async with running() as rig, publishing(rig, valkey) as publisher, hearing(valkey, "trade@SOL_USDC") as pubsub:
        deaf = Redis.from_url(valkey, client_name="deaf")
        deaf_pubsub = deaf.pubsub()
        await deaf_pubsub.subscribe("trade@SOL_USDC")  # and never asks for a message
        kernel = deaf_pubsub.connection._writer.get_extra_info("socket")
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what it holds is not what this is about
        await until(lambda: publisher.channels == 1)
        told = waits = 0
        while waits < 100_000:  # bytes that Redis itself holds for the one who never reads
            assert told < 20_000
            for _ in range(500):
                rig.flow.trade(Side.BID, 10, 1, 1)
            rig.feed()
            for _ in range(500):
                told += 1
                assert (await heard(pubsub))[1]["data"]["t"] == told
            waits = max(int(one["omem"]) for one in await deaf.client_list() if one["name"] == "deaf")
        assert publisher.dropped == 0
        await deaf_pubsub.aclose()
        await deaf.aclose()


def gone(**options: Any) -> Any:
    raise RedisConnectionError("gone")
