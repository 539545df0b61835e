"""Reading the command log and the questions: always one read ahead, so Redis works while the engine computes.

Non-goals: what is in a block (runtime/machine.py).
"""

import time
from typing import NamedTuple

import redis

from engine_core.runtime.config import INTAKE_BYTES
from engine_core.transport.redis_connection import Connection, describe
from engine_core.wire.log import LogError
from engine_core.wire.streams import FIELD, UNTRIMMED_MS, EntryId, Keys, pack

BLOCK_MS = 5000  # how long Redis lets one read wait; its end only tells that the connection lives
WATCHED_BLOCK_MS = 1000  # the same where another Redis may have taken over from one that only stands still
OVERDUE_SECONDS = 2.0  # beyond that: look who is primary
MAX_ENTRIES = 1024
MIN_ENTRIES = 8
UNSEEN_SECONDS = UNTRIMMED_MS / 5_000  # without a read, until it may be too late to see that nothing was trimmed


class Batch(NamedTuple):
    entries: list[tuple[EntryId, bytes]]
    questions: list[bytes]


class Intake:
    def __init__(
        self,
        connection: Connection,
        client: redis.Redis,
        names: Keys,
        after: EntryId,
        questions_after: EntryId,
        block_ms: int = BLOCK_MS,
    ) -> None:
        self._connection = connection
        self._orders, self._queries = names.orders.encode(), names.queries.encode()
        self._after, self._questions_after = after, questions_after
        self._entries = 64  # of one read: follows the size of blocks
        self._client, self._name = client, names.orders
        self._block_ms = block_ms
        self._asked_at = 0.0
        self._caught_up_at = float("-inf")  # what was appended before that is read
        self._ahead: tuple[float, EntryId] | None = None  # (when, the top then), until that entry is read
        self.fileno = connection.fileno()

    def request(self) -> None:
        """Ask for what comes next; Redis answers as soon as there is anything."""
        count = b"%d" % self._entries
        after, questions_after = str(self._after).encode(), str(self._questions_after).encode()
        self._asked_at = time.monotonic()
        arguments = (b"XREAD", b"COUNT", count, b"BLOCK", b"%d" % self._block_ms, b"STREAMS")
        self._connection.send([pack(*arguments, self._orders, self._queries, after, questions_after)])

    @property
    def overdue_in(self) -> float:
        """Seconds until a Redis that lives would have answered the last request, even if there is nothing."""
        return self._asked_at + self._block_ms / 1000 + OVERDUE_SECONDS - time.monotonic()

    def receive(self) -> Batch:
        """The answer to the last request, perhaps empty."""
        reply = self._connection.receive()
        if isinstance(reply, Exception):
            raise LogError(f"the command log cannot be read: {reply}")
        asked = self._entries
        entries: list[tuple[EntryId, bytes]] = []
        questions: list[bytes] = []
        for name, rows in reply or ():
            if name == self._orders:
                entries = [(EntryId.parse(entry), block_of(fields)) for entry, fields in rows]
                self._prove(is_behind=len(entries) == asked)
                self._after = entries[-1][0]
                size = sum(len(block) for _, block in entries) // len(entries)
                self._entries = max(MIN_ENTRIES, min(MAX_ENTRIES, INTAKE_BYTES // max(1, size)))
            else:
                questions = [block_of(fields) for _, fields in rows]
                self._questions_after = EntryId.parse(rows[-1][0])
        if len(entries) < asked:
            self._caught_up_at, self._ahead = self._asked_at, None
        elif self._ahead is not None and self._after >= self._ahead[1]:
            self._caught_up_at, self._ahead = self._ahead[0], None
        return Batch(entries, questions)

    def _prove(self, *, is_behind: bool) -> None:
        """LogTrimmed if what came now may not be what comes next: we were away for so long, or are far behind.

        The entry before it is in the log *after* it was read, so those between were not trimmed away before. A busy
        engine is always a little behind: it looks in good time where the log ends, and is proven right once it has read
        up to there, so that it need not ask at each read.
        """
        now = time.monotonic()
        unseen = now - self._caught_up_at
        if unseen > UNSEEN_SECONDS or (is_behind and self._ahead is None and unseen > UNSEEN_SECONDS / 2):
            log = describe(self._client, self._name)
            log.check(self._after)
            self._ahead = self._ahead or (now, log.top)


def block_of(fields: list[bytes] | None) -> bytes:
    """The field `b` of an entry; nothing if it has none (it is then refused as too short)."""
    if not fields:
        return b""
    return fields[1] if fields[0] == FIELD else dict(zip(fields[::2], fields[1::2], strict=True)).get(FIELD, b"")
