"""Appending to the event log by the mirror rule.

For each entry of the command log exactly one entry with the same ID. Redis refuses an ID that is not above the top, so
nothing can be published twice; appends go in one transaction at a time. A connection that was checked once, and whose
Redis has not died since, holds every entry before the next one; so a refusal can only mean that somebody (a standby, or
ourselves before a crash) was faster, and then the bytes must be equal.

Non-goals: when to try again (runtime/loop.py).
"""

import time
from collections import deque
from typing import Any, cast

import redis

from engine_core.runtime.config import APPEND_BYTES
from engine_core.runtime.log.replication import Replication
from engine_core.runtime.log.tail import NOT_ABOVE_TOP
from engine_core.transport.redis_connection import Connection, describe
from engine_core.wire.log import LogError
from engine_core.wire.streams import FIELD, ORIGIN, EntryId, Keys, StreamEntries, append_before


class MirrorBroken(LogError):
    """The event log holds other bytes than this engine computed for the same entry: it must not go on."""


class AppendRefused(RuntimeError):
    """Redis takes no events now (memory, disk); the message is its own. Nothing is lost: flush again later."""


class Publisher:
    def __init__(self, names: Keys, replication: Replication | None = None) -> None:
        self.replication = replication  # what of it may leave; None: all that the log has
        self._events = names.events
        self._connection: Connection | None = None
        self._client: redis.Redis | None = None
        self._waiting: deque[tuple[EntryId, bytes]] = deque()
        self._sent: list[tuple[EntryId, bytes]] = []  # in the transaction under way
        self._expected = 0  # replies to what is under way
        self._asked_before = 0  # of these, to the commands before the transaction
        self._replies: list[Any] = []  # of these, so far
        self.sent_at = 0.0  # when that was sent, on the monotonic clock
        self.unconfirmed_bytes = 0
        self.confirmed = ORIGIN  # the last entry that the event log is known to have had
        self.confirmed_entries = 0
        self.confirmed_bytes = 0

    @property
    def under_way(self) -> bool:
        return self._expected > 0

    def connect(self, connection: Connection, client: redis.Redis, top: EntryId) -> None:
        """Go on with a checked connection, after comparing what the last one left open with the log up to `top`."""
        self._connection, self._client = connection, client
        self._keep()
        self.confirmed = max(self.confirmed, top)
        while self._waiting and self._waiting[0][0] <= top:
            entry, block = self._waiting.popleft()
            self.compare(entry, block)
            self._confirm(entry, block)

    def advance(self, top: EntryId) -> None:
        """Somebody else has published up to `top`: forget what waits up to there, if the last of it is the same."""
        last: tuple[EntryId, bytes] | None = None
        while self._waiting and self._waiting[0][0] <= top:
            last = self._waiting.popleft()
            self._confirm(*last)
        if last is not None:
            self.compare(*last)

    def unpublished(self) -> list[tuple[EntryId, bytes]]:
        """What waits, while nothing is under way."""
        assert not self._expected
        return list(self._waiting)

    def add(self, entry: EntryId, block: bytes) -> None:
        self._waiting.append((entry, block))
        self.unconfirmed_bytes += len(block)

    def flush(self) -> None:
        """Send what waits as one transaction, unless one is under way, and ask for replicas if they are needed."""
        if self._expected or not (self._waiting or self.replication is not None):
            return
        assert self._connection is not None
        parts: list[bytes] = []
        is_behind = False
        if self.replication is not None:
            is_behind = self.replication.is_behind(self.confirmed)
            parts = self.replication.before(self.confirmed)
        self._asked_before = expected = len(parts)
        if self._waiting and not is_behind:  # else replicas are away, or are asked what they have of an earlier life
            parts += self._transaction()
            expected += len(self._sent) + 2  # OK, QUEUED for each, EXEC's list
        if self.replication is not None and (self._sent or is_behind):
            parts.append(self.replication.ask())
            expected += 1
        if parts:
            self._expected, self.sent_at = expected, time.monotonic()
            self._connection.send(parts)

    def _transaction(self) -> list[bytes]:
        """Of what waits, as much as is good for one."""
        events = self._events.encode()
        parts, between, size = [], b"*1\r\n$5\r\nMULTI\r\n", 0
        while self._waiting and size < APPEND_BYTES:
            entry, block = self._waiting.popleft()
            self._sent.append((entry, block))
            parts += [between + append_before(events, entry, len(block)), block]
            between = b"\r\n"
            size += len(block)
        parts.append(b"\r\n*1\r\n$4\r\nEXEC\r\n")
        return parts

    def is_answered(self) -> bool:
        """Whether settle() need not wait: all replies to what is under way have come."""
        assert self._connection is not None
        while len(self._replies) < self._expected and self._connection.has_reply():
            self._replies.append(self._connection.receive())
        return len(self._replies) == self._expected

    def settle(self) -> bool:
        """Take the replies to what is under way; AppendRefused or MirrorBroken if the log did not take the events.

        False: somebody else had published all of them.
        """
        if not self._expected:
            return True
        assert self._connection is not None
        while len(self._replies) < self._expected:
            self._replies.append(self._connection.receive())
        replies, self._replies, self._expected = self._replies, [], 0
        if self.replication is None:
            return self._take(replies)
        first = self._asked_before
        last = first + len(self._sent) + 2 if self._sent else first
        refusal = self.replication.take(replies[:first])
        try:
            is_ours = self._take(replies[first:last]) if self._sent else True
        finally:
            for reply in replies[last:]:
                self.replication.answered(reply)
        if refusal:
            raise AppendRefused(refusal)
        return is_ours

    def _take(self, replies: list[Any]) -> bool:
        """The replies to the transaction."""
        if isinstance(replies[-1], Exception):
            self._keep()
            raise AppendRefused(str(next(reply for reply in replies if isinstance(reply, Exception))))
        ours = 0
        for (entry, block), outcome in zip(self._sent, replies[-1], strict=True):
            ours += not isinstance(outcome, Exception)
            if isinstance(outcome, Exception):
                if NOT_ABOVE_TOP not in str(outcome):
                    raise LogError(f"{self._events} did not take entry {entry} within a transaction: {outcome}")
                self.compare(entry, block)
            self._confirm(entry, block)
        self._sent = []
        if self.replication is not None and not isinstance(replies[-1][-1], Exception):
            self.replication.wrote(self.confirmed)
        return ours > 0

    def compare(self, entry: EntryId, block: bytes) -> None:
        """MirrorBroken unless the event log holds exactly these bytes at `entry`, LogTrimmed if it begins later."""
        assert self._client is not None
        rows = cast(StreamEntries, self._client.xrange(self._events, str(entry), str(entry)))
        if not rows:
            describe(self._client, self._events).check(entry)  # LogTrimmed, if that is why
            raise MirrorBroken(f"{self._events} has no entry {entry}, but later ones: it was damaged; restore it")
        if rows[0][1].get(FIELD) != block:
            raise MirrorBroken(
                f"{self._events} holds other events at entry {entry} than this engine computes from the same commands: "
                "two versions of the code, or a damaged log; this engine stops"
            )

    def _confirm(self, entry: EntryId, block: bytes) -> None:
        self.confirmed = entry
        self.unconfirmed_bytes -= len(block)
        self.confirmed_bytes += len(block)
        self.confirmed_entries += 1

    def _keep(self) -> None:
        self._waiting.extendleft(reversed(self._sent))
        self._sent, self._replies, self._expected = [], [], 0
