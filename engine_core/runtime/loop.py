"""The engine's loop: read, execute, ring, publish; and again. One thread, nothing per order in Python.

    Redis     | read n+1 ......... | take events n ... | read n+2 ........
    engine    | execute n, ring n, send events n      | execute n+1, ...

Each read is asked for before the last one is executed, each append is confirmed while the next one is computed, so the
two processes work at the same time; with nothing to do it sleeps in poll(). A standby does the same, but neither rings
nor publishes nor answers: it keeps what it computed until the active engine has published it, or is gone (standby.py).
Non-goals: recovery of what was executed before (recovery.py), and deciding anything about orders (book/).
"""

import logging
import select
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

import redis

from engine_core.runtime.clock import Clock
from engine_core.runtime.config import WAITING_BYTES, EngineConfig
from engine_core.runtime.counters import Counters, Stages
from engine_core.runtime.crash_guard import CrashGuard
from engine_core.runtime.fullness import Fullness
from engine_core.runtime.log.intake import BLOCK_MS, Intake
from engine_core.runtime.log.publish import AppendRefused, Publisher
from engine_core.runtime.log.skips import check_skips, remember
from engine_core.runtime.log.tail import Forgotten, NotTaken, Tail
from engine_core.runtime.machine import Machine
from engine_core.runtime.own_commands import OwnCommands, due_at
from engine_core.runtime.queries import Answers
from engine_core.runtime.recovery import check_pair, check_position, create_log, read_logs, replay
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.resume import check_has, check_same_log, crc_of, resume
from engine_core.runtime.snapshots.schedule import Keeper
from engine_core.runtime.snapshots.snapshot import Place
from engine_core.runtime.standby import Lookout, active_name
from engine_core.transport.redis_connection import UNREACHABLE, Connection, client_of
from engine_core.transport.ring import RingWriter, Stamp
from engine_core.wire.layout import EVENT
from engine_core.wire.log import RESTORE_SECONDS, LogError, LogState, LogTrimmed
from engine_core.wire.streams import EntryId, decode_block, keys, pack

RETRY_SECONDS = 0.1
SAY_EVERY_S = 60.0
PATIENCE_SECONDS = 10.0
FEW_ENTRIES = 4  # in one read: the exchange is not busy
RING_EVENTS = 2048  # of a long batch: ring the bells after so many
QUESTIONS_BACK_MS = 5000  # questions asked so long before we came up may still be waited for

logger = logging.getLogger(__name__)


class Engine:
    def __init__(
        self, config: EngineConfig, keeper: Keeper, beat: Callable[[], None] = lambda: None, *, wake: int | None = None
    ) -> None:
        self._config = config
        self._names = keys(config.shard)
        self.keeper = keeper
        self.counters = Counters()
        self._fullness = Fullness()
        self.stages = Stages.new()
        self.following = False  # everything that the log held at the start is executed, and Redis is there
        self.active = False  # the one that publishes
        self.on_activation: Callable[[], None] = lambda: None
        self.ring: RingWriter | None = None
        self._clock = Clock()
        self._beat = beat
        self._wake = wake  # descriptor that becomes readable at a signal, so that poll() ends
        self._own = OwnCommands(config, self.counters)
        self._patient_until = 0.0  # with logs that this engine cannot start over from
        self._start_over()

    def _start_over(self) -> None:
        """As a process that has just been started, except that one that was active goes on being it."""
        self._close_ring()
        self.machine = Machine(self._config.capacities)
        self.publisher = Publisher(self._names)
        self._guard: CrashGuard | None = None
        self._recovered = self.following = False
        self._tail = Tail()
        self._mirror_crc = 0  # of the last entry executed

    def run(self, ready: Callable[[], None]) -> None:
        """Never returns. LogError when the logs are not ones that this engine can go on with."""
        say_at = 0.0  # once a minute is enough of a Redis that is away
        while True:
            try:
                self._run_connected(ready)
            except (LogTrimmed, Forgotten) as error:
                if self._recovered:
                    logger.warning("this engine is out of date and restarts from a snapshot: %s", error)
                    self._start_over()
                    self._patient_until = time.monotonic() + RESTORE_SECONDS
                elif time.monotonic() > self._patient_until:
                    raise
                else:  # another engine may be about to give back what Redis lost
                    time.sleep(RETRY_SECONDS)
            except (*UNREACHABLE, NotTaken) as error:
                if isinstance(error, NotTaken):
                    logger.warning("trying again: %s", error)
                elif isinstance(error, redis.BusyLoadingError):
                    logger.info("Redis is loading its data")
                elif time.monotonic() >= say_at:
                    say_at = time.monotonic() + SAY_EVERY_S
                    logger.warning("Redis cannot be reached, trying until it can: %s", error)
                self.following = False
                self.counters.reconnects += 1
                self._own.disconnect()
                self._beat()
                time.sleep(RETRY_SECONDS)

    def _run_connected(self, ready: Callable[[], None]) -> None:
        url, machine, config = self._config.redis_url, self.machine, self._config
        with ExitStack() as stack:
            client = stack.enter_context(closing(client_of(url, PATIENCE_SECONDS)))
            if self._guard is not None:
                self._guard.connect(client)
            orders, events = logs = self._logs(client)
            if self._guard is None:
                self._guard = CrashGuard(config.note, client, self._names)
                check_same_log(self._guard.log_id, logs, config.data)
                for entry in self._guard.seen(events.log_id):
                    check_has(client, orders, entry, f"the note {config.note}")
            if not orders.length and not config.standby:
                create_log(client, self._names, config.capacities)
            appends, answering, reading = (
                stack.enter_context(closing(Connection(url, seconds)))
                for seconds in (PATIENCE_SECONDS, PATIENCE_SECONDS, PATIENCE_SECONDS + BLOCK_MS / 1000)
            )
            self.publisher.connect(appends, client, events.top)
            if not self._recovered:
                self._recover(reading, client, logs)
            lookout = Lookout(client, self._names, config.shard, config.number)
            self._choose_role(lookout, appends)
            answers = Answers(answering, self._names)
            now_ms = time.time_ns() // 1_000_000
            intake = Intake(reading, client, self._names, machine.position, EntryId(now_ms - QUESTIONS_BACK_MS, 0))
            logger.info(
                "following %s after %s%s", self._names.orders, machine.position, "" if self.active else ", as standby"
            )
            ready()
            self.following = True
            self._follow(intake, appends, answers, lookout, client)

    def _logs(self, client: redis.Redis) -> tuple[LogState, LogState]:
        """Both logs, whole again if Redis had lost their ends and this engine still has them."""
        remember(client, self._names, self._tail.skipped())
        orders, events = read_logs(client, self._names)
        if self._tail.restore(client, self._names, orders, events, self.publisher.confirmed):
            self.counters.restored += 1
            orders, events = read_logs(client, self._names)
        check_pair(self._names, (orders, events), self.machine.position)
        if self._recovered:
            check_position((orders, events), self.machine.position, self.machine.log_id)
        return orders, events

    def _recover(self, connection: Connection, client: redis.Redis, logs: tuple[LogState, LogState]) -> None:
        assert self._guard is not None
        started = time.monotonic()
        machine, names, config = self.machine, self._names, self._config
        place = resume(machine, client, names, config.data, config.shard, logs)
        check_position(logs, machine.position, machine.log_id)
        top = logs[1].top
        try:
            commands, mirror = replay(machine, self._guard, client, connection, names, self.publisher, top, self._beat)
        except LogTrimmed:  # by another engine, meanwhile: there is a newer snapshot then
            self._start_over()
            self._patient_until = time.monotonic() + RESTORE_SECONDS
            raise
        self._mirror_crc = crc_of(mirror) if mirror else place.mirror_crc if place is not None else 0
        self._tail.begin(machine.position)
        self.counters.replayed_commands += commands
        self.counters.replay_seconds = time.monotonic() - started
        self._recovered = True

    def _choose_role(self, lookout: Lookout, appends: Connection) -> None:
        """Be a standby if asked to, or if another engine is active; an engine that was active goes on being it."""
        if lookout.others() and lookout.still_others():
            self._step_back("another engine is active")
        elif self.active or not self._config.standby:
            self._activate(appends)

    def _activate(self, appends: Connection) -> None:
        """From now on publish, beginning with what nobody has published yet."""
        appends.send([pack(b"CLIENT", b"SETNAME", active_name(self._config.shard).encode())])
        appends.receive()
        if self.active:
            return
        self.active = True
        self.on_activation()
        self._raise_capacities()
        unpublished = self.publisher.unpublished()
        if self.machine.log_id:
            self._open_ring(self.publisher.confirmed if unpublished else self.machine.position)
            for entry, block in unpublished:
                header, events = decode_block(block, EVENT)
                sender = (int(header["gateway"]), int(header["incarnation"]), int(header["sequence"]))
                assert self.ring is not None
                self.ring.write(events.copy(), Stamp(entry, *sender, int(header["time_ms"])))
                self.ring.ring()

    def _raise_capacities(self) -> None:
        if self.machine.log_id:  # else GENESIS says them
            self._own.raise_capacities(self.machine.state)

    def _step_back(self, why: str) -> None:
        if self.active:
            logger.warning("from active to standby: %s", why)
        self.active = False
        self._close_ring()

    def _close_ring(self) -> None:
        if self.ring is not None:
            self.ring.close()
            self.ring = None
        self._own.disconnect()

    def _open_ring(self, base: EntryId) -> None:
        config, machine = self._config, self.machine
        self.ring = RingWriter(config.runtime, config.shard, config.ring_slots, machine.log_id, machine.epoch, base)

    def _follow(
        self, intake: Intake, appends: Connection, answers: Answers, lookout: Lookout, client: redis.Redis
    ) -> None:
        poller = select.poll()
        for descriptor in (intake.fileno, appends.fileno(), self._wake):
            if descriptor is not None:
                poller.register(descriptor, select.POLLIN)
        publisher = self.publisher
        intake.request()
        if self.active:
            publisher.flush()
        while True:
            readable = {descriptor for descriptor, _ in poller.poll(self._timeout_ms(lookout))}
            self._beat()
            self._clock.look(self.machine.time_ms)
            if appends.fileno() in readable:
                if publisher.under_way:
                    self._settle(lookout)
                else:
                    appends.receive()  # nothing is to come: the connection ended, and this says so
            if intake.fileno in readable:
                self._process(intake, answers, lookout)
            if self.active:
                if publisher.waiting and not publisher.under_way:
                    publisher.flush()
                self._own.tick(self.machine.state)
                self._own.append_growth()
                self._fullness.look(self.machine.state)
            elif lookout.is_due():
                self._look_out(lookout, appends, client)
            if self._wake in readable:
                self.keeper.drain(self._wake)
            commands = self.counters.replayed_commands + self.counters.commands  # since the snapshot we began with
            self.keeper.look(self.machine.state, self._place, commands, active=self.active)

    def _look_out(self, lookout: Lookout, appends: Connection, client: redis.Redis) -> None:
        """A standby's turn: forget what was published, and see whether the active engine lives."""
        take_over = lookout.look(self.machine.position)
        self.publisher.advance(lookout.top)
        check_skips(self.machine.state, self.machine.position, client, self._names, lookout.top)
        if take_over:
            logger.warning("taking over after %s: there is no active engine any more", self.publisher.confirmed)
            if not self.machine.log_id:
                raise LogError(f"{self._names.orders} has no GENESIS, and a standby creates no log: start an engine")
            self.counters.takeovers += 1
            self._activate(appends)
            self.publisher.flush()

    def _place(self) -> Place | None:
        """Where a snapshot would be, or None: there cannot be one now.

        At most one may be ahead of the published events: an engine that comes up needs one that is not.
        """
        machine, config = self.machine, self._config
        if not self._mirror_crc or snapshot.newest(config.data, config.shard) > self.publisher.confirmed:
            return None
        return Place(machine.log_id, machine.epoch, machine.position, self._mirror_crc)

    def _process(self, intake: Intake, answers: Answers, lookout: Lookout) -> None:
        batch = intake.receive()
        ahead = len(batch.entries) > FEW_ENTRIES  # else the client that waits for the answer comes first
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
        if not self.active:
            return
        if batch.entries:
            self.publisher.flush()
            while self.active and self.publisher.unconfirmed_bytes > WAITING_BYTES:
                self._settle(lookout)
                self.publisher.flush()
        for question in batch.questions:
            answers.ask(question)
        self.counters.questions += answers.give(self.machine)

    def _execute(self, entry: EntryId, block: bytes, bells: bool) -> bool:
        """Execute and publish one entry. `bells`: wake the readers, before the entry goes to the stream; returned."""
        assert self._guard is not None
        machine, counters, before = self.machine, self.counters, self.machine.position
        mirror = self._guard.execute(machine, entry, block)
        if not machine.log_id:
            raise LogError(f"{self._names.orders} begins at {entry} with something else than GENESIS")
        if self.active:
            if self.ring is None:
                self._open_ring(before)
            assert self.ring is not None
            self.ring.write(mirror.events, mirror.stamp)
            if bells:
                counters.wakeups += self.ring.ring()
        encoded = machine.encode(mirror)
        self.publisher.add(entry, encoded)
        self._tail.add(entry, block, encoded)
        self._mirror_crc = crc_of(encoded)
        counters.entries += 1
        counters.commands += mirror.commands
        counters.events += len(mirror.events)
        return bells

    def _settle(self, lookout: Lookout) -> None:
        try:
            if self.publisher.under_way:
                first = self.publisher.settle()
                self.stages.confirm.record(time.monotonic() - self.publisher.sent_at)
                if not first and len(lookout.others()) > 1:
                    self._step_back("another one publishes the same events, and faster")
        except AppendRefused as error:
            self.counters.append_refusals += 1
            logger.error("Redis takes no events, trying again: %s", error)
            time.sleep(RETRY_SECONDS)

    def _timeout_ms(self, lookout: Lookout) -> float | None:
        """How long poll() may sleep: until the next timer is due; for ever if there is none."""
        if self._config.busy_poll:
            return 0
        if not self.active:
            return lookout.seconds * 1000
        due_ms = due_at(self.machine.state)
        if due_ms is None:
            return None
        return max(1.0, due_ms - time.time_ns() // 1_000_000, (self._own.next_tick - time.monotonic()) * 1000)
