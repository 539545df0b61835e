"""How far behind each stage is, and whether new orders must therefore be refused.

    orders:{s} ──▶ engine ──▶ events:{s} ──▶ writer
    entries added            entries added   stored:{s} = "LOG ENTRY COUNT", told by the writer after each commit

Measured at most once a second, and only while somebody sends orders. Non-goals: who refuses what (async_gateway.py).
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from engine_core.wire.feed import describe
from engine_core.wire.streams import EntryId, Keys
from engine_core.wire.tasks import ended

LOOK_SECONDS = 1.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much may wait before new orders are refused. Cancels still pass."""

    commands: int = 20_000  # of one gateway, unanswered
    entries: int = 20_000  # of the command log, by anybody, not yet in the event log
    events: int = 0  # entries of the event log not yet in the database; 0: any number
    redis_bytes: int = 0  # memory used by Redis; 0: only its own limit counts


@dataclass(frozen=True, slots=True)
class Stored:
    """Up to where in which log the database is complete, and how many entries that are since the log began."""

    log_id: int
    entry: EntryId
    entries: int

    def encode(self) -> str:
        return f"{self.log_id} {self.entry} {self.entries}"


def parse_stored(value: Any) -> Stored | None:
    """What the writer told, or None: there never was one."""
    if value is None:
        return None
    log_id, entry, entries = value.decode().split()
    return Stored(int(log_id), EntryId.parse(entry), int(entries))


async def measure(client: Any, names: Keys, bounds: Backlog) -> str:
    """Why new orders must be refused now, or nothing."""
    orders, events = [await describe(client, name) for name in (names.orders, names.events)]
    behind = orders.entries_added - events.entries_added  # the logs mirror each other, entry by entry
    if behind > bounds.entries:
        return f"{behind} blocks are not executed yet"
    if bounds.events:
        stored = parse_stored(await client.get(names.stored))
        if stored is not None and stored.log_id == events.log_id:
            behind = events.entries_added - stored.entries
            if behind > bounds.events:
                return f"{behind} blocks of events are not in the database yet"
    if bounds.redis_bytes:
        used = int((await client.info("memory"))["used_memory"])
        if used > bounds.redis_bytes:
            return f"Redis uses {used} bytes, allowed are {bounds.redis_bytes}"
    return ""


class Pressure:
    """The last measurement, renewed in the background whenever somebody asks and it is old."""

    def __init__(self, client: Any, names: Keys, bounds: Backlog) -> None:
        self.reason = ""
        self._client, self._names, self._bounds = client, names, bounds
        self._measured_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def look(self) -> str:
        """Why new orders are refused, as of a second ago at most once orders keep coming; or nothing."""
        now = time.monotonic()
        if now - self._measured_at > LOOK_SECONDS and (self._task is None or self._task.done()):
            self._measured_at = now
            self._task = asyncio.get_running_loop().create_task(self._measure())
        return self.reason

    async def close(self) -> None:
        await ended(self._task)

    async def _measure(self) -> None:
        try:
            reason = await measure(self._client, self._names, self._bounds)
        except (RedisError, OSError) as error:
            logger.warning("the backlog cannot be measured: %s", error)
            return
        if reason and not self.reason:
            logger.warning("new orders are refused: %s", reason)
        self.reason = reason
