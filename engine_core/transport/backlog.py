"""How far behind each stage is, and whether new orders must therefore be refused.

    orders:{s} ──▶ engine ──▶ events:{s} ──▶ writer
    entries added            entries added   stored:{s} = "LOG ENTRY COUNT", set by the writer after each commit

Measured once a second; any thread may read the last measurement. Non-goals: who refuses
what (async_gateway.py).
"""

import asyncio
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from engine_core.transport.feed import describe
from engine_core.wire.log import LogState
from engine_core.wire.streams import EntryId, Keys

LOOK_SECONDS = 1.0
RECOUNT_SECONDS = 60.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much may wait before new orders are refused. Cancels still pass."""

    commands: int = 20_000  # of one gateway, unanswered
    entries: int = 20_000  # of the command log, by anybody, not yet in the event log
    events: int = 0  # entries of the event log not yet in the database; 0: any number
    redis_bytes: int = 0  # that the logs take in Redis; 0: only its own limit counts
    disk: Path | None = None  # a folder on the disk of the log; None: that disk is not ours to see
    disk_bytes: int = 0  # of it that must be free; what is left below is for cancels


@dataclass(frozen=True, slots=True)
class Stored:
    """Up to where in which log the database is complete, and how many entries that are since the log began."""

    log_id: int
    entry: EntryId
    entries: int

    def encode(self) -> str:
        return f"{self.log_id} {self.entry} {self.entries}"


def parse_stored(value: Any) -> Stored | None:
    """What the writer reported, or None: there never was one."""
    if value is None:
        return None
    log_id, entry, entries = value.decode().split()
    return Stored(int(log_id), EntryId.parse(entry), int(entries))


class LogSize:
    """What both logs take of Redis' memory; not what Redis keeps for subscribers who read too slowly.

    Counted exactly at most once a minute, because Redis walks all of it (0.3 s for 8 GB) and answers nobody meanwhile,
    and only while it uses more than is allowed altogether; between two counts by the entry.
    """

    def __init__(self) -> None:
        self._counted_at = -RECOUNT_SECONDS
        self._bytes_each = 0.0

    async def bytes(self, client: Any, logs: tuple[LogState, LogState]) -> int:
        entries = sum(log.length for log in logs)
        if time.monotonic() - self._counted_at >= RECOUNT_SECONDS:
            counted = [int(await client.memory_usage(log.name, samples=0) or 0) for log in logs]
            self._bytes_each, self._counted_at = sum(counted) / max(entries, 1), time.monotonic()
        return int(self._bytes_each * entries)


def free_bytes(folder: Path) -> int:
    """What the disk of a folder has left for us."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


class Logs(NamedTuple):
    """Both logs as Redis describes them at one moment."""

    orders: LogState
    events: LogState


async def logs_now(client: Any, names: Keys) -> Logs:
    return Logs(await describe(client, names.orders), await describe(client, names.events))


async def measure(
    client: Any, names: Keys, bounds: Backlog, size: LogSize | None = None, logs: Logs | None = None
) -> str:
    """Why new orders must be refused now, or nothing."""
    if bounds.disk is not None and (free := free_bytes(bounds.disk)) < bounds.disk_bytes:
        return f"the disk of the log has {free >> 20} MB left, and {bounds.disk_bytes >> 20} MB are kept for cancels"
    if held := await client.get(names.held):
        return f"the engine is {held.decode()}"
    orders, events = logs or await logs_now(client, names)
    behind = orders.entries_added - events.entries_added  # the logs mirror each other, entry by entry
    if behind > bounds.entries:
        return f"{behind} blocks are not executed yet"
    if bounds.events:
        stored = parse_stored(await client.get(names.stored))
        if stored is not None and stored.log_id == events.log_id:
            behind = events.entries_added - stored.entries
            if behind > bounds.events:
                return f"{behind} blocks of events are not in the database yet"
    if bounds.redis_bytes and int((await client.info("memory"))["used_memory"]) > bounds.redis_bytes:
        used = await (size or LogSize()).bytes(client, (orders, events))
        if used > bounds.redis_bytes:
            return f"the logs take {used} bytes of Redis' memory, allowed are {bounds.redis_bytes}"
    return ""


class Pressure:
    """Why new orders are refused, as of a second ago at most; or nothing. `reason` and `logs` may be read from any
    thread."""

    def __init__(self, client: Any, names: Keys, bounds: Backlog) -> None:
        self.reason = ""
        self.logs: Logs | None = None  # None: not seen yet
        self._client, self._names, self._bounds = client, names, bounds
        self._size = LogSize()
        self._trouble = ""

    async def watch(self) -> None:
        while True:
            await self._measure()
            await asyncio.sleep(LOOK_SECONDS)

    async def _measure(self) -> None:
        try:
            self.logs = await logs_now(self._client, self._names)
            reason = await measure(self._client, self._names, self._bounds, self._size, self.logs)
        except (RedisError, OSError) as error:
            if str(error) != self._trouble:  # said once, not every second
                logger.warning("the backlog cannot be measured: %s", error)
            self._trouble = str(error)
            return
        self._trouble = ""
        if reason and not self.reason:
            logger.warning("new orders are refused: %s", reason)
        self.reason = reason
