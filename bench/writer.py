"""Events a second from the event log into PostgreSQL, and how far the writer is behind at a given rate.

    exchange bench writer [--events N] [--rate N] [--seconds N] [--json FILE]

Starts a Valkey, a PostgreSQL and a writer of its own in a temporary folder. The events are those of the exchange's own
book, of a seeded busy flow in blocks of 256 commands, made before the clock starts.

1. backlog: the writer is stopped, so many events are appended, it goes on: how long until all of them are stored
2. lag: events arrive at the rate; of each block the time from its arrival to the writer's report that it is stored

At the end the rows of trades, fills and orders are counted and held against the events. Non-goals: making the events,
and what reading history costs (history/).
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from bench.own_folder import own_folder
from bench.pipeline import BenchError
from bench.recovery import prepared
from bench.report.result import Check, Figure, Run, percentile_curve
from bench.report.shares import Shares, measured_shares
from bench.workloads import mixed_flow
from engine_core.arguments import new_file, seconds, whole
from engine_core.host.embedded import EmbeddedError, Postgres, Valkey, running
from engine_core.runtime.machine import Machine
from engine_core.transport.backlog import parse_stored
from engine_core.transport.redis_connection import client_of
from engine_core.wire.codes import EventKind
from engine_core.wire.layout import BLOCK_HEADER, EVENT
from engine_core.wire.streams import FIELD, ORIGIN, EntryId, decode_block, keys

NAMES = keys(0)
SEED, MARKETS, ACCOUNTS, BLOCK = 11, 8, 1_000, 256
BAR_EVENTS, BAR_LAG_S = 150_000, 1.0
STALLED_SECONDS = 60.0
BEAT_SECONDS = 0.005
PER_PIPELINE = 64

SHARES = {"p50": 0.5, "p99": 0.99, "max": 1.0}
_BACKEND = b"select pid from pg_stat_activity where application_name = 'exchange writer'"

Entry = tuple[EntryId, bytes]


@dataclass(frozen=True)
class Result:
    events: int
    events_per_second: float
    shares: Shares
    rate: int
    lag_s: dict[str, float]
    arrived_per_second: float
    rows: dict[str, int]
    database_mb: float


class Events:
    """The event log of a busy exchange, block after block, and how many rows it comes to."""

    def __init__(self, commands: int) -> None:
        flow = mixed_flow(SEED, commands, MARKETS, ACCOUNTS)
        machine, blocks, made = prepared(flow)
        beginning = Machine(flow.capacities)
        self._fills, self._orders = 0, [np.zeros(0, np.uint64)]
        self._log = ((e, machine.encode(machine.execute(e, b))) for e, b in blocks.make(flow.commands, BLOCK))
        self.setup = [(entry, beginning.encode(beginning.execute(entry, block))) for entry, block in made]

    def take(self, events: int) -> list[Entry]:
        """The next blocks of at least so many events."""
        taken: list[Entry] = []
        while events > 0:
            entry = next(self._log, None)
            if entry is None:
                raise BenchError("the flow has too few events")
            taken.append(entry)
            events -= size(entry)
            records = decode_block(entry[1], EVENT)[1]
            self._fills += int((records["kind"] == EventKind.FILL).sum())
            begins = np.isin(records["kind"], (EventKind.ACCEPTED, EventKind.TRIGGER_PLACED))
            self._orders.append(records["order_id"][begins].astype(np.uint64))
        return taken

    @property
    def rows(self) -> dict[str, int]:
        """Of the tables, once all that was taken is stored."""
        orders = len(np.unique(np.concatenate(self._orders)))
        return {"trades": self._fills // 2, "fills": self._fills, "orders": orders}


def size(entry: Entry) -> int:
    return (len(entry[1]) - BLOCK_HEADER.itemsize) // EVENT.itemsize


class Log:
    """The event stream, and the writer's report of how far it has stored it."""

    def __init__(self, url: str) -> None:
        self._client = client_of(url, 60)

    def append(self, entries: list[Entry]) -> None:
        for first in range(0, len(entries), PER_PIPELINE):
            with self._client.pipeline(transaction=False) as pipe:
                for entry, block in entries[first : first + PER_PIPELINE]:
                    pipe.xadd(NAMES.events, {FIELD: block}, id=str(entry))
                pipe.execute()

    def stored(self) -> EntryId:
        report = parse_stored(self._client.get(NAMES.stored))
        return report.entry if report else ORIGIN

    def wait(self, entry: EntryId) -> None:
        """Until it is stored."""
        reached, moved_at = self.stored(), time.monotonic()
        while reached < entry:
            time.sleep(BEAT_SECONDS)
            before, reached = reached, self.stored()
            if reached > before:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > STALLED_SECONDS:
                raise BenchError(
                    f"the writer has stored nothing for {STALLED_SECONDS:.0f} s; what it says stands above"
                )

    def close(self) -> None:
        self._client.close()


@contextmanager
def writer(redis_url: str, database_url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A writer process; yields once it is ready."""
    ready, tell = os.pipe()
    environment = {
        **os.environ,
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "EXCHANGE_DATA": str(folder),
        "EXCHANGE_RUNTIME": str(folder),
        "EXCHANGE_READY_FD": str(tell),
        "EXCHANGE_PARENT_PID": str(os.getpid()),
        "EXCHANGE_METRICS_PORT": "0",
        "EXCHANGE_LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen([sys.executable, "-P", "-m", "persistence"], env=environment, pass_fds=(tell,))
    os.close(tell)
    try:
        if os.read(ready, 1) != b"1":
            raise BenchError("the writer did not start; what it says stands above")
        yield process
    finally:
        os.close(ready)
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()


def measure_backlog(
    log: Log, entries: list[Entry], process: subprocess.Popen[bytes], backend: int
) -> tuple[float, Shares]:
    """(seconds until all of them are stored, what it took of the cores)"""
    process.send_signal(signal.SIGSTOP)
    log.append(entries)
    with measured_shares({"writer": process.pid, "PostgreSQL": backend}) as shares:
        began = time.perf_counter()
        process.send_signal(signal.SIGCONT)
        log.wait(entries[-1][0])
        took = time.perf_counter() - began
    return took, shares


def measure_lag(log: Log, entries: list[Entry], rate: int) -> tuple[np.ndarray, float]:
    """(seconds from each block's arrival until it was stored, events a second that arrived)"""
    due = np.cumsum([size(entry) for entry in entries]) / rate
    arrived, stored = np.zeros(len(entries)), np.zeros(len(entries))
    began, sent, done = time.perf_counter(), 0, 0
    while done < len(entries):
        now = time.perf_counter() - began
        if (until := int(np.searchsorted(due, now, side="right"))) > sent:
            arrived[sent:until] = now
            log.append(entries[sent:until])
            sent = until
        reached = log.stored()
        now = time.perf_counter() - began
        while done < sent and entries[done][0] <= reached:
            stored[done] = now
            done += 1
        if now - due[-1] > STALLED_SECONDS:
            raise BenchError(f"the writer is more than {STALLED_SECONDS:.0f} s behind {rate:,} events/s")
        time.sleep(BEAT_SECONDS)
    return stored - arrived, due[-1] * rate / arrived[-1]


def check_rows(connection: psycopg.Connection[Any], expected: dict[str, int]) -> None:
    for table, count in expected.items():
        row = connection.execute(f"select count(*) from {table}".encode()).fetchone()
        if row is None or row[0] != count:
            raise BenchError(f"the table {table} has {row and row[0]} rows, the events come to {count}")


def measure(events: int, rate: int, seconds: float) -> tuple[Result, np.ndarray]:
    made = Events(events + round(rate * seconds) + 2 * BLOCK)  # each command has at least one event
    backlog, arriving = made.take(events), made.take(round(rate * seconds))
    with (
        own_folder("xb-", "/tmp") as folder,
        running(Valkey(folder, folder), folder / "valkey.log") as url,
        running(Postgres(folder, folder), folder / "postgres.log") as database_url,
        writer(url, database_url, folder) as process,
        closing(Log(url)) as log,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        log.append(made.setup)
        log.wait(made.setup[-1][0])
        (backend,) = connection.execute(_BACKEND).fetchone() or (0,)
        took, shares = measure_backlog(log, backlog, process, backend)
        lag, arrived = measure_lag(log, arriving, rate)
        check_rows(connection, made.rows)
        (megabytes,) = connection.execute(b"select pg_database_size(current_database()) / 1e6").fetchone() or (0,)
    stored = sum(map(size, backlog))
    result = Result(
        events=stored,
        events_per_second=stored / took,
        shares=shares,
        rate=rate,
        lag_s={name: float(np.quantile(lag, share)) for name, share in SHARES.items()},
        arrived_per_second=arrived,
        rows=made.rows,
        database_mb=float(megabytes),
    )
    return result, lag


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="exchange bench writer", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--events", type=whole(1, 1_000_000_000), default=1_000_000, help="events of the backlog (default: 1 M)"
    )
    parser.add_argument(
        "--rate", type=whole(1, 100_000_000), default=100_000, help="events a second that arrive (default: 100,000)"
    )
    parser.add_argument("--seconds", type=seconds(0.1, 3_600), default=10.0, help="for so long (default: 10)")
    parser.add_argument("--json", type=new_file, metavar="FILE", help="also write the result to FILE")
    options = parser.parse_args(argv)
    run = Run("writer", options, seed=SEED)
    try:
        result, lag = measure(options.events, options.rate, options.seconds)
    except (BenchError, EmbeddedError, psycopg.Error, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _print(result)
    figures = [
        Figure("stored", result.events_per_second, "events/s", "higher"),
        *(Figure(f"lag {name}", value, "s", "lower") for name, value in result.lag_s.items()),
        *(Figure(f"CPU, {name}", part.cores, "cores", "") for name, part in result.shares.parts.items()),
    ]
    checks = [Check("rows", True, "of trades, fills and orders are as many as the events come to")]
    curve = percentile_curve(
        "Lag of a block", "s", {"writer": (len(lag), lambda share: float(np.quantile(lag, share)))}
    )
    run.write(options.json, figures, checks, [curve], own=asdict(result))
    return 0


def _print(result: Result) -> None:
    spent = sum(part.cores for part in result.shares.parts.values()) / result.events_per_second * 1e6
    lag = ", ".join(f"{name} {value:.2f} s" for name, value in result.lag_s.items())
    print(f"{result.events_per_second:12,.0f} events/s from a backlog of {result.events:,}   bar {BAR_EVENTS:,}")
    print(f"{spent:12.2f} us of processor time an event\n{result.shares.table()}\n{result.shares.verdict}")
    print(f"{result.arrived_per_second:12,.0f} events/s arriving: lag {lag}   bar {BAR_LAG_S:g} s")
    print("rows: " + ", ".join(f"{count:,} {table}" for table, count in result.rows.items()) + " as the events say")


if __name__ == "__main__":
    sys.exit(main())
