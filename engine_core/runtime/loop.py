"""The engine's loop: read, execute, ring, publish; and again. One thread, nothing per order in Python.

    Redis     | read n+1 ......... | take events n ... | read n+2 ........
    engine    | execute n, ring n, send events n      | execute n+1, ...

Each read is asked for before the last one is executed, each append is confirmed while the next one is computed, so the
two processes work at the same time; with nothing to do it sleeps in poll(). Non-goals: recovery of what was executed
before (recovery.py), and deciding anything about orders (book/).
"""

import logging
import select
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import redis

from engine_core.book.state import TIMERS
from engine_core.book.triggers import FIRED
from engine_core.runtime.config import TICK_MS, WAITING_BYTES, EngineConfig
from engine_core.runtime.connection import UNREACHABLE, Connection, client_of
from engine_core.runtime.guard import CrashGuard
from engine_core.runtime.intake import BLOCK_MS, Intake
from engine_core.runtime.machine import Machine
from engine_core.runtime.publish import Publisher, Refused
from engine_core.runtime.queries import Answers
from engine_core.runtime.recovery import check_logs, create_log, replay
from engine_core.wire.codes import CommandKind
from engine_core.wire.gateway import Gateway
from engine_core.wire.layout import COMMAND
from engine_core.wire.log import LogError
from engine_core.wire.metrics import Histogram
from engine_core.wire.ring import RingWriter
from engine_core.wire.streams import EntryId, keys

RETRY_SECONDS = 0.1
PATIENCE_SECONDS = 10.0
FEW_ENTRIES = 4  # in one read: the exchange is not busy
RING_EVENTS = 2048  # of a long batch: ring the bells after so many
QUESTIONS_BACK_MS = 5000  # questions asked so long before we came up may still be waited for

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Counters:
    """What an engine process did since it started; read by metrics, written by the loop alone."""

    entries: int = 0
    commands: int = 0
    events: int = 0
    refused_blocks: int = 0
    reads: int = 0
    questions: int = 0
    ticks: int = 0
    wakeups: int = 0  # of sleeping readers
    reconnects: int = 0
    append_refusals: int = 0
    replayed_commands: int = 0
    replay_seconds: float = 0.0


class Stages(NamedTuple):
    """How long the parts of an order's way through the engine take, batch by batch."""

    queue: Histogram
    match: Histogram
    confirm: Histogram

    @classmethod
    def new(cls) -> "Stages":
        stages = {
            "queue": "from the ID of the first entry of a read (whole milliseconds) until it was read",
            "match": "to execute a read: book, ring and the bytes of its events",
            "confirm": "from the first byte of an append to its confirmation",
        }
        text = "Time of one batch in each stage: "
        return cls(*(Histogram("stage_seconds", text + what, (("stage", name),)) for name, what in stages.items()))


class Engine:
    def __init__(self, config: EngineConfig, beat: Callable[[], None] = lambda: None) -> None:
        self._config = config
        self._names = keys(config.shard)
        self.machine = Machine(config.capacities)
        self.publisher = Publisher(self._names)
        self.counters = Counters()
        self.stages = Stages.new()
        self.following = False  # everything that the log held at the start is executed, and Redis is there
        self.ring: RingWriter | None = None
        self._beat = beat
        self._guard: CrashGuard | None = None
        self._ticks: Gateway | None = None
        self._next_tick = 0.0
        self._recovered = False

    def run(self, ready: Callable[[], None]) -> None:
        """Never returns. LogError when the logs are not ones that this engine can go on with."""
        while True:
            try:
                self._run_connected(ready)
            except UNREACHABLE as error:
                if isinstance(error, redis.BusyLoadingError):
                    logger.info("Redis is loading its data")
                else:
                    logger.warning("Redis cannot be reached, trying again: %s", error)
                self.following = False
                self.counters.reconnects += 1
                self._ticks = None
                self._beat()
                time.sleep(RETRY_SECONDS)

    def _run_connected(self, ready: Callable[[], None]) -> None:
        url, machine = self._config.redis_url, self.machine
        with ExitStack() as stack:
            client = stack.enter_context(closing(client_of(url, PATIENCE_SECONDS)))
            orders, events = check_logs(client, self._names, machine.position, machine.log_id)
            if not orders.length:
                create_log(client, self._names)
            if self._guard is None:
                path = self._config.data / f"engine-{self._config.shard}.entry"
                self._guard = CrashGuard(path, client, self._names)
            appends, answering, reading = (
                stack.enter_context(closing(Connection(url, seconds)))
                for seconds in (PATIENCE_SECONDS, PATIENCE_SECONDS, PATIENCE_SECONDS + BLOCK_MS / 1000)
            )
            self.publisher.connect(appends, client, events.top)
            if not self._recovered:
                self._recover(reading, events.top)
            answers = Answers(answering, self._names)
            now_ms = time.time_ns() // 1_000_000
            intake = Intake(reading, self._names, machine.position, EntryId(now_ms - QUESTIONS_BACK_MS, 0))
            logger.info("following %s after %s", self._names.orders, machine.position)
            ready()
            self.following = True
            self._follow(intake, appends, answers)

    def _recover(self, connection: Connection, top: EntryId) -> None:
        assert self._guard is not None
        started = time.monotonic()
        commands = replay(self.machine, self._guard, connection, self._names, self.publisher, top, self._beat)
        self.counters.replayed_commands = commands
        self.counters.replay_seconds = time.monotonic() - started
        if self.machine.log_id:
            self._open_ring(top)
        self._recovered = True

    def _open_ring(self, base: EntryId) -> None:
        config, machine = self._config, self.machine
        self.ring = RingWriter(config.runtime, config.shard, config.ring_slots, machine.log_id, machine.epoch, base)

    def _follow(self, intake: Intake, appends: Connection, answers: Answers) -> None:
        poller = select.poll()
        poller.register(intake.fileno, select.POLLIN)
        poller.register(appends.fileno(), select.POLLIN)
        publisher = self.publisher
        intake.request()
        publisher.flush()
        while True:
            readable = {descriptor for descriptor, _ in poller.poll(self._timeout_ms())}
            self._beat()
            if appends.fileno() in readable:
                if publisher.under_way:
                    self._settle()
                else:
                    appends.receive()  # nothing is to come: the connection ended, and this says so
            if intake.fileno in readable:
                self._process(intake, answers)
            if publisher.waiting and not publisher.under_way:
                publisher.flush()
            self._tick()

    def _process(self, intake: Intake, answers: Answers) -> None:
        batch = intake.receive()
        ahead = len(batch.entries) > FEW_ENTRIES  # else whoever waits for the answer comes first
        if ahead:
            intake.request()
        self.counters.reads += 1
        began, rung = time.perf_counter(), self.counters.events
        if batch.entries:
            self.stages.queue.record(max(time.time() - batch.entries[0][0].ms / 1000, 0.0))
        for number, (entry, block) in enumerate(batch.entries, 1):
            if self._execute(entry, block, number == len(batch.entries) or self.counters.events - rung >= RING_EVENTS):
                rung = self.counters.events
        if not ahead:
            intake.request()
        if batch.entries:
            self.stages.match.record(time.perf_counter() - began)
            self.publisher.flush()
            while self.publisher.unconfirmed_bytes > WAITING_BYTES:
                self._settle()
                self.publisher.flush()
        for question in batch.questions:
            answers.ask(question)
        self.counters.questions += answers.give(self.machine)

    def _execute(self, entry: EntryId, block: bytes, bells: bool) -> bool:
        """Execute and publish one entry. `bells`: wake the readers, before the entry goes to the stream; returned."""
        assert self._guard is not None
        machine, counters, before = self.machine, self.counters, self.machine.position
        mirror = self._guard.execute(machine, entry, block)
        if self.ring is None:
            if not machine.log_id:
                raise LogError(f"{self._names.orders} begins at {entry} with something else than GENESIS")
            self._open_ring(before)
        assert self.ring is not None
        self.ring.write(mirror.events, mirror.stamp)
        if bells:
            counters.wakeups += self.ring.ring()
        self.publisher.add(entry, machine.encode(mirror))
        counters.entries += 1
        counters.commands += mirror.commands
        counters.events += len(mirror.events)
        return bells

    def _settle(self) -> None:
        try:
            if self.publisher.under_way:
                self.publisher.settle()
                self.stages.confirm.record(time.monotonic() - self.publisher.sent_at)
        except Refused as error:
            self.counters.append_refusals += 1
            logger.error("Redis takes no events, trying again: %s", error)
            time.sleep(RETRY_SECONDS)

    def _timeout_ms(self) -> float | None:
        """How long poll() may sleep: until the next timer is due; for ever if there is none."""
        if self._config.busy_poll:
            return 0
        due_ms = self._due_ms()
        if due_ms is None:
            return None
        return max(1.0, due_ms - time.time_ns() // 1_000_000, (self._next_tick - time.monotonic()) * 1000)

    def _due_ms(self) -> int | None:
        """When work that waits for time to pass is due, in engine time."""
        state = self.machine.state
        if state.levels[FIRED]["head"] != 0:
            return 0  # triggers that did not fit into the last command
        if state.counters[TIMERS] == 0:
            return None
        return int(state.timers[state.timer_heap[1]]["due_ms"])

    def _tick(self) -> None:
        """Append TICK, at most every TICK_MS, while something is due: engine time passes only by commands."""
        due_ms = self._due_ms()
        now = time.monotonic()
        if due_ms is None or due_ms > time.time_ns() // 1_000_000 or now < self._next_tick:
            return
        self._next_tick = now + TICK_MS / 1000
        if self._ticks is None:
            self._ticks = Gateway(self._config.redis_url, self._config.shard)
        tick = np.zeros(1, COMMAND)
        tick["kind"] = CommandKind.TICK
        self._ticks.append(tick)
        self.counters.ticks += 1
