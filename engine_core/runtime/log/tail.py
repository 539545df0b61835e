"""The end of both logs as this engine knows it, and giving it back to a Redis that lost it.

With `everysec` a Redis that is killed, or loses power, comes back without its last seconds. An engine that lives still
has them: it appends them again, under their own IDs, before anybody else may append. What it does not have is named.

    Redis   … 41 42                         (was: … 41 42 43 44 45)
    tail         42 43 44 45                43 to 45 are appended again, if 42 is the very same entry in both
"""

import logging
import time
from collections import deque
from typing import Any, NamedTuple, cast

import redis

from engine_core.wire.codes import Reason
from engine_core.wire.log import LogError, LogState
from engine_core.wire.streams import FIELD, ORIGIN, EntryId, Keys, StreamEntries, reason_of

KEEP_SECONDS = 5.0  # at least; Redis promises to lose no more than two
KEEP_SECONDS_FOR_REPLICAS = 120.0  # one that was cut off for a while may be promoted
KEEP_BYTES = 256 << 20  # at most
STEP = 256  # entries in one transaction
NOT_ABOVE_TOP = "equal or smaller than the target stream top item"

logger = logging.getLogger(__name__)


class Forgotten(LogError):
    """What this engine remembers is not what the logs hold; a replay computes it again."""


class NotTaken(LogError):
    """Redis has no room now for what it must hold before the engine goes on; what it took stays, the rest later."""


class Kept(NamedTuple):
    entry: EntryId
    commands: bytes
    mirror: bytes
    at: float


class Tail:
    """What was executed last, in order. `before`: the entry in front of the oldest one that is kept."""

    def __init__(self, keep_seconds: float = KEEP_SECONDS) -> None:
        self._keep_seconds = keep_seconds
        self._kept: deque[Kept] = deque()
        self._bytes = 0
        self.before = ORIGIN

    def begin(self, after: EntryId) -> None:
        """Nothing is known but that everything up to `after` was executed."""
        self._kept.clear()
        self.before, self._bytes = after, 0

    def add(self, entry: EntryId, commands: bytes, mirror: bytes) -> None:
        now, kept = time.monotonic(), self._kept
        kept.append(Kept(entry, commands, mirror, now))
        self._bytes += len(commands) + len(mirror)
        while len(kept) > 1 and (kept[0].at < now - self._keep_seconds or self._bytes > KEEP_BYTES):
            old = kept.popleft()
            self.before = old.entry
            self._bytes -= len(old.commands) + len(old.mirror)

    def skipped(self) -> set[EntryId]:
        """Entries whose mirror says that they were skipped; what Redis has of that may be lost, too."""
        return {kept.entry for kept in self._kept if reason_of(kept.mirror) == Reason.SKIPPED}

    def restore(self, client: redis.Redis, names: Keys, orders: LogState, events: LogState, confirmed: EntryId) -> int:
        """Append what the logs lost, events up to `confirmed`; the number of entries.

        LogError: lost commands are unknown. Forgotten: only events are, and a replay computes them again.
        """
        last = self._kept[-1] if self._kept else None
        if last is not None and orders.top >= last.entry:
            self._check_same(client, orders, last.entry, last.commands)
        commands = [(kept.entry, kept.commands) for kept in self._kept if kept.entry > orders.top]
        mirrors = [(kept.entry, kept.mirror) for kept in self._kept if events.top < kept.entry <= confirmed]
        if commands:
            if not self._knows(client, orders):
                raise LogError(
                    f"{orders.name} ends at {orders.top}, this engine has executed up to {self._kept[-1].entry} and "
                    f"remembers only what came after {self.before}: Redis lost more than can be given back; restore it "
                    "from a copy"
                )
            _give_back(client, names.orders, commands)
        if events.top < confirmed:
            if not self._knows(client, events):
                raise Forgotten(f"{events.name} lost what it had after {events.top}, up to {confirmed} at least")
            _give_back(client, names.events, mirrors)
        return len(commands) + len(mirrors)

    def _knows(self, client: redis.Redis, log: LogState) -> bool:
        """Whether the top of the log is an entry that we know, so that what follows it is known too."""
        if log.top == self.before:
            return bool(self._kept)
        known = next((kept for kept in self._kept if kept.entry == log.top), None)
        if known is None:
            return False
        self._check_same(client, log, known.entry, known.mirror if log.log_id else known.commands)
        return True

    @staticmethod
    def _check_same(client: redis.Redis, log: LogState, entry: EntryId, block: bytes) -> None:
        rows = cast(StreamEntries, client.xrange(log.name, str(entry), str(entry)))
        if not rows:
            log.check(entry)  # LogTrimmed, if that is why
        if not rows or rows[0][1].get(FIELD) != block:
            raise LogError(
                f"{log.name} {'has no' if not rows else 'holds another'} entry {entry}, which this engine has "
                "executed, but later ones: it went back in time and grew again; restore it from a copy"
            )


def _give_back(client: redis.Redis, name: str, lost: list[tuple[EntryId, bytes]]) -> None:
    if lost:
        logger.warning("%s lost its last %d entries: appending them again", name, len(lost))
        _append(client, name, lost)


def _append(client: redis.Redis, name: str, entries: list[tuple[EntryId, bytes]]) -> None:
    """Each under its own ID; one that is there already (another engine does the same) is left alone."""
    pipe: Any
    for first in range(0, len(entries), STEP):
        step = entries[first : first + STEP]
        with client.pipeline(transaction=True) as pipe:
            for entry, block in step:
                pipe.xadd(name, {FIELD: block}, id=str(entry))
            try:
                outcomes = pipe.execute(raise_on_error=False)
            except redis.ResponseError as error:  # the transaction as a whole
                outcomes = [error]
        refusals = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        for refusal in refusals:
            if NOT_ABOVE_TOP not in str(refusal):
                raise NotTaken(f"{name} does not take back what it lost: {refusal}")
        if refusals:
            _check_all(client, name, step)


def _check_all(client: redis.Redis, name: str, entries: list[tuple[EntryId, bytes]]) -> None:
    """LogError unless the log has all of these: somebody else appended before what was lost could be given back."""
    rows = cast(StreamEntries, client.xrange(name, str(entries[0][0]), str(entries[-1][0])))
    found = {entry: fields.get(FIELD, b"") for entry, fields in rows}
    missing = [entry for entry, block in entries if found.get(str(entry).encode()) != block]
    if missing:
        raise LogError(
            f"{name} lost its end and grew again before engines could append it again: there is no room for "
            f"{missing[0]} and {len(missing)} entries in all. Redis lost them for good: restore it from a copy, or "
            "continue without them: `exchange accept-loss`"
        )
