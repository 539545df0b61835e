"""A Redis that comes back without its last entries, and logs that are trimmed: what is needed is never missing."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from engine_core.host.embedded import Valkey, running
from engine_core.runtime.log.tail import Tail
from engine_core.runtime.snapshots import snapshot, trim
from engine_core.runtime.snapshots.trim import Retention
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.backlog import Backlog, Stored, measure
from engine_core.transport.gateway import Gateway, Overloaded
from engine_core.transport.redis_connection import describe
from engine_core.wire.codes import EventKind, QueryKind, Side
from engine_core.wire.log import LogError, no_log
from engine_core.wire.streams import FIELD, ORIGIN, EntryId
from tests.runtime.rig import NAMES, assert_mirrored, engine, entries, flow, place, setup
from tests.runtime.test_snapshots import take_snapshot

ANSWER_SECONDS = 120.0
AOF = Path("valkey/appendonlydir")


@contextmanager
def server_of(folder: Path, runtime: Path) -> Iterator[tuple[str, int]]:
    """A Valkey that can be killed; (URL, pid)."""
    with running(Valkey(folder, runtime), folder / "valkey.log") as url, redis.Redis.from_url(url) as client:
        yield url, int(client.info("server")["process_id"])  # type: ignore[index]


def kill(pid: int, client: redis.Redis) -> None:
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            client.ping()
        except redis.ConnectionError:
            return
    raise AssertionError("Valkey does not die")


def saved(folder: Path) -> Path:
    """The append-only files as they are now: what a disk holds that was not synced afterwards."""
    copy = folder / "as-it-was"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder / AOF, copy)
    return copy


def go_back(folder: Path, copy: Path) -> None:
    shutil.rmtree(folder / AOF)
    shutil.copytree(copy, folder / AOF)


async def test_a_living_engine_gives_back_what_redis_lost(tmp_path: Path, runtime: Path) -> None:
    """Acknowledged orders vanish with the last seconds of the log; engine and gateway live on; nothing is missing."""
    with server_of(tmp_path, runtime) as (url, pid), engine(url, runtime) as process:

        def prepare() -> None:
            with Gateway(url, answer_seconds=ANSWER_SECONDS) as out:
                out.execute(setup())

        await asyncio.to_thread(prepare)
        with redis.Redis.from_url(url) as client:
            out = await AsyncGateway.open(url, runtime, 0, 100)
            for price in range(50, 60):
                await out.submit(place(Side.BID, price, 1).tobytes())
            copy = saved(tmp_path)
            acknowledged = [await out.submit(place(Side.BID, price, 1).tobytes()) for price in range(60, 80)]
            ids = [int(events[0]["order_id"]) for events in acknowledged]
            before = entries(client, NAMES.orders)
            await asyncio.to_thread(kill, pid, client)
        go_back(tmp_path, copy)
        with server_of(tmp_path, runtime), redis.Redis.from_url(url) as client:
            later = await out.submit(place(Side.BID, 81, 1).tobytes())
            assert later[0]["kind"] == EventKind.ACCEPTED
            assert entries(client, NAMES.orders)[: len(before)] == before
            for order in ids:
                _, found = await out.query(QueryKind.ORDER, account=2, market=1, order_id=order)
                assert len(found) == 1
            await out.close()
            await asyncio.to_thread(assert_mirrored, client)
            process.kill()
            said = process.communicate()[1]
            assert "lost its last 20 entries: appending them again" in said


async def test_what_no_engine_had_read_is_appended_again(tmp_path: Path, runtime: Path) -> None:
    """Redis confirms an order and loses it before any engine reads it: nobody can give it back, and nobody was told."""
    with server_of(tmp_path, runtime) as (url, pid), engine(url, runtime) as process:
        with redis.Redis.from_url(url) as client:
            with Gateway(url, answer_seconds=ANSWER_SECONDS) as first:
                await asyncio.to_thread(first.execute, setup())
            out = await AsyncGateway.open(url, runtime, 0, 100)
            await out.submit(place(Side.BID, 50, 1).tobytes())
            copy, before = saved(tmp_path), client.xlen(NAMES.orders)
            process.send_signal(signal.SIGSTOP)
            for waiting in client.client_list():  # else its system would take the order for it
                if waiting["cmd"] in ("xread", "xread|block"):
                    client.client_kill_filter(_id=waiting["id"])
            lost = asyncio.ensure_future(out.submit(place(Side.BID, 51, 1).tobytes()))
            while client.xlen(NAMES.orders) == before:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(kill, pid, client)
        go_back(tmp_path, copy)
        with server_of(tmp_path, runtime), redis.Redis.from_url(url) as client:
            await asyncio.sleep(1.0)  # while it has not been compared, nobody knows whether an engine has it
            assert client.xlen(NAMES.orders) == before
            process.send_signal(signal.SIGCONT)
            assert [event["kind"] for event in await lost] == [EventKind.ACCEPTED]
            assert client.xlen(NAMES.orders) == before + 1
            await out.close()
            await asyncio.to_thread(assert_mirrored, client)


def test_a_log_cut_in_the_middle_of_a_record_is_completed(tmp_path: Path, runtime: Path) -> None:
    """A torn write at the end of the append-only file: Valkey forgets the torn record, the living engine has it."""
    with server_of(tmp_path, runtime) as (url, pid), engine(url, runtime) as process:
        with redis.Redis.from_url(url) as client, Gateway(url, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(setup())
            for price in range(50, 60):
                out.execute(place(Side.BID, price, 1))
            before = [entries(client, name) for name in (NAMES.orders, NAMES.events)]
            kill(pid, client)
        (file,) = (tmp_path / AOF).glob("*.incr.aof")
        os.truncate(file, file.stat().st_size - 100)
        with server_of(tmp_path, runtime), Gateway(url, answer_seconds=ANSWER_SECONDS) as out:
            assert out.execute(place(Side.BID, 70, 1))[0]["kind"] == EventKind.ACCEPTED
            with redis.Redis.from_url(url) as client:
                assert [entries(client, name)[:-1] for name in (NAMES.orders, NAMES.events)] == before
                assert_mirrored(client)
        assert "truncat" in (tmp_path / "valkey.log").read_text().lower()
        assert process.poll() is None


def test_a_loss_with_nobody_left_is_noticed(tmp_path: Path, runtime: Path) -> None:
    """Power failure with everysec: engine and Redis die together, the log is short. It is named, never passed over."""
    with server_of(tmp_path, runtime) as (url, pid), redis.Redis.from_url(url) as client:
        with engine(url, runtime), Gateway(url, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(setup())
            copy = saved(tmp_path)
            out.execute(flow(10))
        kill(pid, client)
    go_back(tmp_path, copy)
    with server_of(tmp_path, runtime) as (url, _), engine(url, runtime, wait=False) as process:
        said = process.communicate(timeout=ANSWER_SECONDS)[1]
        assert process.returncode == 1 and "Redis lost its last entries" in said
        assert "`exchange accept-loss`" in said


def test_another_redis_is_not_taken_for_ours(valkey: str, runtime: Path) -> None:
    """An empty Redis, or one with another exchange's log, beside the data of an engine that has executed something."""
    client = redis.Redis.from_url(valkey)
    other = runtime / "other"
    other.mkdir()
    with engine(valkey, runtime), Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        out.execute(setup())
    client.flushall()
    with engine(valkey, runtime, wait=False) as process:
        assert "but Redis holds none" in process.communicate(timeout=ANSWER_SECONDS)[1]
        assert process.returncode == 1 and client.xlen(NAMES.orders) == 0
    with engine(valkey, other), Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        out.execute(setup())
    with engine(valkey, runtime, wait=False) as process:
        assert "but Redis holds log" in process.communicate(timeout=ANSWER_SECONDS)[1]
        assert process.returncode == 1
    client.close()


def test_trimming_keeps_what_snapshots_and_the_writer_need(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime) as process, Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        out.execute(setup())
        for seed in range(300):
            out.append(flow(40, seed))
        out.execute(flow(1))
        middle = entries(client, NAMES.events)[150][0]
        taken = take_snapshot(process.pid, runtime)
        out.execute(flow(1))
    place = snapshot.describe(taken).place
    everything = Retention(keep_ms=0, redis_bytes=1 << 40, snapshots=1, young_ms=0)
    trim.trim(client, NAMES, runtime, 0, Retention(keep_ms=3_600_000, redis_bytes=1 << 40))
    assert client.xlen(NAMES.orders) == client.xlen(NAMES.events) == 304, "young entries stay"
    trim.trim(client, NAMES, runtime, 0, everything)
    assert client.xlen(NAMES.events) == 304, "without a writer nobody knows what the database needs"
    assert client.xlen(NAMES.orders) < 120 and client.xrange(NAMES.orders, str(place.entry), str(place.entry))
    client.set(NAMES.stored, Stored(place.log_id + 1, place.entry, 1).encode())
    trim.trim(client, NAMES, runtime, 0, everything)
    assert client.xlen(NAMES.events) == 304, "a writer of another log says nothing"
    client.set(NAMES.stored, Stored(place.log_id, middle, 151).encode())
    client.set("of somebody else", bytes(16 << 20))
    trim.trim(client, NAMES, runtime, 0, Retention(keep_ms=3_600_000, redis_bytes=16 << 20, snapshots=1, young_ms=0))
    assert client.xlen(NAMES.events) == 304, "what others keep in the same Redis makes no log shorter"
    trim.trim(client, NAMES, runtime, 0, Retention(keep_ms=3_600_000, redis_bytes=1, snapshots=1, young_ms=0))
    assert 154 <= client.xlen(NAMES.events) < 270, "for want of memory even young entries go"
    assert client.xrange(NAMES.events, str(middle), str(middle)), "but the writer's own entry proves its place"
    with engine(valkey, runtime), Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
        assert (out.execute(flow(5, 9))["kind"] != EventKind.BLOCK_REFUSED).all()
    client.close()


async def test_new_orders_are_refused_while_the_database_is_far_behind(valkey: str, runtime: Path) -> None:
    def prepare() -> None:
        with Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(setup())
            for seed in range(10):
                out.execute(flow(1, seed))

    client = redis.asyncio.Redis.from_url(valkey)
    with engine(valkey, runtime):
        await asyncio.to_thread(prepare)
        bounds = Backlog(events=5)
        assert await measure(client, NAMES, bounds) == "", "a deployment without a database has no such bound"
        first = (await client.xrange(NAMES.events, count=1))[0]
        log_id = int.from_bytes(first[1][b"b"][8:16], "little")
        await client.set(NAMES.stored, Stored(log_id, EntryId.parse(first[0]), 1).encode())
        out = await AsyncGateway.open(valkey, runtime, 0, 100, backlog=bounds)
        async with asyncio.timeout(60):
            while not out.pressure:
                await asyncio.sleep(0.01)
        with pytest.raises(Overloaded, match="11 blocks of events are not in the database yet"):
            out.submit(place(Side.BID, 100, 1).tobytes())
        cancel = place(Side.BID, 100, 1)
        cancel["kind"] = 2
        assert len(await out.submit(cancel.tobytes())) == 1, "cancels still pass"
        await client.set(NAMES.stored, Stored(log_id, EntryId.parse(first[0]), 12).encode())
        async with asyncio.timeout(60):
            while out.pressure:
                await asyncio.sleep(0.01)
        assert (await out.submit(place(Side.BID, 100, 1).tobytes()))[0]["kind"] == EventKind.ACCEPTED
        await out.close()
    await client.aclose()


def test_a_log_that_grew_before_it_was_given_back_is_named(client: redis.Redis) -> None:
    """Somebody who knows of nothing appends after the engine has looked: there is no room for what was lost."""
    tail, log = Tail(), [(EntryId(number, 0), b"commands %d" % number) for number in range(1, 8)]
    tail.begin(log[0][0])
    for entry, block in log:
        if entry <= log[2][0]:
            client.xadd(NAMES.orders, {FIELD: block}, id=str(entry))  # type: ignore[arg-type]
        if entry > log[0][0]:
            tail.add(entry, block, b"mirror")
    orders, events = describe(client, NAMES.orders), no_log(NAMES.events)
    for entry, block in log[3:5]:  # another engine gives back the same, and is killed
        client.xadd(NAMES.orders, {FIELD: block}, id=str(entry))  # type: ignore[arg-type]
    client.xadd(NAMES.orders, {FIELD: b"of a gateway"}, id=str(log[5][0].ms) + "-1")  # type: ignore[arg-type]
    with pytest.raises(LogError, match="no room for 6-0 and 1 entries"):
        tail.restore(client, NAMES, orders, events, ORIGIN)
