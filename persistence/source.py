"""The log side of the writer: reads `events:{s}` from a position, and makes sure that it is the log it should be.

What a position must satisfy, checked on every connection: the entry that it names is still in the log, with the same
checksum. So a log that is another one, was trimmed too far, or went back in time (and perhaps grew again) is named,
never silently skipped: XREAD itself would answer nothing, or go on with whatever comes next.
"""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from redis.backoff import NoBackoff
from redis.retry import Retry

from engine_core.process.stages import Sender
from engine_core.transport import behaviour
from engine_core.transport.backlog import Stored, parse_stored
from engine_core.transport.primary import redis_of
from engine_core.transport.replicated import EventReader, read_events
from engine_core.wire.codes import CommandKind, EventKind
from engine_core.wire.layout import ADMIN_EVENT, BLOCK_HEADER, EVENT
from engine_core.wire.streams import (
    FIELD,
    ORIGIN,
    BlockError,
    EntryId,
    Header,
    StreamEntries,
    crc_of,
    decode_block,
    keys,
)
from persistence.arrivals import Arrival, arrivals
from persistence.store import Position

_READ_ENTRIES = 256  # entries of one XREAD; a batch takes as many reads as it has room for
_TIMEOUT_S = 5
# Also when Redis is full, because only then can the log be trimmed.
_REPORT = "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], ARGV[1])"

_LOST = (
    "restore the log from a copy, or continue with the log as it is: `exchange accept-loss` lets the database follow "
    "it back"
)

Entries = list[tuple[EntryId, bytes]]


class SourceError(Exception):
    """The event log is not the one that the database was filled from, or is damaged; the message says which."""


@dataclass(frozen=True)
class Batch:
    """Consecutive entries of the log: their events, each with its engine time, and the position after them."""

    events: np.ndarray
    times_ms: np.ndarray
    position: Position
    senders: list[Sender]  # of each entry
    counts: list[int]  # of its events
    is_full: bool  # more is waiting in the log
    arrivals: list[Arrival] = field(default_factory=list)  # in its first entry: elsewhere there is none


class EventSource:
    def __init__(self, redis_url: str, shard: int) -> None:
        names, self._entries = keys(shard), 0
        self._names = names
        self._stream, self._stored = names.events, names.stored
        self._reader = EventReader(names)
        # No retries inside the client: after a lost connection the position must be checked before reading on.
        self._client = redis_of(redis_url, retry=Retry(NoBackoff(), 0), socket_timeout=2 * _TIMEOUT_S, protocol=2)

    def close(self) -> None:
        self._client.close()

    def unstored_ms(self) -> list[int]:
        """Engine time of the first entry after what was last reported as stored; none if there is no such entry.

        For who has no database to ask.
        """
        stored = parse_stored(self._client.get(self._stored))
        reply = self._client.xrange(self._stream, f"({stored.entry}" if stored else "-", count=1)
        return [_decode(block, entry)[0].time_ms for entry, block in _entries(cast(StreamEntries, reply))]

    def check_behaviour(self) -> None:
        """SourceError unless the log is one that engines of this code go on with."""
        why = behaviour.foreign(self._client, self._names)
        if why is None and not behaviour.of_log(self._client, self._names):
            why = (
                f"{self._names.orders} does not say of which behaviour version it is (it is empty, or trimmed): "
                "start the engine of this code first, which notes it there"
            )
        if why is not None:
            raise SourceError(f"the database keeps its older schema, since only the right code may change it: {why}")

    def check(self, position: Position) -> None:
        """SourceError unless reading on after `position` misses nothing."""
        self._check(position)
        self._entries = self._entries_up_to(position)
        if position.entry != ORIGIN:
            self._report(position)

    def _check(self, position: Position) -> None:
        first, top = self._end(oldest=True), self._end(oldest=False)
        if position.entry == ORIGIN:
            if first is not None and not _is_genesis(first[1]):
                raise SourceError(
                    f"the database is empty and {self._stream} begins at {first[0]} without the log's GENESIS: it was "
                    "trimmed; restore a database that was filled up to there"
                )
            return
        stored = f"the database holds events up to {position.entry} of log {position.log_id}"
        if first is None or top is None:
            raise SourceError(
                f"{stored}, but {self._stream} is empty: Redis lost the log, or this is another Redis; give the "
                "right one, or restore the log from a copy"
            )
        same = self._range(position.entry, position.entry)
        if same:
            header, _ = _decode(same[0][1], position.entry)
            if header.log_id != position.log_id:
                raise SourceError(
                    f"{stored}, but {self._stream} is log {header.log_id}: one of the two is foreign; give the "
                    "database and the Redis that belong together"
                )
            if crc_of(same[0][1]) != position.block_crc:
                raise SourceError(
                    f"{stored}, but that entry is different now: {self._stream} went back in time and grew "
                    f"again; {_LOST}"
                )
        elif position.entry > top[0]:
            raise SourceError(f"{stored}, but {self._stream} ends at {top[0]}: Redis lost its last entries; {_LOST}")
        elif position.entry < first[0]:
            raise SourceError(
                f"{stored}, but {self._stream} begins at {first[0]}: it was trimmed too far; restore a copy of the "
                f"database that reaches {first[0]}, or the log from a copy that reaches back"
            )
        else:
            raise SourceError(
                f"{stored}, but {self._stream} has no such entry: this is another log, or a part of it; {_LOST}"
            )

    def tell_stored(self, batch: Batch) -> None:
        """The batch is in the database: let everybody know how far that is, for bounds and trimming."""
        self._entries += len(batch.senders)
        self._report(batch.position)

    def read(self, position: Position, max_bytes: int) -> Batch | None:
        """The next entries, up to about `max_bytes`; waits a few seconds for the first, None if none came."""
        entries: Entries = []
        size, last, wait_ms = 0, position.entry, _TIMEOUT_S * 1000
        is_full = True
        while size < max_bytes:
            found = self._read(last, wait_ms if not entries else None)
            entries += found
            size += sum(len(block) for _, block in found)
            if len(found) < _READ_ENTRIES:
                is_full = False
                break
            last = found[-1][0]
        return _batch(entries, position, is_full) if entries else None

    def _report(self, position: Position) -> None:
        stored = Stored(position.log_id, position.entry, self._entries).encode()
        self._client.eval(_REPORT, 1, self._stored, stored)

    def _entries_up_to(self, position: Position) -> int:
        """How many entries the log has had up to `position`, those trimmed included.

        Counted from the last report; without one from the end of the log, of which Redis knows the number.
        """
        if position.entry == ORIGIN:
            return 0
        last = parse_stored(self._client.get(self._stored))
        if last is not None and last.log_id == position.log_id and last.entry <= position.entry:
            return last.entries + self._count(last.entry, position.entry)
        log: Any = self._client.xinfo_stream(self._stream)
        return int(log["entries-added"]) - self._count(position.entry, EntryId.parse(log["last-generated-id"]))

    def _count(self, after: EntryId, last: EntryId) -> int:
        count = 0
        while after < last and (rows := self._range(f"({after}", last, _READ_ENTRIES)):
            count, after = count + len(rows), rows[-1][0]
        return count

    def _read(self, after: EntryId, wait_ms: int | None) -> Entries:
        return _entries(read_events(self._client, self._reader.steps(after, _READ_ENTRIES, wait_ms)))

    def _range(self, first: EntryId | str, last: EntryId, count: int | None = None) -> Entries:
        reply = self._client.xrange(self._stream, str(first), str(last), count)
        return _entries(cast(StreamEntries, reply))

    def _end(self, *, oldest: bool) -> tuple[EntryId, bytes] | None:
        reply = self._client.xrange(self._stream, count=1) if oldest else self._client.xrevrange(self._stream, count=1)
        entries = _entries(cast(StreamEntries, reply))
        return entries[0] if entries else None


def _entries(reply: StreamEntries) -> Entries:
    return [(EntryId.parse(entry), fields.get(FIELD, b"")) for entry, fields in reply]


def _decode(block: bytes, entry: EntryId) -> tuple[Header, np.ndarray]:
    try:
        return decode_block(block, EVENT)
    except BlockError as error:
        raise SourceError(f"entry {entry} of the event log is damaged: {error}") from None


def _is_genesis(block: bytes) -> bool:
    records = _decode(block, ORIGIN)[1].view(ADMIN_EVENT)
    return bool(
        len(records)
        and records["kind"][0] == EventKind.APPLIED
        and records["command"]["kind"][0] == CommandKind.GENESIS
    )


def _batch(entries: Entries, position: Position, is_full: bool) -> Batch:
    log_id, epoch = position.log_id, position.epoch
    counts, times, senders = [], [], []
    for entry, block in entries:
        header, records = _decode(block, entry)
        log_id = log_id or header.log_id
        if header.log_id != log_id:
            raise SourceError(f"entry {entry} is of log {header.log_id}, the database was filled from log {log_id}")
        if header.epoch < epoch:
            raise SourceError(f"entry {entry} is of epoch {header.epoch}, after entries of epoch {epoch}")
        epoch = header.epoch
        counts.append(len(records))
        times.append(header.time_ms)
        senders.append(Sender(header.gateway, header.incarnation, header.sequence))
    body = b"".join(memoryview(block)[BLOCK_HEADER.itemsize :] for _, block in entries)
    events = np.frombuffer(body, EVENT)
    arrived = arrivals(events)
    for arrival in arrived:
        if (before := int(np.searchsorted(np.cumsum(counts), arrival.place, side="right"))) > 0:
            return _batch(entries[:before], position, True)
    after = Position(log_id, epoch, entries[-1][0], crc_of(entries[-1][1]))
    times_ms = np.repeat(np.array(times, np.int64), counts)
    return Batch(events, times_ms, after, senders, counts, is_full, arrived)
