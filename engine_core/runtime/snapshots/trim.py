"""Forgetting the part of both logs that nobody needs any more.

    orders:{s}   first ...... oldest kept snapshot ............................ top
    events:{s}   first ...... oldest kept snapshot ...... writer's position ... top
                 └── may go ──┘ the entry itself stays: a reader proves by it that this is its log

What may go is kept for `keep_days` all the same (statistics of the last days are rebuilt from it), unless they take
more than half of `redis_bytes`: then the oldest entries go until they do not, but for the last seconds. With a single
snapshot, which might be damaged, or before a writer has ever stored anything, nothing is trimmed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import redis

from engine_core.runtime.log.skips import settle_skips
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.snapshot import SnapshotError
from engine_core.transport.backlog import parse_stored
from engine_core.wire.streams import ORIGIN, UNTRIMMED_MS, EntryId, Keys

STEP = 1000  # entries at once: Redis answers nobody else meanwhile
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Retention:
    keep_ms: int
    redis_bytes: int
    snapshots: int = 2  # without so many nothing is trimmed: a damaged one falls back to the one before
    young_ms: int = UNTRIMMED_MS


def trim(client: redis.Redis, names: Keys, data: Path, shard: int, limits: Retention) -> str:
    """Trim what may go; what was done, for the log."""
    kept, log_id = _oldest_snapshot(data, shard, limits.snapshots)
    if kept is None:
        return f"nothing trimmed: there are not {limits.snapshots} snapshots yet"
    stored = parse_stored(client.get(names.stored))
    bounds = {names.orders: kept}
    if stored is not None and stored.log_id == log_id:
        bounds[names.events] = min(kept, stored.entry)
    young = EntryId(time.time_ns() // 1_000_000 - limits.young_ms, 0)
    bounds = {name: min(bound, young) for name, bound in bounds.items()}
    settle_skips(client, names, bounds.get(names.events, ORIGIN))
    said = []
    for name, bound in bounds.items():
        aged = EntryId(time.time_ns() // 1_000_000 - limits.keep_ms, 0)
        said.append(f"{name} by {_trim_to(client, name, min(bound, aged))}")
    takes_too_much = _too_much(client, names, limits.redis_bytes // 2)
    while takes_too_much():
        removed = sum(_step(client, name, bound) for name, bound in bounds.items())
        if not removed:
            break
        said.append(f"{removed} for want of memory")
    return f"trimmed {', '.join(said)} entries; needed are those from {kept} on, the writer is at " + (
        str(stored.entry) if stored is not None else "no known place"
    )


def _oldest_snapshot(data: Path, shard: int, least: int) -> tuple[EntryId | None, int]:
    """The entry of the oldest snapshot, if there are enough, of the log that the newest one is of; and that log."""
    places = []
    for path in snapshot.found(data, shard):
        try:
            places.append(snapshot.describe(path).place)
        except SnapshotError:
            continue
    entries = [place.entry for place in places if place.log_id == places[0].log_id]
    if not places or len(entries) < least:
        return None, 0
    return min(entries), places[0].log_id


def _trim_to(client: redis.Redis, name: str, bound: EntryId) -> int:
    removed = 0
    while count := _step(client, name, bound):
        removed += count
    return removed


def _step(client: redis.Redis, name: str, bound: EntryId) -> int:
    if bound <= EntryId(0, 0):
        return 0
    removed: Any = client.xtrim(name, minid=str(bound), approximate=True, limit=STEP)
    return int(removed)


def _too_much(client: redis.Redis, names: Keys, allowed: int) -> Callable[[], bool]:
    """Whether both logs take more than that, as often as it is asked.

    Redis walks all of a stream to count it, so that is done once, and only if its data altogether takes more: another
    shard's logs may be in the same Redis.
    """
    memory: Any = client.info("memory")
    if int(memory["used_memory_dataset"]) <= allowed:  # without what waits for subscribers who read too slowly
        return lambda: False
    logs = names.orders, names.events

    def entries() -> int:
        return sum(int(cast(Any, client.xlen(name))) for name in logs)

    counted = sum(int(cast(Any, client.memory_usage(name, samples=0)) or 0) for name in logs)
    bytes_each = counted / max(entries(), 1)
    return lambda: bytes_each * entries() > allowed
