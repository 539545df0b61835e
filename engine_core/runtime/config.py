"""The settings of one engine process, read once from the environment."""

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engine_core.book.memory.state import Capacities, most_links
from engine_core.config.exchange_toml import Capacity
from engine_core.config.settings import Settings
from engine_core.runtime.snapshots.schedule import Rules
from engine_core.runtime.snapshots.trim import DAY_MS, Retention, trim
from engine_core.transport.redis_connection import client_of
from engine_core.wire.streams import keys

TICK_MS = 100  # at least so much is between two TICKs, which come only while a timer is due
INTAKE_BYTES = 1 << 18  # of commands in one read, about: bounds the work between two looks at the socket
APPEND_BYTES = 4 << 20  # of events in one transaction, about
TRIM_SECONDS = 30.0  # for one answer of Redis while it trims
WAITING_BYTES = 64 << 20  # of events not yet taken by Redis: beyond, the engine waits for it


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    redis_url: str
    runtime: Path
    data: Path
    shard: int
    capacities: Capacities
    ring_slots: int
    cpu: int | None  # to pin to; None: as the system likes
    busy_poll: bool
    metrics_port: int
    stages_every: int = 0  # see process/stages.py
    standby: bool = False
    replicas: int = 0  # that must have what leaves the engine
    number: int = 0  # of this process among the engines of the shard on this machine

    @property
    def note(self) -> Path:
        """Where the entry under execution is noted (crash_guard.py)."""
        return self.data / (
            f"engine-{self.shard}.entry" if not self.number else f"engine-{self.shard}.{self.number}.entry"
        )


def from_settings(settings: Settings, standby: bool = False) -> EngineConfig:
    engine = settings.config.engine
    return EngineConfig(
        redis_url=settings.redis_url,
        runtime=settings.runtime,
        data=settings.data,
        shard=settings.shard,
        capacities=capacities(settings.config.capacity, settings.shards),
        ring_slots=engine.ring_slots,
        cpu=_core(engine.cpu, settings.shard, settings.shards),
        busy_poll=engine.busy_poll,
        metrics_port=settings.metrics_port,
        stages_every=settings.config.server.stages_every,
        standby=standby,
        replicas=settings.config.replicas,
        number=settings.worker,
    )


def snapshot_rules(settings: Settings) -> Rules:
    config = settings.config
    limits = Retention(config.keep_days * DAY_MS, config.bounds.redis_bytes, min(config.snapshots.keep, 2))

    def trim_logs() -> str:
        with closing(client_of(settings.redis_url, TRIM_SECONDS)) as client:
            return trim(client, keys(settings.shard), settings.data, settings.shard, limits)

    return Rules(
        data=settings.data,
        shard=settings.shard,
        every_seconds=config.snapshots.every_minutes * 60.0,
        every_commands=config.snapshots.every_commands,
        keep=config.snapshots.keep,
        trim=trim_logs,
    )


def capacities(capacity: Capacity, shards: int) -> Capacities:
    """Of an engine of a venue of so many shards."""
    return Capacities(
        accounts=capacity.accounts,
        assets=capacity.assets,
        markets=capacity.markets,
        orders=capacity.orders,
        levels=max(
            capacity.levels, capacity.orders
        ),  # an order more is never a level too many: see book/ledger/shares.py
        keys=capacity.keys,
        gateways=capacity.gateways,
        timers=capacity.timers,
        ended=capacity.ended,
        ended_per_account=capacity.ended_per_account,
        references=capacity.references,
        links=most_links(capacity.accounts, shards),
    )


def _core(wanted: int, shard: int, shards: int) -> int | None:
    """The core to pin to: the one wanted, or for -1 the last of those allowed; so many before it as the number of the
    shard says, but one after it of a core that was wanted. None where not every engine has its own, and one is left for
    all else: then the system knows better."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    if wanted >= 0 and wanted + shard in allowed:
        return wanted + shard
    return allowed[-1 - shard] if len(allowed) > shards else None
