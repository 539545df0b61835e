"""The feed: every event exactly once and in order, whatever it is read from and whatever happens meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine_core.transport.feed import Feed
from engine_core.wire.log import LogError, LogTrimmed
from engine_core.wire.streams import ORIGIN, EntryId
from tests.transport.rig import NAMES, FakeEngine


@asynccontextmanager
async def following(feed: Feed) -> AsyncIterator["Follower"]:
    follower = Follower(feed)
    yield follower
    await feed.close()


class Follower:
    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.numbers: list[int] = []

    async def until(self, last: int) -> None:
        """Read on up to event number `last`."""
        async with asyncio.timeout(60):
            while not self.numbers or self.numbers[-1] < last:
                slots = await anext(self.feed)
                assert len(slots)
                self.numbers += slots["event"]["order_id"].tolist()

    def assert_exactly(self, first: int, last: int) -> None:
        assert self.numbers == list(range(first, last + 1))


async def test_from_the_stream_on_a_host_without_a_ring(valkey: str) -> None:
    engine = FakeEngine(valkey, None)
    for count in (1, 5, 300):
        engine.block(count)
    async with following(await Feed.open(valkey, None, after=ORIGIN)) as follower:
        await follower.until(306)
        engine.block(4)
        await follower.until(310)
        follower.assert_exactly(1, 310)
        assert follower.feed.position == engine.top and not follower.feed.on_ring
    engine.close()


async def test_from_now_on_is_after_the_last_entry(valkey: str, runtime: Path) -> None:
    engine = FakeEngine(valkey, runtime)
    engine.block(3)
    async with following(await Feed.open(valkey, runtime)) as follower:
        engine.block(2)
        await follower.until(5)
        follower.assert_exactly(4, 5)
    engine.close()


async def test_from_the_stream_to_the_ring_without_a_seam(valkey: str, runtime: Path) -> None:
    engine = FakeEngine(valkey, runtime, slots=64)
    for _ in range(40):
        engine.block(7)  # 280 events: the ring has forgotten the first ones
    async with following(await Feed.open(valkey, runtime, after=ORIGIN)) as follower:
        await follower.until(280)
        engine.block(3, stream=False)  # only the ring has it
        await follower.until(283)
        assert follower.feed.on_ring
        follower.assert_exactly(1, 283)
    engine.close()


async def test_a_sleeping_feed_is_rung(valkey: str, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine_core.transport.feed.SAFETY_SECONDS", 3600.0)  # only the bell can wake it
    engine = FakeEngine(valkey, runtime)
    engine.block(1)
    async with following(await Feed.open(valkey, runtime, after=ORIGIN)) as follower:
        await follower.until(1)
        assert engine.ring is not None
        for number in range(2, 20):
            waiting = asyncio.create_task(follower.until(number))
            while not any(row[1] == 0 for row in engine.ring.readers()) or not follower.feed.on_ring:
                await asyncio.sleep(0)
            engine.block(1, stream=False)
            await waiting
        follower.assert_exactly(1, 19)
    engine.close()


async def test_another_ring_that_repeats_what_was_read(valkey: str, runtime: Path) -> None:
    """The engine died before the stream had its last events: its successor computes and writes them once more."""
    engine = FakeEngine(valkey, runtime)
    base = engine.block(4)
    async with following(await Feed.open(valkey, runtime, after=ORIGIN)) as follower:
        await follower.until(4)
        engine.block(3, stream=False)
        engine.block(2, stream=False)
        await follower.until(9)
        engine.restart(base)
        engine.top, engine.next_event = base, 5
        engine.block(3)
        engine.block(2)
        engine.block(6)
        await follower.until(15)
        follower.assert_exactly(1, 15)
    engine.close()


async def test_lapped_goes_on_from_the_stream(valkey: str, runtime: Path) -> None:
    engine = FakeEngine(valkey, runtime, slots=64)
    engine.block(1)
    async with following(await Feed.open(valkey, runtime, after=ORIGIN)) as follower:
        await follower.until(1)
        while not follower.feed.on_ring:
            engine.block(1)
            await follower.until(engine.next_event - 1)
        for _ in range(50):
            engine.block(5)
        last = engine.next_event - 1
        await follower.until(last)
        follower.assert_exactly(1, last)
        assert follower.feed.lapped == 1
    engine.close()


async def test_the_middle_of_a_block_survives_a_change_of_source(valkey: str, runtime: Path) -> None:
    engine = FakeEngine(valkey, runtime, slots=65_536)
    engine.block(1)
    async with following(await Feed.open(valkey, runtime, after=ORIGIN)) as follower:
        await follower.until(1)
        engine.block(9_000)  # more than one read of the ring
        while len(follower.numbers) < 8_000:
            follower.numbers += (await anext(follower.feed))["event"]["order_id"].tolist()
        assert follower.feed.position < engine.top, "a half-read block is not behind us"
        engine.restart(engine.top)
        engine.block(2)
        await follower.until(9_003)
        follower.assert_exactly(1, 9_003)
    engine.close()


async def test_poll_takes_what_is_there_without_waiting(valkey: str, runtime: Path) -> None:
    engine = FakeEngine(valkey, runtime)
    engine.block(1)
    async with following(await Feed.open(valkey, runtime, after=ORIGIN)) as follower:
        waiting = asyncio.create_task(follower.until(3))
        while not follower.feed.on_ring:
            await asyncio.sleep(0.001)
        engine.block(1)
        assert follower.feed.poll()["event"]["order_id"].tolist() == [2]
        assert len(follower.feed.poll()) == 0
        engine.block(1)
        await waiting
        assert follower.numbers == [1, 3], "what poll gave is not given again"
    engine.close()


async def test_a_trimmed_log_is_named(valkey: str) -> None:
    engine = FakeEngine(valkey, None)
    for _ in range(10):
        engine.block(1)
    engine.client.xtrim(NAMES.events, maxlen=4, approximate=False)
    with pytest.raises(LogError, match=r"begins at 7-0, after position 3-0: it was trimmed"):
        await Feed.open(valkey, None, after=EntryId(3, 0))
    engine.close()


async def test_lapped_by_more_than_the_log_still_has(valkey: str, runtime: Path) -> None:
    """XREAD itself would go on with what is left, and say nothing."""
    engine = FakeEngine(valkey, runtime, slots=64)
    engine.block(1)
    feed = await Feed.open(valkey, runtime, after=ORIGIN)
    while not feed.on_ring:
        await anext(feed)
        engine.block(1)
    for _ in range(50):
        engine.block(5)
    engine.client.xtrim(NAMES.events, maxlen=4, approximate=False)
    with pytest.raises(LogTrimmed, match="it was trimmed"):
        async with asyncio.timeout(30):
            while True:
                await anext(feed)
    await feed.close()
    engine.close()


async def test_a_log_that_lost_its_end_is_named(valkey: str) -> None:
    engine = FakeEngine(valkey, None)
    engine.block(1)
    with pytest.raises(LogError, match=r"ends at 1-0, before position 5-0: Redis lost its last entries"):
        await Feed.open(valkey, None, after=EntryId(5, 0))
    engine.close()


async def test_another_log_is_named(valkey: str, runtime: Path) -> None:
    engine = FakeEngine(valkey, runtime)
    engine.block(1)
    async with following(await Feed.open(valkey, runtime, after=ORIGIN)) as follower:
        await follower.until(1)
        engine.client.flushall()
        other = FakeEngine(valkey, runtime, log_id=42)
        other.block(1)
        with pytest.raises(LogError, match="42"):
            await follower.until(2)
        other.close()
    engine.close()


async def test_a_damaged_entry_is_named(valkey: str) -> None:
    engine = FakeEngine(valkey, None)
    engine.block(1)
    async with following(await Feed.open(valkey, None, after=ORIGIN)) as follower:
        await follower.until(1)
        engine.client.xadd(NAMES.events, {"b": b"x" * 200}, id="9-0")
        with pytest.raises(LogError, match="entry 9-0"):
            await follower.until(2)
    engine.close()
