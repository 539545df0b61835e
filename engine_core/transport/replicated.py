"""How far the event log may be read: to its top, or with durability = "replicated" as far as replicas have it.

    events:{s}      ... 41 42 43 44 45
    replicated:{s}         42            one entry, the mark: its ID is that of the last block that may leave,
                                         its field the run ID of the Redis whose logs the engine has compared
    held:{s}        why results do not leave the engine at present; empty if they do
    compared:{s}    the same run ID, where there is no mark

The active engine keeps them (runtime/log/replication.py). Readers stop at the mark: what lies beyond may be lost with
one host, and be something else afterwards. And nobody appends commands to a Redis whose run ID the mark does not name:
an engine may be about to give back there what was lost. Where there is no mark, everything may be read, and only who
misses a command of his own waits for the run ID: then no engine has executed it, and it is appended again.
"""

import re
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

from engine_core.wire.streams import EntryId, Keys, StreamEntries

SERVER = b"server"
# Of another durability before this one nothing is to stay. Also when Redis is full.
COMPARED = b"""#!lua flags=allow-oom
redis.call('UNLINK', KEYS[1], KEYS[2])
return redis.call('SET', KEYS[3], string.match(redis.call('INFO', 'server'), 'run_id:(%w+)'))"""
_NOTHING = "0-0"

Step = Callable[[Any], Any]  # asks a client of redis-py


class Mark(NamedTuple):
    entry: EntryId
    server: bytes


def mark_of(rows: Any) -> Mark | None:
    """From the raw answer to XREVRANGE."""
    return Mark(EntryId.parse(rows[0][0]), rows[0][1][1]) if rows else None


def run_id_of(info: bytes) -> bytes:
    """From the raw answer to INFO server: another one each time that a Redis is started."""
    found = re.search(rb"run_id:(\w+)", info)
    assert found is not None, info
    return found[1]


def end_of(client: Any, names: Keys) -> EntryId | None:
    """Up to where the events may be read now; None: to their top."""
    rows = client.xrevrange(names.replicated, count=1)
    return EntryId.parse(rows[0][0]) if rows else None


async def end_of_async(client: Any, names: Keys) -> EntryId | None:
    rows = await client.xrevrange(names.replicated, count=1)
    return EntryId.parse(rows[0][0]) if rows else None


class EventReader:
    """Reads on in the event log, as far as it may be read. One for each connection: a Redis may have another mark.

    A read is a series of steps, so that both kinds of clients can take them: read_events() and read_events_async().
    """

    def __init__(self, names: Keys) -> None:
        self._events, self._marks = names.events, names.replicated
        self._end: EntryId | None = None  # the mark as last seen; None: there was none

    def steps(self, after: EntryId, count: int, block_ms: int | None) -> Generator[Step, Any, StreamEntries]:
        """The next entries after this one, perhaps none; it is waited for the first of them so long."""
        if self._end is None:  # of both at once, so that no event is read beyond a mark that has just been made
            wanted = {self._events: str(after), self._marks: _NOTHING}
            found = dict((yield lambda client: client.xread(wanted, count=count, block=block_ms)) or ())
            marks = found.get(self._marks.encode())
            if marks is None:
                events: StreamEntries = found.get(self._events.encode(), [])
                return events
            self._end = EntryId.parse(marks[-1][0])
        if self._end <= after:
            marked = {self._marks: str(self._end)}
            moved = yield lambda client: client.xread(marked, count=1, block=block_ms)
            if moved:
                self._end = EntryId.parse(moved[0][1][-1][0])
            elif not (yield lambda client: client.exists(self._marks)):
                self._end = None  # the durability is another one now
        if self._end is None or self._end <= after:
            return []
        first, last = f"({after}", str(self._end)
        rows: StreamEntries = yield lambda client: client.xrange(self._events, first, last, count)
        return rows


def read_events(client: Any, steps: Generator[Step, Any, StreamEntries]) -> StreamEntries:
    try:
        step = next(steps)
        while True:
            step = steps.send(step(client))
    except StopIteration as done:
        rows: StreamEntries = done.value
        return rows


async def read_events_async(client: Any, steps: Generator[Step, Any, StreamEntries]) -> StreamEntries:
    try:
        step = next(steps)
        while True:
            step = steps.send(await step(client))
    except StopIteration as done:
        rows: StreamEntries = done.value
        return rows
