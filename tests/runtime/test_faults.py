"""Lost replies, a Redis that goes away, an entry that crashes the engine: nothing is executed twice, nothing lost."""

import asyncio
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import redis

from engine_core.administration.client import admin
from engine_core.host.embedded import Valkey, running
from engine_core.runtime.crash_guard import MAX_CRASHES, CrashGuard
from engine_core.runtime.machine import Machine, Mirror
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, QueryKind, Reason, Side
from engine_core.wire.layout import BEHAVIOUR_VERSION, EVENT, SCHEMA_VERSION
from engine_core.wire.streams import FIELD, EntryId, decode_block
from tests.runtime.rig import FUNDS, NAMES, SMALL, assert_mirrored, block_of, engine, entries, place, setup
from tests.runtime.swallower import swallower

ANSWER_SECONDS = 120.0


def deposit(reference: int) -> np.ndarray:
    return admin(CommandKind.DEPOSIT, account=2, asset=1, a=1, b=reference)


def available(out: Gateway) -> int:
    rows = out.query(QueryKind.BALANCES, account=2)[1]
    return int(rows[rows["asset"] == 1]["available"][0])


def test_an_append_whose_reply_is_lost_is_executed_once(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime), swallower(runtime, valkey) as (url, proxy):
        with Gateway(url, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(setup())
            before = client.xlen(NAMES.orders)
            proxy.swallowing = True
            outcome: list[np.ndarray] = []
            waiting = threading.Thread(target=lambda: outcome.append(out.execute(deposit(77))))
            waiting.start()
            while proxy.swallowed < 2:
                time.sleep(0.001)
            proxy.swallowing = False
            waiting.join()
            assert client.xlen(NAMES.orders) >= before + 2, "it was appended again"
            assert outcome[0]["kind"].tolist() == [EventKind.APPLIED], "and the outcome is that of the first copy"
            assert available(out) == FUNDS + 1
        assert_mirrored(client)
    client.close()


async def test_a_connection_that_breaks_in_the_middle_of_a_block_appends_nothing(valkey: str, runtime: Path) -> None:
    """Of half a request nothing is in the log; it is sent again until one arrives whole, and executed once."""
    client = redis.Redis.from_url(valkey)

    def prepare() -> None:
        with Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(setup())

    with engine(valkey, runtime), swallower(runtime, valkey) as (url, proxy):
        await asyncio.to_thread(prepare)
        out = await AsyncGateway.open(url, runtime, 0, 100)
        before = client.xlen(NAMES.orders)
        proxy.cutting = True
        answers = [out.submit(deposit(100 + each).tobytes()) for each in range(3)]
        async with asyncio.timeout(ANSWER_SECONDS):
            while proxy.cut < 3:
                await asyncio.sleep(0.001)
        assert client.xlen(NAMES.orders) == before and not any(answer.done() for answer in answers)
        proxy.cutting = False
        events = await asyncio.gather(*answers)
        assert [each["kind"].tolist() for each in events] == [[EventKind.APPLIED]] * 3
        _, rows = await out.query(QueryKind.BALANCES, account=2)
        assert rows[rows["asset"] == 1]["available"].tolist() == [FUNDS + 3]
        await out.close()
        assert_mirrored(client)
    client.close()


async def test_a_gateway_of_a_server_repeats_what_may_be_lost(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)

    def prepare() -> None:
        with Gateway(valkey, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(setup())

    with engine(valkey, runtime), swallower(runtime, valkey) as (url, proxy):
        await asyncio.to_thread(prepare)
        out = await AsyncGateway.open(url, runtime, 0, 100)
        for number in range(5):
            proxy.swallowing = True
            answers = [out.submit(deposit(100 + 10 * number + each).tobytes()) for each in range(3)]
            swallowed = proxy.swallowed
            while proxy.swallowed == swallowed:
                await asyncio.sleep(0.001)
            proxy.swallowing = False
            events = await asyncio.gather(*answers)
            assert [each["kind"].tolist() for each in events] == [[EventKind.APPLIED]] * 3
        _, rows = await out.query(QueryKind.BALANCES, account=2)
        assert rows[rows["asset"] == 1]["available"].tolist() == [FUNDS + 15]
        await out.close()
        assert_mirrored(client)
    client.close()


def test_redis_goes_away_and_comes_back(tmp_path: Path, runtime: Path) -> None:
    server = Valkey(tmp_path, runtime)
    with running(server, tmp_path / "valkey.log") as url, engine(url, runtime) as process:
        with Gateway(url, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(setup())
            before = available(out)
        with redis.Redis.from_url(url) as client, pytest.raises(redis.ConnectionError):
            client.execute_command("SHUTDOWN", "NOSAVE")
        with running(server, tmp_path / "valkey.log"), Gateway(url, answer_seconds=ANSWER_SECONDS) as out:
            out.execute(deposit(9))
            assert available(out) == before + 1
            assert process.poll() is None, "the same engine goes on"
            with redis.Redis.from_url(url) as client:
                assert_mirrored(client)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


class Crashing(Machine):
    """Dies at orders of one price."""

    def execute(self, entry: EntryId, block: bytes) -> Mirror:
        if b"\x39\x05\x00\x00" in block:  # 1337
            raise AssertionError("a bug")
        return super().execute(entry, block)


def test_an_entry_that_crashes_the_engine_halts_it_until_it_is_skipped(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    note = runtime / "engine-0.entry"
    genesis = admin(CommandKind.GENESIS, code=SCHEMA_VERSION, a=1, b=BEHAVIOUR_VERSION)
    blocks = [genesis, setup(), place(Side.BID, 1337, 1), place(Side.BID, 100, 1)]
    for sequence, records in enumerate(blocks, 1):
        client.xadd(NAMES.orders, {FIELD: block_of(records, log_id=1, sequence=sequence)}, id=f"{1000 + sequence}-0")
    bad = EntryId(1003, 0)

    def replay() -> list[bytes]:
        """What one engine does until its end."""
        machine, guard = Crashing(SMALL), CrashGuard(note, client, NAMES)
        return [machine.encode(guard.execute(machine, entry, block)) for entry, block in entries(client, NAMES.orders)]

    for _ in range(MAX_CRASHES):
        with pytest.raises(AssertionError, match="a bug"):
            replay()
    mirrors: list[list[bytes]] = []
    halted = threading.Thread(target=lambda: mirrors.append(replay()))
    halted.start()
    halted.join(0.05)
    assert halted.is_alive(), "it waits for an operator"
    skip = admin(CommandKind.SKIP, a=bad.ms, b=bad.seq)
    client.xadd(NAMES.orders, {FIELD: block_of(skip, log_id=1, sequence=1, gateway=6)}, id="2000-0")
    halted.join()
    event = decode_block(mirrors[0][2], EVENT)[1][0]
    assert (event["kind"], event["reason"]) == (EventKind.BLOCK_REFUSED, Reason.SKIPPED)
    assert decode_block(mirrors[0][3], EVENT)[1][0]["kind"] == EventKind.ACCEPTED, "its sender's next block"
    client.xadd(NAMES.events, {FIELD: mirrors[0][2]}, id=str(bad))
    assert replay()[:4] == mirrors[0][:4], "what was published as skipped stays skipped, without another crash"
    note.unlink()
    assert replay()[:4] == mirrors[0][:4], "on a machine too where it crashed nobody"
    client.close()
