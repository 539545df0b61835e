"""What an engine shows of itself: how much it did, how long each stage of an order's way took, how full it is.

The numbers are those that the loop keeps anyway; they are read from another thread, only when somebody asks.
"""

from collections.abc import Iterator

from engine_core.process.metrics import Monitor, Sample
from engine_core.runtime.clock import ahead_ms
from engine_core.runtime.engine import Engine
from engine_core.runtime.fullness import tables


def show(engine: Engine, monitor: Monitor) -> None:
    """Let `monitor` show this engine."""
    monitor.samples = lambda: _samples(engine)
    monitor.not_ready = lambda: _waiting(engine)
    monitor.histograms.extend(engine.stages)
    monitor.stamps = engine.stamps.after


def _waiting(engine: Engine) -> str:
    if not engine.following:
        return "replaying the log, or waiting for Redis"
    replication = engine.publisher.replication
    return replication.waiting if replication is not None and engine.active else ""


def _samples(engine: Engine) -> Iterator[Sample]:
    counters, publisher = engine.counters, engine.publisher
    yield Sample("matched_commands_total", "commands executed", counters.commands)
    yield Sample("events_total", "events computed", counters.events)
    trades = int(engine.machine.state.markets["trades"].sum())
    yield Sample("trades_total", "trades since the log began, in all markets", trades)
    yield Sample("entries_total", "entries of the command log executed", counters.entries)
    yield Sample("questions_total", "questions answered", counters.questions)
    yield Sample("ticks_total", "TICK commands appended for due timers", counters.ticks)
    yield Sample("reader_wakeups_total", "sleeping ring readers woken", counters.wakeups)
    yield Sample("redis_reconnects_total", "times that Redis had to be reached again", counters.reconnects)
    yield Sample("append_refusals_total", "times that Redis refused events", counters.append_refusals)
    yield Sample("events_confirmed_bytes_total", "bytes of events that Redis has confirmed", publisher.confirmed_bytes)
    yield Sample("events_unconfirmed_bytes", "bytes of events computed but not confirmed", publisher.unconfirmed_bytes)
    if publisher.replication is not None:
        wanted, there = publisher.replication.wanted, publisher.replication.there
        yield Sample("replicas_wanted", "replicas that must have what leaves the engine", wanted)
        yield Sample("replicas_there", "replicas that had the events when they were last asked", there)
    yield Sample("engine_active", "1: it publishes, 0: it stands by", int(engine.active))
    ahead = ahead_ms(engine.machine.time_ms) / 1000
    yield Sample("clock_ahead_seconds", "by how much engine time is ahead of this machine's clock", ahead)
    yield Sample("takeovers_total", "times that this standby became active", counters.takeovers)
    yield Sample("log_restored_total", "times that Redis lost the end of a log and got it back", counters.restored)
    keeper = engine.keeper
    yield Sample("snapshots_total", "snapshots written", keeper.taken)
    yield Sample("snapshots_failed_total", "snapshots that could not be written", keeper.failed)
    yield Sample("snapshot_fork_seconds", "time for which the last snapshot stopped matching", keeper.fork_seconds)
    yield Sample("snapshot_write_seconds", "time until the last snapshot was on the disk", keeper.write_seconds)
    age = keeper.newest_age()
    if age is not None:
        yield Sample("snapshot_age_seconds", "age of the newest snapshot, whoever took it", age)
    yield Sample("replay_seconds", "time of the replay at the last start", counters.replay_seconds)
    for table in tables(engine.machine.state):
        labels = (("of", table.name),)
        yield Sample("capacity_used", "how many of them there are", table.used, labels)
        yield Sample("capacity", "how many of them there may be", table.size, labels)
        if table.pool:
            yield Sample("pool_used", "of them beyond the accounts' own shares", table.pool_used, labels)
            yield Sample("pool", "how many may be beyond the accounts' own shares", table.pool, labels)
    ring = engine.ring  # the engine may close it while this thread looks
    if ring is not None:
        readers = ring.readers()
        yield Sample("ring_readers", "processes reading the ring", len(readers))
        behind = max((slots for _, slots, _ in readers), default=0)
        yield Sample("ring_lag_slots", "by how many events the slowest reader was behind as of its last sleep", behind)
        yield Sample("ring_lapped_total", "times that a reader was overtaken", sum(lapped for _, _, lapped in readers))
