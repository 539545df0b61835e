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
from engine_core.runtime.log.tail import NOT_ABOVE_TOP
from engine_core.transport.redis_connection import Connection, describe
from engine_core.wire.log import LogError
from engine_core.wire.streams import FIELD, ORIGIN, EntryId, Keys, append_before


class MirrorBroken(LogError):
    """The event log holds other bytes than this engine computed for the same entry: it must not go on."""


class AppendRefused(RuntimeError):
    """Redis takes no events now (memory, disk); the message is its own. Nothing is lost: flush again later."""


class Publisher:
    def __init__(self, names: Keys) -> None:
        self._events = names.events
        self._connection: Connection | None = None
        self._client: redis.Redis | None = None
        self._waiting: deque[tuple[EntryId, bytes]] = deque()
        self._sent: list[tuple[EntryId, bytes]] = []  # in the transaction under way
        self._replies: list[Any] = []  # to it, so far
        self.sent_at = 0.0  # when the transaction under way was sent, on the monotonic clock
        self.unconfirmed_bytes = 0
        self.confirmed = ORIGIN  # the last entry that the event log is known to have had
        self.confirmed_entries = 0
        self.confirmed_bytes = 0

    @property
    def under_way(self) -> bool:
        return bool(self._sent)

    @property
    def _missing_replies(self) -> int:
        return len(self._sent) + 2 - len(self._replies)  # OK, QUEUED for each, EXEC's list

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
        assert not self._sent
        return list(self._waiting)

    def add(self, entry: EntryId, block: bytes) -> None:
        self._waiting.append((entry, block))
        self.unconfirmed_bytes += len(block)

    def flush(self) -> None:
        """Send what waits as one transaction, unless one is under way."""
        if self._sent or not self._waiting:
            return
        assert self._connection is not None
        events = self._events.encode()
        parts, between, size = [], b"*1\r\n$5\r\nMULTI\r\n", 0
        while self._waiting and size < APPEND_BYTES:
            entry, block = self._waiting.popleft()
            self._sent.append((entry, block))
            parts += [between + append_before(events, entry, len(block)), block]
            between = b"\r\n"
            size += len(block)
        parts.append(b"\r\n*1\r\n$4\r\nEXEC\r\n")
        self.sent_at = time.monotonic()
        self._connection.send(parts)

    def is_answered(self) -> bool:
        """Whether settle() need not wait: all replies to the transaction under way have come."""
        assert self._connection is not None
        while self._missing_replies and self._connection.has_reply():
            self._replies.append(self._connection.receive())
        return not self._missing_replies

    def settle(self) -> bool:
        """Take the replies to the transaction under way; AppendRefused or MirrorBroken if the log did not take it.

        False: somebody else had published all of it.
        """
        if not self._sent:
            return True
        assert self._connection is not None
        while self._missing_replies:
            self._replies.append(self._connection.receive())
        replies, self._replies = self._replies, []
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
        return ours > 0

    def compare(self, entry: EntryId, block: bytes) -> None:
        """MirrorBroken unless the event log holds exactly these bytes at `entry`, LogTrimmed if it begins later."""
        assert self._client is not None
        rows = cast(list[tuple[bytes, dict[bytes, bytes]]], self._client.xrange(self._events, str(entry), str(entry)))
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
        self._sent, self._replies = [], []
