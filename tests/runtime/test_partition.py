"""A partition never gives two truths: the side that has the primary alone answers nothing, the other one goes on."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from engine_core.transport.gateway import OutcomeUnknown
from engine_core.wire.codes import Side
from tests.partition import Link
from tests.runtime.rig import assert_mirrored, engine, place
from tests.runtime.test_replicated import client_at, gateway_of, held, replicated, set_up, soon
from tests.runtime.trader import Trader, accepted, check_all_there
from tests.sentinels import Sentinels, until

pytestmark = pytest.mark.timeout(1200)


def received(port: int) -> int:
    """How much a replica has of its primary's log, in bytes."""
    with client_at(port) as client:
        return int(client.info("replication")["slave_repl_offset"])


async def test_of_two_sides_one_answers(tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here primary, engine and gateway; there both replicas, of which one is promoted, and others of the two."""
    here, there = runtime / "here", runtime / "there"
    here.mkdir()
    there.mkdir()
    async with contextlib.AsyncExitStack() as stack:
        servers = stack.enter_context(Sentinels(tmp_path, sentinels=0))
        primary, *replicas = servers.ports
        link = stack.enter_context(Link(primary))
        for port in replicas:
            with client_at(port) as client:
                client.replicaof("127.0.0.1", str(link.port))
        with client_at(primary) as client:
            until(lambda: servers._replicas_at(primary) == 2, "the replicas do not follow over the link")
        stack.enter_context(set_up(servers.url_of(primary), here, 1))
        near = await stack.enter_async_context(gateway_of(servers.url_of(primary), here))
        before = Trader(near)
        await before.more(50)
        await before.stop()

        link.cut()
        cut_at = time.monotonic()
        monkeypatch.setattr("engine_core.transport.pipeline.ANSWER_SECONDS", 5.0)
        lost = [near.submit(place(Side.BID, 100, 1).tobytes()) for _ in range(5)]
        other, promoted = sorted(replicas, key=received)  # Sentinel, too, takes the one that has most
        with client_at(promoted) as client, client_at(other) as last:
            client.replicaof("NO", "ONE")
            last.replicaof("127.0.0.1", str(promoted))
        with engine(servers.url_of(promoted), there, EXCHANGE_CONFIG=replicated(there, 1)):
            far = await stack.enter_async_context(gateway_of(servers.url_of(promoted), there, 2))
            after = Trader(far, after=before.sent)
            await after.more(50)
            with client_at(primary) as client:
                await soon(lambda: "0 are there" in held(client), "the engine that is cut off does not say so")
            await asyncio.wait(lost)
            unknown = [isinstance(each.exception(), OutcomeUnknown) for each in lost]
            assert all(unknown), (
                f"{unknown}: the side that is cut off has answered, {time.monotonic() - cut_at:.0f} s after"
            )

            link.heal()
            with client_at(primary) as client:
                client.replicaof("127.0.0.1", str(promoted))
            await asyncio.to_thread(until, lambda: servers._replicas_at(promoted) == 2, "it does not follow")
            await after.more(20)
            await after.stop()
            with client_at(promoted) as client:
                await asyncio.to_thread(assert_mirrored, client)
                found = accepted(client)
    check_all_there(found, before.answered | after.answered)
