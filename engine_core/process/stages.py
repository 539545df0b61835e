"""Where the time of an order goes: when each process has done its part of a sample of orders.

    received ─▶ authenticated ─▶ appended ─▶ read ─▶ matched ─▶ published ─┬─▶ answered   ingress
    └──────────── ingress ─────────────┘     └──────── engine ─────────┘   ├─▶ streamed   egress
                                                                           └─▶ stored     writer

The stamps stand beside the records, never in them: each process keeps a table of its own in memory (Stamps) and shows
it on its socket in the runtime folder; who wants to know joins them (Journeys). All processes know a block by its
gateway, incarnation and sequence, and sample each block whose sequence is a multiple of [server] stages_every; of its
orders, ingress times one. Times are seconds of CLOCK_MONOTONIC, one clock for all processes of a host.

Non-goals: every order; other hosts, which have another clock; the client's own part.
"""

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from engine_core.process import log_lines
from engine_core.process.metrics import Histogram, Monitor
from engine_core.process.sockets import ask, of_roles

ROWS = 4096  # of one process; a look at least every few seconds misses none
SETTLED_S = 1.0  # after its first stamp was seen, an order that is in the database has been everywhere else
LATEST_S = 10.0  # and one that is not will be missing there
now = time.perf_counter  # CLOCK_MONOTONIC on Linux


class Stage(StrEnum):
    """What has happened to an order."""

    RECEIVED = "received"  # its last byte has come to the socket of ingress; off Linux: ingress has read it
    AUTHENTICATED = "authenticated"  # its signature and its limits are checked, its command is made
    APPENDED = "appended"  # its block goes to Redis
    READ = "read"  # Redis has it, on the disk if durability is "always", and the engine has got it
    MATCHED = "matched"  # its whole block is executed
    PUBLISHED = "published"  # its events are on the ring
    ANSWERED = "answered"  # its answer went to the client's socket
    STREAMED = "streamed"  # the frames of its events went to the sockets of their subscribers
    STORED = "stored"  # its events are committed


WAY = (Stage.RECEIVED, Stage.AUTHENTICATED, Stage.APPENDED, Stage.READ, Stage.MATCHED, Stage.PUBLISHED, Stage.ANSWERED)
BEFORE = dict(zip(WAY[1:], WAY, strict=False)) | {Stage.STREAMED: Stage.PUBLISHED, Stage.STORED: Stage.PUBLISHED}


class Sender(NamedTuple):
    """By what every process knows a block."""

    gateway: int
    incarnation: int
    sequence: int


class Row(msgspec.Struct, array_like=True, frozen=True):
    gateway: int
    incarnation: int
    sequence: int
    order_id: int  # 0: this process does not say
    at: tuple[float, ...]  # one time for each stage of the table


class Table(msgspec.Struct):
    """What a process shows: the rows after those that were asked for before."""

    began_ns: int  # tells it from the table of the process that was this one before
    count: int  # rows ever made
    every: int
    stages: list[str]
    rows: list[Row]


class Stamps:
    """Of one process: its thread adds, any thread reads. `every` 0: none are taken."""

    def __init__(self, every: int, *stages: Stage) -> None:
        self.every = every
        self._stages = [stage.value for stage in stages]
        self._began_ns = time.time_ns()
        self.tells = log_lines.tells_orders()  # so whoever adds says of which orders
        self._rows: list[Row | None] = [None] * ROWS
        self._count = 0

    def wants(self, sequence: int) -> bool:
        return self.every > 0 and sequence % self.every == 0

    def wanted(self, sequences: np.ndarray) -> list[int]:
        """At which places of many wants() is true."""
        return np.flatnonzero(sequences % self.every == 0).tolist() if self.every > 0 else []

    def add(self, sender: Sender, *at: float, order_id: int = 0, orders: Sequence[int] = ()) -> None:
        self._rows[self._count % ROWS] = Row(*sender, order_id, at)
        self._count += 1
        if self.tells:
            log_lines.tell(sender, orders or (order_id,), dict(zip(self._stages, at, strict=True)))

    def orders_of(self, events: np.ndarray) -> list[int]:
        """Those that EVENT records are about, if the log is to tell."""
        return [number for number in np.unique(events["order_id"]).tolist() if number] if self.tells else []

    def after(self, seen: int) -> bytes:
        """A Table as JSON, of the rows after the first `seen`, as far as they are still there."""
        count, rows = (
            self._count,
            self._rows.copy(),
        )  # in this order: a row that comes in between is shown the next time
        first = max(seen, count - ROWS) if seen <= count else max(0, count - ROWS)
        found = [row for place in range(first, count) if (row := rows[place % ROWS]) is not None]
        return msgspec.json.encode(Table(self._began_ns, count, self.every, self._stages, found))


@dataclass
class Journey:
    """What is known of one order, or of a block that came from elsewhere."""

    sender: Sender
    since: float
    order_id: int = 0
    at: dict[Stage, float] = field(default_factory=dict)

    def parts(self) -> dict[Stage, float]:
        """Seconds until each stage, from the one before it; of those of which both are known."""
        return {
            stage: self.at[stage] - self.at[before]
            for stage, before in BEFORE.items()
            if {stage, before} <= self.at.keys()
        }

    def answered_s(self) -> float | None:
        """From the first stage until the answer, if all on that way are known: the sum of its parts."""
        if self.at.keys() >= set(WAY):
            return self.at[Stage.ANSWERED] - self.at[Stage.RECEIVED]
        return None


class Journeys:
    """Joins what all processes of an exchange show."""

    def __init__(self, runtime: Path) -> None:
        self._runtime = runtime
        self._seen: dict[Path, tuple[int, int]] = {}  # (began_ns, count) of a process's table
        self._under_way: dict[Sender, Journey] = {}
        self.every = 0  # as the processes say it

    def look(self) -> None:
        """Take what came since the last look."""
        for path in of_roles(self._runtime):
            began_ns, count = self._seen.get(path, (0, 0))
            answer = ask(path, f"/stages?after={count}")
            if answer is None or answer[0] != 200:
                continue
            table = msgspec.json.decode(answer[1], type=Table)
            if began_ns not in (0, table.began_ns):
                self._seen[path] = (table.began_ns, 0)
                continue  # another process: all of its table with the next look
            self._seen[path] = (table.began_ns, table.count)
            self.every = table.every
            self._take([Stage(name) for name in table.stages], table.rows)

    def finished(self) -> list[Journey]:
        """Those of which nothing more is expected; they are not kept any longer."""
        at = now()

        def is_finished(journey: Journey) -> bool:
            return at - journey.since > (SETTLED_S if Stage.STORED in journey.at else LATEST_S)

        return self._taken(filter(is_finished, self._under_way.values()))

    def under_way(self) -> list[Journey]:
        """Those that are not finished, or not taken."""
        return list(self._under_way.values())

    def all(self) -> list[Journey]:
        """Also those that are under way; they are not kept any longer."""
        return self._taken(self._under_way.values())

    def _taken(self, journeys: Iterable[Journey]) -> list[Journey]:
        taken = list(journeys)
        for journey in taken:
            del self._under_way[journey.sender]
        return taken

    def _take(self, stages: Sequence[Stage], rows: Iterable[Row]) -> None:
        since = now()
        for row in rows:
            sender = Sender(row.gateway, row.incarnation, row.sequence)
            journey = self._under_way.setdefault(sender, Journey(sender, since))
            journey.order_id = journey.order_id or row.order_id
            for stage, at in zip(stages, row.at, strict=True):
                journey.at.setdefault(stage, at)  # a block that was sent twice is executed once, the first time


class StageTimes:
    """The journeys as histograms, one for each stage, in the metrics of one process."""

    def __init__(self, monitor: Monitor, runtime: Path) -> None:
        self._journeys = Journeys(runtime)
        self._lock = threading.Lock()
        text = (
            "Time of a sampled order until this stage, from the stage before it; of streamed and stored, from published"
        )
        self._times: dict[Stage, Histogram] = {
            stage: monitor.histogram("order_stage_seconds", text, stage=stage.value) for stage in BEFORE
        }

    def refresh(self) -> None:
        """Take what came since the last time. From the threads that answer."""
        with self._lock:
            self._journeys.look()
            for journey in self._journeys.finished():
                for stage, seconds in journey.parts().items():
                    self._times[stage].record(max(seconds, 0.0))
