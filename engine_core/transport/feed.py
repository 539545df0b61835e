"""Every event exactly once, in log order, from the ring on the same host or from `events:{s}` anywhere.

    feed = await Feed.open(redis_url, runtime)
    async for slots in feed: ...             # non-empty arrays of SLOT

A feed knows the last event that it handed on, and drops what it is given a second time, so it may change its source at
any moment: from the stream to the ring once the ring holds everything since, back to the stream when it was lapped, to
another ring when the engine was restarted. Waiting costs nothing: the ring rings, and a slow timer is the safety net.

Non-goals: what events mean; surviving a log that is not the one it followed (LogError says what is wrong).
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

from engine_core.jit.kernel import inner, kernel
from engine_core.transport.primary import UNREACHABLE, async_redis_of, is_elsewhere
from engine_core.transport.replicated import EventReader, end_of_async, read_events_async
from engine_core.transport.ring import RingReader
from engine_core.wire.layout import EVENT, SLOT, join
from engine_core.wire.log import RESTORE_SECONDS, LogBehind, LogError, LogState, no_log, parse_description
from engine_core.wire.slot_words import BLOCK_EVENTS, ENTRY_MS, ENTRY_SEQ, POSITION, UPPER_HALF_BITS
from engine_core.wire.streams import (
    FIELD,
    ORIGIN,
    UNTRIMMED_MS,
    BlockError,
    EntryId,
    Header,
    StreamEntries,
    decode_block,
    keys,
)

__all__ = ["Feed", "LogError", "describe", "slots_of"]

SAFETY_SECONDS = 0.05  # at most so late, should a ring of the bell ever be lost; and so late a new ring is seen
OPEN_SECONDS = 120.0  # for an engine that creates the log, or replays it, to come up
LOG_AFTER_SECONDS = 15.0  # of waiting for it, then a line says what for; the first start of all takes some seconds
RETRY_SECONDS = 0.1
CHUNK_BYTES = 1 << 20  # read from the stream at once
MAX_ENTRIES = 1024
UNSEEN_SECONDS = UNTRIMMED_MS / 5_000  # without a read, until it may be too late to see that nothing was trimmed
WAIT_MS = 500  # one XREAD on a host without a ring

_SLOT_WORDS = SLOT.itemsize // 8
_NOTHING = np.empty((0, _SLOT_WORDS), np.int64)
_LAST_MS, _LAST_SEQ, _LAST_POSITION, _DONE_MS, _DONE_SEQ, _PROGRESS_WORDS = range(6)

logger = logging.getLogger(__name__)


@inner
def _place(slot: np.ndarray) -> tuple[int, int, int]:
    """(entry's milliseconds, its sequence, position in it)."""
    return slot[ENTRY_MS], slot[ENTRY_SEQ], slot[POSITION] >> UPPER_HALF_BITS


@kernel
def _admit(slots: np.ndarray, progress: np.ndarray) -> int:
    """The index of the first slot (int64 rows) not handed on yet; all from there on are noted in `progress`."""
    count = slots.shape[0]
    last = (progress[_LAST_MS], progress[_LAST_SEQ], progress[_LAST_POSITION])
    first = 0
    while first < count and _place(slots[first]) <= last:
        first += 1
    if first == count:
        return first
    row = slots[count - 1]
    progress[_LAST_MS], progress[_LAST_SEQ], progress[_LAST_POSITION] = _place(row)
    for index in range(count - 1, first - 1, -1):
        entry_ms, entry_seq, position = _place(slots[index])
        if position + 1 == slots[index, BLOCK_EVENTS]:
            progress[_DONE_MS], progress[_DONE_SEQ] = entry_ms, entry_seq
            break
    return first


def slots_of(entry: EntryId, header: Header, events: np.ndarray) -> np.ndarray:
    """A block of the event log as SLOT records."""
    slots = np.zeros(len(events), SLOT)
    slots["event"] = events
    slots["entry_ms"], slots["entry_seq"] = entry
    slots["position"] = np.arange(len(events))
    slots["block_events"] = len(events)
    for name in ("gateway", "incarnation", "sequence", "time_ms"):
        slots[name] = getattr(header, name)
    return slots


async def describe(client: Any, name: str) -> LogState:
    """What Redis says of a stream now."""
    try:
        return parse_description(name, await client.xinfo_stream(name))
    except ResponseError as error:
        if "no such key" in str(error):
            return no_log(name)
        raise


class Feed:
    """One reader of the events of a shard. `gateway` > 0: only answers to that gateway wake it at once."""

    def __init__(self, redis_url: str, runtime: Path | None, shard: int, gateway: int) -> None:
        # No retries inside the client: after a lost connection the position is checked before reading on.
        self._redis = async_redis_of(
            redis_url, protocol=2, retry=Retry(NoBackoff(), 0), socket_timeout=10, socket_connect_timeout=5
        )
        self._keys = keys(shard)
        self._reader = EventReader(self._keys)
        self._ring = RingReader(runtime, shard, gateway) if runtime is not None else None
        self._on_ring = False
        self._checked = False  # position against the log, since the connection or the ring is new
        self._behind_since: float | None = None  # when the log was first found to end before our position
        self._progress = np.zeros(_PROGRESS_WORDS, np.int64)
        self._entries = 16  # of one read: grows and shrinks with their size
        self._may_be_trimmed = True  # what comes after our position, before it was read; see _read_on
        self._read_at = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self.log_id = 0
        self.epoch = 0

    @classmethod
    async def open(
        cls, redis_url: str, runtime: Path | None, shard: int = 0, after: EntryId | None = None, *, gateway: int = 0
    ) -> "Feed":
        """Start after the entry `after` (None: after the last one there is). Waits for an engine to create the log."""
        feed = cls(redis_url, runtime, shard, gateway)
        try:
            state = await feed._wait_for_log()
            feed.log_id, feed.epoch = state.log_id, state.epoch
            feed._start_after(await feed._end(state.top) if after is None else after)
            await feed._check()
        except BaseException:
            await feed.close()
            raise
        if feed._ring is not None:
            feed._loop.add_reader(feed._ring.bell.fileno(), feed._on_bell)
            feed._timer = feed._loop.call_later(SAFETY_SECONDS, feed._on_timer)
        return feed

    @property
    def position(self) -> EntryId:
        """The last entry of which every event was handed on."""
        return EntryId(int(self._progress[_DONE_MS]), int(self._progress[_DONE_SEQ]))

    @property
    def on_ring(self) -> bool:
        return self._on_ring

    @property
    def lapped(self) -> int:
        """How often the writer overtook this reader, which then went on from the stream."""
        return self._ring.lapped if self._ring is not None else 0

    def __aiter__(self) -> AsyncIterator[np.ndarray]:
        return self

    async def __anext__(self) -> np.ndarray:
        while not self._closed:
            slots = self._unseen(await (self._from_ring() if self._on_ring else self._from_stream()))
            if len(slots):
                return slots
        raise StopAsyncIteration

    @property
    def polls_all(self) -> bool:
        """Whether poll() gives all that was answered: not while this reads the stream, or another engine's ring."""
        return self._on_ring and self._ring is not None and not self._ring.stale()

    def poll(self) -> np.ndarray:
        """What the ring holds that was not handed on yet; nothing when reading the stream. Never waits."""
        if not self._on_ring or self._ring is None:
            return self._unseen(_NOTHING)
        slots = self._ring.read()
        if slots is None:  # lapped: on with the stream
            self._on_ring = False
            self._wake()
            return self._unseen(_NOTHING)
        return self._unseen(_rows(slots))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._ring is not None:
            self._loop.remove_reader(self._ring.bell.fileno())
            self._ring.close()
        self._wake()
        await self._redis.aclose()

    def _unseen(self, rows: np.ndarray) -> np.ndarray:
        first = _admit(rows, self._progress) if len(rows) else 0
        return np.frombuffer(rows[first:], SLOT)

    def _start_after(self, after: EntryId) -> None:
        self._progress[:] = (*after, np.iinfo(np.int32).max, *after)

    # The ring

    async def _from_ring(self) -> np.ndarray:
        assert self._ring is not None
        if not self._ring.behind:
            await self._sleep()
            return _NOTHING
        slots = self._ring.read()
        if slots is None:
            logger.warning(
                "lapped by the engine after %s, %d times so far: reading the stream", self.position, self.lapped
            )
            self._on_ring, self._may_be_trimmed = False, True
            return _NOTHING
        return _rows(slots)

    async def _sleep(self) -> None:
        assert self._ring is not None
        if self._ring.fall_asleep():
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _on_bell(self) -> None:
        assert self._ring is not None
        self._ring.silence()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _on_timer(self) -> None:
        assert self._ring is not None
        self._timer = self._loop.call_later(SAFETY_SECONDS, self._on_timer)
        if self._on_ring and self._waiter is not None:
            if self._ring.stale():
                self._on_ring = False  # once woken it looks for the new ring; the old one was read to its end
                self._wake()
            elif self._ring.behind:
                self._wake()

    def _find_ring(self) -> bool:
        """Attach to the present ring, if it is another one. Whether there is one."""
        assert self._ring is not None
        if self._ring.stale():
            self._checked = False
            if self._ring.attach() and self._ring.log[0] != self.log_id:
                raise LogError(
                    f"the engine's ring is of log {self._ring.log[0]}, this feed follows log {self.log_id}: the "
                    "exchange was reset; restart this process"
                )
        return self._ring.attached

    # The stream

    async def _from_stream(self) -> np.ndarray:
        ring = self._ring is not None and self._find_ring()
        try:
            if not self._checked:
                await self._check()
            if ring and self._ring is not None and self._ring.seek(self.position):
                self._on_ring = True
                return _NOTHING
            rows = await self._read_on()
        except (*UNREACHABLE, ResponseError) as error:
            if isinstance(error, ResponseError) and not is_elsewhere(error):
                raise
            if not self._closed:
                logger.warning("the event log cannot be read, trying again: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            self._checked, self._reader = False, EventReader(self._keys)
            return _NOTHING
        except LogBehind as error:
            await self._wait_for_restoration(error)
            return _NOTHING
        return self._decode(rows) if rows else _NOTHING

    async def _end(self, top: EntryId) -> EntryId:
        """Of what may be read, in a log that ends at `top`."""
        end = await end_of_async(self._redis, self._keys)
        return top if end is None else end

    async def _read_on(self) -> StreamEntries:
        """What comes after our position. Far behind it is proven *after* reading that our entry is still in the log:
        so none of those behind it was trimmed away before.
        """
        block_ms = round(SAFETY_SECONDS * 1000) if self._ring is not None else WAIT_MS
        rows = await read_events_async(self._redis, self._reader.steps(self.position, self._entries, block_ms))
        now = self._loop.time()
        if rows and (self._may_be_trimmed or now - self._read_at > UNSEEN_SECONDS):
            await self._check()
        self._read_at, self._may_be_trimmed = now, False
        return rows

    def _decode(self, entries: StreamEntries) -> np.ndarray:
        batches = []
        for name, fields in entries:
            try:
                header, events = decode_block(fields.get(FIELD, b""), EVENT)
            except BlockError as error:
                raise LogError(f"entry {name.decode()} of {self._keys.events} is damaged: {error}") from None
            if header.log_id != self.log_id:
                raise LogError(
                    f"entry {name.decode()} of {self._keys.events} is of log {header.log_id}, this feed follows log "
                    f"{self.log_id}: the exchange was reset; restart this process"
                )
            batches.append(slots_of(EntryId.parse(name), header, events))
        slots = join(batches)
        if len(entries) == self._entries:
            self._may_be_trimmed = True  # far behind
        self._entries = max(1, min(MAX_ENTRIES, CHUNK_BYTES * len(entries) // max(1, len(slots) * EVENT.itemsize)))
        return _rows(slots)

    async def _check(self) -> None:
        """LogError unless everything after our position can still be read."""
        orders, events = [await describe(self._redis, name) for name in (self._keys.orders, self._keys.events)]
        if self.position > events.top:  # the ring may be ahead of the event stream, never of the commands
            orders.check(self.position)
        else:
            events.check(self.position, self.log_id)
        self._checked, self._behind_since = True, None

    async def _wait_for_restoration(self, error: LogBehind) -> None:
        now = self._loop.time()
        if self._behind_since is None:
            self._behind_since = now
            logger.warning("waiting for an engine to append the lost end of the log again: %s", error)
        if now - self._behind_since > RESTORE_SECONDS:
            raise error
        await asyncio.sleep(RETRY_SECONDS)

    async def _wait_for_log(self) -> LogState:
        began, logged = self._loop.time(), ""
        while True:
            try:
                state = await describe(self._redis, self._keys.events)
                if state.top != ORIGIN:
                    return state
                reason = "no engine has created the log yet"
            except UNREACHABLE as error:
                reason = f"Redis cannot be reached: {error}"
            waited = self._loop.time() - began
            if waited > OPEN_SECONDS:
                raise LogError(f"{self._keys.events}: {reason}; is the engine running?")
            if waited > LOG_AFTER_SECONDS and reason != logged:
                logger.warning("waiting %.0f s at most for the log: %s; is the engine running?", OPEN_SECONDS, reason)
                logged = reason
            await asyncio.sleep(RETRY_SECONDS)


def _rows(slots: np.ndarray) -> np.ndarray:
    return np.frombuffer(slots, np.int64).reshape(len(slots), _SLOT_WORDS)
