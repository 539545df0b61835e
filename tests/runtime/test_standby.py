"""A standby takes over within a second, whatever becomes of the active engine, and no event is missing or doubled."""

import asyncio
import signal
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import redis

from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.standby import Lookout, active_name
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.feed import Feed
from engine_core.transport.gateway import Gateway
from engine_core.transport.redis_connection import client_of
from engine_core.wire.codes import EventKind, QueryKind, Side
from engine_core.wire.layout import EVENT, SLOT
from engine_core.wire.streams import ORIGIN, EntryId, decode_block
from tests.runtime.rig import NAMES, assert_mirrored, engine, entries, flow, place, setup
from tests.runtime.test_snapshots import take_snapshot

pytestmark = pytest.mark.timeout(600)  # several engines, one after the other

ANSWER_SECONDS = 120.0
STANDBY = {"EXCHANGE_WORKER": "1"}


def actives(client: redis.Redis) -> int:
    return sum(each["name"] == active_name(0) for each in client.client_list())  # type: ignore[attr-defined]


def until(condition: object, what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


async def test_a_killed_engine_costs_no_event(valkey: str, runtime: Path) -> None:
    """Load, a feed on the ring, kill -9 of the active one, twice: the second time the former standby dies."""
    client = redis.Redis.from_url(valkey)
    slots: list[bytes] = []
    stop = threading.Event()
    appended = 0

    def load() -> None:
        nonlocal appended
        with Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
            while not stop.is_set():
                out.append(flow(20, appended))
                appended += 1

    def prepare() -> None:
        with Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(setup())

    with engine(valkey, runtime) as first:
        await asyncio.to_thread(prepare)
        feed = await Feed.open(valkey, runtime, after=ORIGIN)

        async def follow() -> None:
            async for batch in feed:
                batch["published_ns"] = 0
                slots.append(batch.tobytes())

        following = asyncio.create_task(follow())
        with engine(valkey, runtime, "--standby", **STANDBY) as second:
            producer = threading.Thread(target=load)
            producer.start()
            for victim in (first, second):
                goal = appended + 30
                await asyncio.to_thread(until, lambda goal=goal: appended > goal, "load")
                victim.send_signal(signal.SIGKILL)
                await asyncio.to_thread(victim.wait)
                if victim is first:
                    await asyncio.to_thread(until, lambda: actives(client) == 1, "nobody took over")
        with engine(valkey, runtime):
            goal = appended + 30
            await asyncio.to_thread(until, lambda: appended > goal, "load")
            stop.set()
            await asyncio.to_thread(producer.join)
            top = entries(client, NAMES.orders)[-1][0]
            async with asyncio.timeout(60):
                while feed.position < top:
                    await asyncio.sleep(0.005)
            assert_mirrored(client)
    expected = [decode_block(block, EVENT)[1].tobytes() for _, block in entries(client, NAMES.events)]
    assert np.frombuffer(b"".join(slots), SLOT)["event"].tobytes() == b"".join(expected)
    await feed.close()
    await following
    client.close()


def test_an_engine_that_hangs_is_replaced_and_steps_back(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime) as first, engine(valkey, runtime, "--standby", **STANDBY) as second:
        with Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(setup())
            first.send_signal(signal.SIGSTOP)
            assert out.execute(place(Side.BID, 100, 5))[0]["kind"] == EventKind.ACCEPTED
            first.send_signal(signal.SIGCONT)
            until(lambda: actives(client) == 1, "two stay active")
            for price in range(101, 121):
                assert out.execute(place(Side.BID, price, 1))[0]["kind"] == EventKind.ACCEPTED
            second.send_signal(signal.SIGKILL)
            assert out.execute(place(Side.BID, 99, 5))[0]["kind"] == EventKind.ACCEPTED, "the first one is back"
            assert len(out.query(QueryKind.BOOK, market=1)[1]) == 22
        assert_mirrored(client)
    client.close()


def test_an_engine_that_was_away_for_too_long_begins_anew(valkey: str, runtime: Path) -> None:
    """What it has not read was trimmed meanwhile: it takes the newest snapshot, and is a full member again."""
    client = redis.Redis.from_url(valkey)
    with (
        engine(valkey, runtime) as first,
        engine(valkey, runtime, "--standby", **STANDBY) as second,
        Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out,
    ):
        out.execute(setup())
        first.send_signal(signal.SIGSTOP)
        for price in range(100, 120):
            assert out.execute(place(Side.BID, price, 1))[0]["kind"] == EventKind.ACCEPTED
        place_of = snapshot.describe(take_snapshot(second.pid, runtime)).place
        for name in (NAMES.orders, NAMES.events):
            client.xtrim(name, minid=str(place_of.entry), approximate=False)
        assert out.execute(place(Side.BID, 120, 1))[0]["kind"] == EventKind.ACCEPTED
        first.send_signal(signal.SIGCONT)
        assert first.stderr is not None
        while "restarts from a snapshot" not in (said := first.stderr.readline()):
            assert said, "it ended"
        assert "it was trimmed" in said
        while "following" not in first.stderr.readline():
            pass
        until(lambda: actives(client) == 1, "two are active")
        second.send_signal(signal.SIGKILL)
        assert out.execute(place(Side.BID, 99, 5))[0]["kind"] == EventKind.ACCEPTED, "the first one is back"
        assert len(out.query(QueryKind.BOOK, market=1)[1]) == 22
    client.close()


def test_an_engine_that_dies_before_the_first_look_is_missed_all_the_same(valkey: str) -> None:
    """It was there when the standby came up, so nothing is to be waited for: `bench recovery` took 10 s."""
    with closing(client_of(valkey, 10)) as client:
        active = redis.Redis.from_url(valkey, client_name=active_name(0))
        active.ping()
        lookout = Lookout(client, NAMES, 0, 1)
        assert lookout.others() and lookout.still_others()
        active.close()
        until(lambda: not lookout.others(), "Redis forgets the connection")
        assert [lookout.look(ORIGIN) for _ in range(2)] == [False, True]


def test_while_redis_refuses_everybody_the_active_engine_is_left(
    fresh_valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two of them would end each other in turn until there is room again."""
    monkeypatch.setattr("engine_core.runtime.standby.STALL_SECONDS", 0.05)
    with closing(client_of(fresh_valkey, 10)) as client:
        active = redis.Redis.from_url(fresh_valkey, client_name=active_name(0))
        active.ping()
        lookout, ahead = Lookout(client, NAMES, 0, 1), EntryId(1, 0)

        def looks() -> list[bool]:
            found = []
            for _ in range(5):
                found.append(lookout.look(ahead))
                time.sleep(0.02)
            return found

        client.config_set("maxmemory", 1)
        assert not any(looks()) and lookout.others()
        client.config_set("maxmemory", 0)
        assert any(looks())
        active.close()


async def test_two_active_engines_are_harmless(valkey: str, runtime: Path) -> None:
    """Each believes to be alone: whoever is first publishes, the other one compares, and every client gets answers."""
    client = redis.Redis.from_url(valkey)

    def prepare() -> None:
        with Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(setup())

    with engine(valkey, runtime) as first:
        await asyncio.to_thread(prepare)
        out = await AsyncGateway.open(valkey, runtime, 0, 100)
        with engine(valkey, runtime, "--standby", **STANDBY) as second:
            for connection in client.client_list():  # type: ignore[attr-defined]
                if connection["name"] == active_name(0):
                    first.send_signal(signal.SIGSTOP)
                    client.client_kill_filter(_id=connection["id"])
            await asyncio.to_thread(until, lambda: actives(client) == 1, "nobody took over")
            first.send_signal(signal.SIGCONT)
            for round_number in range(30):
                orders = [out.submit(place(Side.BID, 50 + n, 1, 2 + round_number % 3).tobytes()) for n in range(10)]
                events = await asyncio.gather(*orders)
                assert all(each[0]["kind"] == EventKind.ACCEPTED for each in events)
            assert first.poll() is None and second.poll() is None
            await out.close()
            assert_mirrored(client)
    client.close()
