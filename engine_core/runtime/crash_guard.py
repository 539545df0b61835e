"""What happens when one entry of the command log crashes the engine: not for ever.

Before an entry is executed its ID is noted in a small mapped file, which survives the process (not the machine). An
engine that comes up and finds the note counts: after MAX_CRASHES at the same entry it executes nothing more and says
so, until an operator appends SKIP for that entry. The mirror of a skipped entry is BLOCK_REFUSED (SKIPPED), and its ID
stands in a set in Redis: so each engine that comes by later skips it too, also one whose code would not crash. What was
published counts: an entry that was executed cannot be skipped any more.

The note also tells a log that went back in time: what was executed can only be missing from it if Redis lost it.

    file, int64 words:  0 entry_ms · 1 entry_seq · 2 executing (0, 1) · 3 crashes at the suspect so far · 4 log_id
                        5 last_ms · 6 last_seq: of a run of entries that are executed in one call; 0 if it is one
                        7 suspect_ms · 8 suspect_seq: the entry at which an engine ended last
                        9 top_ms · 10 top_seq: of the log when an entry was skipped
                        11 replicated_ms · 12 replicated_seq: not 0 where only that has left the engine which
                        replicas have (replication.py): up to there; Redis may lose the rest, and nobody misses it

After a crash in a run its entries are executed one by one, so the next crash names the entry. Crashes count for one
entry only: engines that are killed here and there, while they come up perhaps, halt nothing.
"""

import logging
import mmap
import os
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import redis

from engine_core.runtime.log.chunk import Chunk
from engine_core.runtime.log.skips import published_reason, remember, skip_of, skipped_entries
from engine_core.runtime.machine import Machine, Mirror, Run
from engine_core.transport.redis_connection import describe
from engine_core.transport.reserved_file import reserve
from engine_core.wire.codes import Reason
from engine_core.wire.log import LogError
from engine_core.wire.streams import FIELD, ORIGIN, EntryId, Keys, StreamEntries

MAX_CRASHES = 3
LOOK_SECONDS = 1.0
NOTHING_REPLICATED = EntryId(0, 1)  # yet; 0-0 is that nobody asks
_MS, _SEQ, _EXECUTING, _CRASHES, _LOG_ID, _LAST_MS, _LAST_SEQ, _SUSPECT_MS, _SUSPECT_SEQ, _TOP_MS, _TOP_SEQ = range(11)
_REPLICATED_MS, _REPLICATED_SEQ, _WORDS = range(11, 14)

logger = logging.getLogger(__name__)


class CrashGuard:
    def __init__(self, path: Path, client: redis.Redis, names: Keys) -> None:
        self._client, self._names = client, names
        self._words = _mapped(path)
        self._doubtful: list[tuple[EntryId, EntryId]] = []  # first and last of entries that are executed one by one
        if self._words[_EXECUTING]:
            self._note_the_end()
        self._to_skip = skipped_entries(client, names)  # as others did
        self._doubtful += [(entry, entry) for entry in self._to_skip]
        if (suspect := self._suspect) is not None:
            self._doubtful.append((suspect, suspect))

    def _note_the_end(self) -> None:
        """The last engine ended while executing: at an entry, whose crash counts, or in a run, nobody knows where."""
        words = self._words
        entry, last = EntryId(int(words[_MS]), int(words[_SEQ])), EntryId(int(words[_LAST_MS]), int(words[_LAST_SEQ]))
        if last > entry:
            self._doubtful.append((entry, last))
            logger.warning("the last engine ended while executing entries %s to %s", entry, last)
        else:
            words[_CRASHES] = self.crashes + 1 if entry == self._suspect else 1
            words[_SUSPECT_MS], words[_SUSPECT_SEQ] = entry
            logger.warning("the last engine ended while executing entry %s (%d times)", entry, self.crashes)
        words[_EXECUTING] = 0

    @property
    def halts_at(self) -> EntryId | None:
        """The entry that is not executed again unless an operator, or another engine, decides what becomes of it."""
        return self._suspect if self.crashes >= MAX_CRASHES else None

    @property
    def _suspect(self) -> EntryId | None:
        """The entry that has crashed an engine, and was not executed since."""
        words = self._words
        return EntryId(int(words[_SUSPECT_MS]), int(words[_SUSPECT_SEQ])) if words[_CRASHES] else None

    @property
    def crashes(self) -> int:
        return int(self._words[_CRASHES])

    @property
    def log_id(self) -> int:
        """Of the log that an engine here has executed; 0: none yet."""
        return int(self._words[_LOG_ID])

    def seen(self, log_id: int) -> list[EntryId]:
        """Entries that this log must have: the last one begun by an engine here, and perhaps a later one."""
        words = self._words.tolist()
        replicated = EntryId(words[_REPLICATED_MS], words[_REPLICATED_SEQ])
        if replicated != ORIGIN:
            return [replicated] if words[_LOG_ID] == log_id else []
        seen = EntryId(words[_MS], words[_SEQ]), EntryId(words[_TOP_MS], words[_TOP_SEQ])
        return [entry for entry in seen if entry != ORIGIN and words[_LOG_ID] == log_id]

    def counts_only_replicated(self, yes: bool) -> None:
        """From now on: the log must have what `note_replicated` says, or else all that was executed."""
        noted = max(self._replicated, NOTHING_REPLICATED) if yes else ORIGIN
        self._words[_REPLICATED_MS], self._words[_REPLICATED_SEQ] = noted

    def note_replicated(self, position: EntryId) -> None:
        if position > self._replicated:  # an engine that has just started does not know what an earlier one noted
            self._words[_REPLICATED_MS], self._words[_REPLICATED_SEQ] = position

    @property
    def _replicated(self) -> EntryId:
        return EntryId(int(self._words[_REPLICATED_MS]), int(self._words[_REPLICATED_SEQ]))

    def execute(self, machine: Machine, entry: EntryId, block: bytes) -> Mirror:
        suspected = entry == self._suspect
        if (suspected or entry in self._to_skip) and self._must_skip(entry):
            logger.warning("entry %s is skipped", entry)
            remember(self._client, self._names, {entry})  # before its mirror is published
            self._words[_CRASHES] = 0
            # A log that loses the SKIP would execute the entry after all: that it lost something must be seen.
            self._words[_TOP_MS], self._words[_TOP_SEQ] = describe(self._client, self._names.orders).top
            return machine.skip(entry, block)
        with self._noted(entry, machine.log_id):
            mirror = machine.execute(entry, block)
        if suspected:
            self._words[_CRASHES] = 0
        return mirror

    def execute_run(self, machine: Machine, chunk: Chunk, start: int, stop: int, runs: list[Run] | None = None) -> int:
        """Machine.execute_run, under a note of its first and last entry; not of those at which an engine ended."""
        for first, last in self._doubtful:
            if chunk.entries[start][0] <= last:
                stop = bisect_left(chunk.entries, (first, b""), start, stop)
        if start == stop:
            return start
        with self._noted(chunk.entries[start][0], machine.log_id, chunk.entries[stop - 1][0]):
            number = machine.execute_run(chunk, start, stop, runs)
        self._words[_MS], self._words[_SEQ] = chunk.entries[max(number - 1, start)][0]
        return number

    @contextmanager
    def _noted(self, entry: EntryId, log_id: int, last: EntryId = ORIGIN) -> Iterator[None]:
        words = self._words
        words[_LAST_MS], words[_LAST_SEQ] = last
        words[_MS], words[_SEQ] = entry
        words[_LOG_ID] = log_id
        words[_EXECUTING] = 1
        try:
            yield
        except SystemExit:  # a clean stop that came in the middle
            words[_EXECUTING] = 0
            raise
        words[_EXECUTING] = 0

    def connect(self, client: redis.Redis) -> None:
        """Go on with another connection."""
        self._client = client

    def _must_skip(self, entry: EntryId) -> bool:
        """As its mirror says, if that is published; else as an operator says, or has said."""
        halted = entry == self.halts_at
        published = published_reason(self._client, self._names, entry)
        if published is None:
            if entry in self._to_skip or not halted:
                return entry in self._to_skip
            published = self._wait_for_skip(entry)
        if halted and published != Reason.SKIPPED:
            self._words[_CRASHES] = 0  # the next engine may be one that can
            raise LogError(
                f"entry {entry} crashed this engine {MAX_CRASHES} times, and cannot be skipped: one that executed it "
                "has published its events; run that engine, or start from a snapshot taken after the entry"
            )
        return published == Reason.SKIPPED

    def _wait_for_skip(self, entry: EntryId) -> Reason:
        """Until a SKIP of the entry was appended after it, or another engine has published what became of it."""
        logger.error(
            "HALTED: entry %s crashed the engine %d times. Nothing is executed until an operator appends SKIP for it "
            "(`exchange skip %s`)",
            *(entry, self.crashes, entry),
        )
        after = entry
        while True:
            rows = cast(StreamEntries, self._client.xrange(self._names.orders, f"({after}", count=256))
            for name, fields in rows:
                after = EntryId.parse(name)
                if skip_of(fields.get(FIELD, b"")) == entry:
                    return Reason.SKIPPED
            if not rows:
                if (published := published_reason(self._client, self._names, entry)) is not None:
                    return published
                time.sleep(LOOK_SECONDS)


def _mapped(path: Path) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        reserve(descriptor, 8 * _WORDS, path, "the note of the entry that is executed")
        return np.frombuffer(mmap.mmap(descriptor, 8 * _WORDS), np.int64)
    finally:
        os.close(descriptor)
