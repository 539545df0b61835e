"""How far the engine is behind the command log, and whether new orders must therefore be refused.

Bounds are looked at only while something is unanswered for long, so an exchange that keeps up pays nothing for them.
Non-goals: the database's backlog (the writer's own business), and who refuses what (async_gateway.py).
"""

from dataclasses import dataclass
from typing import Any

from engine_core.wire.feed import describe
from engine_core.wire.streams import Keys


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much may wait before new orders are refused. Cancels still pass."""

    commands: int = 20_000  # of one gateway, unanswered
    entries: int = 20_000  # of the command log, by anybody, not yet in the event log
    redis_bytes: int = 0  # memory used by Redis; 0: only its own limit counts


async def measure(client: Any, names: Keys, bounds: Backlog) -> str:
    """Why new orders must be refused now, or nothing."""
    orders, events = [await describe(client, name) for name in (names.orders, names.events)]
    behind = orders.entries_added - events.entries_added  # the logs mirror each other, entry by entry
    if behind > bounds.entries:
        return f"{behind} blocks are not executed yet"
    if bounds.redis_bytes:
        used = int((await client.info("memory"))["used_memory"])
        if used > bounds.redis_bytes:
            return f"Redis uses {used} bytes, allowed are {bounds.redis_bytes}"
    return ""
