"""What the writer says of its lag is true when it is asked, also while it can store nothing."""

import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import numpy as np
import psycopg
import pytest
import redis

from engine_core.transport.backlog import Stored
from engine_core.wire.layout import EVENT
from engine_core.wire.streams import keys
from persistence.config import WriterConfig
from persistence.metrics import Metrics
from persistence.projection.balances import FeeBalances
from persistence.projection.definitions import Setup
from persistence.projection.numbering import Numbering
from persistence.projection.rows import Books, Rows
from persistence.source import Batch, EventSource
from persistence.store import Position, Store
from persistence.writer import run, store_next
from tests.persistence.blocks import LOG_ID, append
from tests.persistence.flow import Flow

BEGAN_S = 1_000_000.0


def lag_s(metrics: Metrics) -> float:
    (lag,) = (sample.value for sample in metrics.monitor.samples() if sample.name == "store_lag_seconds")
    return lag


@dataclass
class Servers:
    """A log and a database in one, at a time that the test says."""

    batches: list[Batch | None]
    now_s: float = BEGAN_S
    takes_s: float = 0.0  # of a commit
    fails: bool = False
    position: Position = field(default_factory=Position)
    setup: Setup = field(default_factory=Setup)
    books: Books = field(
        default_factory=lambda: Books(
            Numbering(lambda pairs: []), Numbering(lambda pairs: []), FeeBalances(lambda asset: 0), 0, 0
        )
    )

    def read(self, position: Position, max_bytes: int) -> Batch | None:
        return self.batches.pop(0)

    def commit(self, rows: Rows, position: Position) -> None:
        self.now_s += self.takes_s
        if self.fails:
            raise psycopg.OperationalError("the server closed the connection unexpectedly")

    def tell_stored(self, batch: Batch) -> None:
        pass

    def step(self, metrics: Metrics) -> None:
        store_next(cast(Store, self), cast(EventSource, self), WriterConfig("", "", pause_ms=0), metrics)


def batch(*ages_s: float, is_full: bool = False) -> Batch:
    """Events of before the beginning; of kind 0, which makes no rows."""
    times_ms = np.array([(BEGAN_S - age) * 1_000 for age in ages_s], np.int64)
    return Batch(np.zeros(len(ages_s), EVENT), times_ms, Position(), [], [], is_full)


def test_the_lag_grows_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is 0 where nothing waits. What was last stored does not say: for an hour it would be 0.3 s."""
    servers, metrics = Servers([batch(0.3), None, batch(0.2, 0.1), batch(0.2, 0.1)]), Metrics()
    monkeypatch.setattr("persistence.metrics.time", SimpleNamespace(time=lambda: servers.now_s))
    servers.step(metrics)
    assert lag_s(metrics) == 0.0, "all is stored"
    servers.step(metrics)
    servers.fails = True
    with pytest.raises(psycopg.OperationalError):
        servers.step(metrics)
    metrics.waiting("the server closed the connection unexpectedly")
    servers.now_s += 3_600
    assert lag_s(metrics) == pytest.approx(3_600.2)
    servers.fails = False
    servers.step(metrics)
    assert lag_s(metrics) == 0.0


def test_of_a_backlog_the_next_event_is_no_older_than_the_last_one_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    servers, metrics = Servers([batch(60, 50, is_full=True)], takes_s=2), Metrics()
    monkeypatch.setattr("persistence.metrics.time", SimpleNamespace(time=lambda: servers.now_s))
    servers.step(metrics)
    assert lag_s(metrics) == pytest.approx(52)


class Stopped(Exception):
    """The test has seen enough."""


def test_a_writer_that_never_reached_the_database_knows_its_lag(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what its predecessor reported as stored, or another writer while it waits."""
    flow, ago_ms = Flow(), int(time.time() * 1_000) - 3_600_000
    blocks = [flow.genesis(), flow.block(), flow.block()]
    for number, block in enumerate(blocks):
        block.time_ms = ago_ms - 7_200_000 + 3_600_000 * number
    metrics, seen = Metrics(), list[float]()

    def sleep(seconds: float) -> None:
        seen.append(lag_s(metrics))
        raise Stopped

    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
        monkeypatch.setattr("persistence.writer.time", SimpleNamespace(perf_counter=time.perf_counter, sleep=sleep))
        nowhere = WriterConfig(valkey, "postgresql://u@127.0.0.1:1/d?connect_timeout=2")
        for stored in (None, blocks[1].entry, blocks[2].entry):
            if stored is not None:
                client.set(keys(0).stored, Stored(LOG_ID, stored, 1).encode())
            with pytest.raises(Stopped):
                run(nowhere, lambda: None, metrics)
    assert seen == [pytest.approx(10_800, abs=120), pytest.approx(3_600, abs=120), 0.0]
