"""Of what a client was told that its outcome is unknown, nothing is appended for the first time afterwards."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from engine_core.transport import pipeline
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.gateway import OutcomeUnknown
from engine_core.wire.codes import CommandKind, EventKind, Reason
from engine_core.wire.layout import COMMAND, EVENT, WHOLE_BLOCK
from engine_core.wire.streams import FIELD, EntryId, Header, decode_block, encode_block
from tests.runtime.rig import entries
from tests.runtime.swallower import Swallower, swallower
from tests.transport.rig import LOG_ID, NAMES, FakeEngine

GATEWAY = 100


class Rig:
    """A gateway whose connections pass a proxy, at a log that no engine reads."""

    def __init__(self, engine: FakeEngine, proxy: Swallower, gateway: AsyncGateway) -> None:
        self.engine, self.proxy, self.gateway = engine, proxy, gateway

    def send(self, number: int) -> asyncio.Future[np.ndarray]:
        record = np.zeros(1, COMMAND)
        record["kind"], record["client_id"] = CommandKind.PLACE, number
        return self.gateway.submit(record.tobytes())

    def log(self) -> list[tuple[EntryId, Header, int]]:
        """(entry, header, client ID) of each block of this gateway."""
        own = [(entry, data) for entry, data in entries(self.engine.client, NAMES.orders) if data != b"commands"]
        blocks = [(entry, *decode_block(data, COMMAND)) for entry, data in own]
        return [(entry, header, int(records["client_id"][0])) for entry, header, records in blocks]

    def numbers(self) -> set[int]:
        return {number for _, _, number in self.log()}

    def refuse(self, reason: Reason) -> None:
        """The last block in the log, as an engine does."""
        entry, header, _ = self.log()[-1]
        events = np.zeros(1, EVENT)
        events["kind"], events["reason"], events["index"] = EventKind.BLOCK_REFUSED, reason, WHOLE_BLOCK
        told = header._replace(log_id=LOG_ID)
        self.engine.client.xadd(NAMES.events, {FIELD: encode_block(told, events)}, id=str(entry))


@pytest_asyncio.fixture
async def rig(valkey: str, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(pipeline, "ANSWER_SECONDS", 0.5)
    engine = FakeEngine(valkey, None)
    engine.block(1)
    with swallower(runtime, valkey) as (url, proxy):
        gateway = await AsyncGateway.open(url, None, 0, GATEWAY)
        yield Rig(engine, proxy, gateway)
        await gateway.close()
    engine.close()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.005)


async def unknown(*answers: asyncio.Future[np.ndarray]) -> None:
    for outcome in await asyncio.gather(*answers, return_exceptions=True):
        assert isinstance(outcome, OutcomeUnknown), outcome


def confirmed(rig: Rig) -> bool:
    oldest = rig.gateway._outbox.oldest
    return oldest is not None and oldest.entry is not None


async def test_one_behind_a_confirmed_one_is_not_appended_when_redis_is_back(rig: Rig) -> None:
    first = rig.send(1)
    await until(lambda: confirmed(rig))
    rig.proxy.cutting = True  # no block gets through from now on
    second = rig.send(2)
    await unknown(first, second)
    rig.proxy.cutting = False
    third = rig.send(3)
    await until(lambda: 3 in rig.numbers())
    assert rig.numbers() == {1, 3}
    lives = [(header.incarnation, header.sequence) for _, header, number in rig.log() if number == 1]
    assert len(set(lives)) == 1, "the confirmed one is executed once: each copy has the same number"
    _, header, _ = rig.log()[-1]
    assert header.sequence == 1 and header.incarnation > lives[0][0], "and the engine misses none before the next"
    third.cancel()


async def test_one_that_is_still_waited_for_is_appended_behind_a_confirmed_one(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "ANSWER_SECONDS", 60.0)
    first = rig.send(1)
    await until(lambda: confirmed(rig))
    rig.proxy.cutting = True
    second = rig.send(2)
    await until(lambda: rig.proxy.cut >= 2)
    rig.proxy.cutting = False
    await until(lambda: 2 in rig.numbers())
    assert {header.sequence for _, header, number in rig.log() if number == 2} == {2}
    assert not first.done() and not second.done()
    await rig.gateway.close()
    await unknown(first, second)


async def test_one_that_an_engine_refuses_too_late_is_not_appended_again(rig: Rig) -> None:
    """An engine that stood still, and has forgotten this gateway meanwhile."""
    await unknown(rig.send(1))
    before = len(rig.log())
    rig.refuse(Reason.SEQUENCE_GAP)
    await until(lambda: not rig.gateway._outbox.blocks)
    third = rig.send(3)
    await until(lambda: 3 in rig.numbers())
    assert len(rig.log()) == before + 1 and rig.log()[-1][1].sequence == 1
    third.cancel()


Answers = tuple[asyncio.Future[np.ndarray], asyncio.Future[np.ndarray]]


async def two_held_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """One that Redis, standing still, does not confirm, and one that waits behind it for a block of its own."""
    monkeypatch.setattr(pipeline, "MAX_APPENDS", 1)
    rig.proxy.passing.clear()
    first = rig.send(1)
    await until(lambda: rig.gateway._outbox.oldest is not None)
    return first, rig.send(2)


async def test_one_that_waits_for_a_redis_that_stands_still_is_told_so(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await two_held_up(rig, monkeypatch)
    async with asyncio.timeout(60):
        with pytest.raises(ConnectionError, match="not executed"):
            await second
    await unknown(first)
    rig.proxy.passing.set()
    third = rig.send(3)
    await until(lambda: 3 in rig.numbers())
    assert 2 not in rig.numbers()
    third.cancel()


async def test_a_redis_that_stands_still_holds_up_no_outcome(rig: Rig) -> None:
    """Where the patrol would look it up."""
    first = rig.send(1)
    await until(lambda: confirmed(rig))
    rig.proxy.passing.clear()
    async with asyncio.timeout(60):
        await unknown(first)


async def test_what_waits_while_this_process_stands_still_is_sent_afterwards(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await two_held_up(rig, monkeypatch)
    rig.proxy.passing.set()
    time.sleep(2 * pipeline.ANSWER_SECONDS)  # as after SIGSTOP
    await until(lambda: 2 in rig.numbers())
    assert not second.done()
    first.cancel()
    second.cancel()
