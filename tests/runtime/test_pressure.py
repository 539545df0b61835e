"""Bounds: a full Redis, a full disk, an engine that stands still. Orders are refused with the reason, and go on."""

import asyncio
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from engine_core.book.memory.state import TIMERS
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.backlog import Backlog, measure
from engine_core.transport.gateway import Gateway, Overloaded
from engine_core.wire.codes import CommandKind, EventKind, Side
from engine_core.wire.layout import COMMAND
from tests.runtime.rig import NAMES, assert_mirrored, block_of, engine, flow, place, setup

ANSWER_SECONDS = 120.0


async def prepared(url: str, runtime: Path, backlog: Backlog | None = None) -> AsyncGateway:
    def prepare() -> None:
        with Gateway(url, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(setup())

    await asyncio.to_thread(prepare)
    return await AsyncGateway.open(url, runtime, 0, 100, backlog=backlog)


def switch_off(after_ms: int) -> np.ndarray:
    """A dead-man switch: time passes for it by TICK, which the engine appends."""
    command = np.zeros(1, COMMAND)
    command["kind"], command["account"], command["market"] = CommandKind.CANCEL_AFTER, 2, 1
    command["amount_atoms"] = after_ms
    return command


async def accepted(out: AsyncGateway, price: int) -> bool:
    events = await out.submit(place(Side.BID, price, 1).tobytes())
    return bool((events["kind"] == EventKind.ACCEPTED).any())  # timers that were due come first


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_full_redis_refuses_with_its_reason(fresh_valkey: str, runtime: Path) -> None:
    """Orders are refused while nothing fits; what did fit, and what the engine has to say itself, comes later."""
    client = redis.Redis.from_url(fresh_valkey)
    with engine(fresh_valkey, runtime) as process:
        out = await prepared(fresh_valkey, runtime)
        assert await accepted(out, 50)
        await out.submit(switch_off(200).tobytes())
        process.send_signal(signal.SIGSTOP)
        before = client.xlen(NAMES.orders)
        waiting = out.submit(place(Side.BID, 51, 1).tobytes())
        await until(lambda: client.xlen(NAMES.orders) > before)
        client.config_set("maxmemory", 1)
        with pytest.raises(Overloaded, match="maxmemory"):
            await out.submit(place(Side.BID, 52, 1).tobytes())
        process.send_signal(signal.SIGCONT)
        assert process.stderr is not None
        for said in ("Redis takes no events", "Redis takes no command of the engine's own"):
            while said not in await asyncio.to_thread(process.stderr.readline):
                pass
        client.config_set("maxmemory", 0)
        assert (await waiting)[0]["kind"] == EventKind.ACCEPTED
        assert await accepted(out, 53)
        await until(lambda: assert_mirrored(client).state.scalars[TIMERS] == 0)
        await out.close()
        assert_mirrored(client)
    client.close()


async def test_a_full_disk_refuses_with_its_reason(fresh_valkey: str, runtime: Path) -> None:
    """The append-only file cannot grow: what Valkey could not write it takes no more of, until it can."""
    client = redis.Redis.from_url(fresh_valkey)
    information: Any = client.info("server")
    pid = int(information["process_id"])
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    with engine(fresh_valkey, runtime) as process:
        out = await prepared(fresh_valkey, runtime)
        assert await accepted(out, 50)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
        async with asyncio.timeout(60):
            with pytest.raises(Overloaded, match="AOF"):
                while await accepted(out, 60):
                    pass  # while it syncs what it wrote before, Valkey writes nothing, and takes what comes
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

        async with asyncio.timeout(60):
            while True:
                try:
                    assert await accepted(out, 95)
                    break
                except Overloaded:
                    await asyncio.sleep(0.05)
        await out.close()
        assert process.poll() is None
        await asyncio.to_thread(assert_mirrored, client)
    client.close()


async def test_a_stalled_engine_bounds_what_waits_for_it(valkey: str, runtime: Path) -> None:
    """Of one gateway, and of all together; the cancel that is among them passes, and in the end all are answered."""
    client = redis.asyncio.Redis.from_url(valkey)
    with engine(valkey, runtime) as process:
        out = await prepared(valkey, runtime, Backlog(commands=20))
        process.send_signal(signal.SIGSTOP)
        waiting = [out.submit(place(Side.BID, 50 + number, 1).tobytes()) for number in range(20)]
        with pytest.raises(Overloaded, match="20"):
            await out.submit(place(Side.BID, 90, 1).tobytes())
        log_id = out._feed.log_id
        for sequence in range(1, 8):
            block = block_of(flow(5, sequence), log_id=log_id, sequence=sequence)
            await client.xadd(NAMES.orders, {b"b": block})
        assert "blocks are not executed yet" in await measure(client, NAMES, Backlog(entries=5))
        process.send_signal(signal.SIGCONT)
        answers = await asyncio.gather(*waiting)
        assert all(events[0]["kind"] == EventKind.ACCEPTED for events in answers)
        assert np.unique([int(events[0]["order_id"]) for events in answers]).size == 20
        assert await accepted(out, 91)
        await out.close()
        with redis.Redis.from_url(valkey) as reader:
            await asyncio.to_thread(assert_mirrored, reader)
        assert await measure(client, NAMES, Backlog(entries=5)) == ""
    await client.aclose()


async def test_pressure_is_read_from_any_thread_and_known_without_orders(valkey: str, runtime: Path) -> None:
    """Health checks ask from a thread of their own, of a process to which nobody has sent anything."""
    client = redis.asyncio.Redis.from_url(valkey)
    with engine(valkey, runtime):
        out = await prepared(valkey, runtime, Backlog(redis_bytes=1))
        async with asyncio.timeout(60):
            while not (said := await asyncio.to_thread(lambda: out.pressure)):
                await asyncio.sleep(0.01)
        assert "the logs take" in said
        await out.close()
    await client.aclose()


async def test_slow_subscribers_are_not_counted_as_log(fresh_valkey: str, runtime: Path) -> None:
    """What Redis keeps for those who do not read stops nobody's trading; what the logs take does."""
    client = redis.asyncio.Redis.from_url(fresh_valkey)
    with engine(fresh_valkey, runtime):
        out = await prepared(fresh_valkey, runtime)
        slow = socket.socket(socket.AF_UNIX)
        slow.connect(fresh_valkey.removeprefix("unix://"))
        slow.sendall(b"SUBSCRIBE depth@TEST\r\n")
        assert b"depth@TEST" in slow.recv(1024)  # and reads no more
        before = int((await client.info("memory"))["used_memory"])
        bounds = Backlog(redis_bytes=before + 8 * 2**20)
        async with asyncio.timeout(60):
            while int((await client.info("memory"))["used_memory"]) < before + 24 * 2**20:
                await client.publish("depth@TEST", bytes(2**20))
        assert await measure(client, NAMES, bounds) == ""
        assert "the logs take" in await measure(client, NAMES, Backlog(redis_bytes=1000))
        slow.close()
        await out.close()
    await client.aclose()
