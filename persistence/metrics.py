"""What the writer shows of itself: how much it stored, how long commits take, how far behind it is."""

import time
from collections.abc import Iterator, Sequence

import numpy as np

from engine_core.process.metrics import Monitor, Sample
from engine_core.process.stages import Stage, Stamps, now
from persistence.source import Batch


class Metrics:
    def __init__(self, stages_every: int = 0, shard: int = 0) -> None:
        self._events = self._commits = 0
        # Engine time of the oldest event that is known and not stored; None: there is none. Its age is counted when
        # somebody asks: what was last stored says nothing any more once nothing can be stored.
        self._oldest_ms: float | None = None
        self._waiting = "starting"
        self.monitor = Monitor("writer", shard=shard, samples=self._samples, not_ready=lambda: self._waiting)
        self._stamps = Stamps(stages_every, Stage.STORED)
        self.monitor.stamps = self._stamps.after
        self._commit_time = self.monitor.histogram("store_seconds", "Time to turn a batch into rows and commit it")

    def waiting(self, why: str) -> None:
        """Nothing is stored at the moment, and why; empty: it goes on."""
        self._waiting = why
        self.monitor.beat()

    def idle(self) -> None:
        """All that the log has is stored."""
        self._oldest_ms = None
        self.monitor.beat()

    def unstored(self, times_ms: Sequence[float] | np.ndarray) -> None:
        """Events of these times, or none, are in the log and not stored yet."""
        self._oldest_ms = float(times_ms[0]) if len(times_ms) else None

    def stored(self, batch: Batch, seconds: float) -> None:
        at, times_ms, end = now(), batch.times_ms, 0
        for sender, count in zip(batch.senders, batch.counts, strict=True):
            end += count
            if self._stamps.wants(sender.sequence):
                self._stamps.add(sender, at, orders=self._stamps.orders_of(batch.events[end - count : end]))
        self._events += len(times_ms)
        self._commits += 1
        self._commit_time.record(seconds)
        # What comes next in the log, if it is known that something does, is no older than the last one.
        self._oldest_ms = float(times_ms[-1]) if batch.is_full and len(times_ms) else None
        self.monitor.beat()

    def _samples(self) -> Iterator[Sample]:
        yield Sample("stored_events_total", "Events stored in the database", self._events)
        yield Sample("store_commits_total", "Transactions committed", self._commits)
        oldest_ms = self._oldest_ms  # the writer goes on meanwhile
        lag_s = 0.0 if oldest_ms is None else max(time.time() - oldest_ms / 1000, 0.0)
        yield Sample("store_lag_seconds", "Age of the oldest event that is not stored; 0: all are", lag_s)
