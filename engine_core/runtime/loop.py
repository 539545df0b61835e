"""The engine's loop: read, execute, ring, publish; and again. One thread, nothing per order in Python.

    Redis     | read n+1, take events n.1 | take events n.2 | read n+2, take events n.3
    engine    | execute n.1, ring, send   | execute n.2 ... | execute n+1.1, ...

Each read is asked for before the last one is executed, and while a long one is executed its events go out part by part,
each once Redis has taken the one before: the two processes work at the same time, and the engine waits for no answer,
but to commands of its own (own_commands.py), and before a snapshot for replicas, a second at most.
With nothing to do it sleeps in poll(). A standby does the same, but neither rings nor publishes nor answers: it keeps
what it computed until the active engine has published it, or is gone (standby.py).
Non-goals: recovery of what was executed before (recovery.py), and deciding anything about orders (book/).
"""

import logging
import select
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

import redis
from redis.exceptions import AskError

from engine_core.config.redis_url import is_watched
from engine_core.runtime.config import WAITING_BYTES
from engine_core.runtime.engine import FEW_ENTRIES, Engine
from engine_core.runtime.log.intake import BLOCK_MS, OVERDUE_SECONDS, WATCHED_BLOCK_MS, Intake
from engine_core.runtime.log.publish import AppendRefused
from engine_core.runtime.log.replication import Replication
from engine_core.runtime.log.skips import check_skips
from engine_core.runtime.log.tail import Forgotten, NotTaken
from engine_core.runtime.own_commands import due_at
from engine_core.runtime.queries import Answers
from engine_core.runtime.recovery import create_log
from engine_core.runtime.snapshots.snapshot import Place
from engine_core.runtime.standby import FIRST_SECONDS, RETURN_SECONDS, Lookout
from engine_core.transport.primary import UNREACHABLE, refuse_replica
from engine_core.transport.redis_connection import Connection, client_of
from engine_core.wire.log import RESTORE_SECONDS, LogError, LogTrimmed
from engine_core.wire.streams import EntryId, pack

RETRY_SECONDS = 0.1
SAY_EVERY_S = 60.0
PATIENCE_SECONDS = 10.0
CALM_SECONDS = 1.0  # at most, for replicas to have all that a snapshot is of
QUESTIONS_BACK_MS = 5000  # questions asked so long before we came up may still be waited for

logger = logging.getLogger(__name__)


def run(engine: Engine, ready: Callable[[], None]) -> None:
    """Never returns. LogError when the logs are not ones that this engine can go on with."""
    say_at = 0.0  # once a minute is enough of a Redis that is away
    while True:
        try:
            _run_connected(engine, ready)
        except (LogTrimmed, Forgotten) as error:
            if engine.recovered:
                logger.warning("this engine is out of date and restarts from a snapshot: %s", error)
                engine.start_over()
                engine.patient_until = time.monotonic() + RESTORE_SECONDS
            elif time.monotonic() > engine.patient_until:
                raise
            else:  # another engine may be about to give back what Redis lost
                time.sleep(RETRY_SECONDS)
        except AskError as error:  # MOVED, too; where a cluster is expected, connections look for the other node
            raise LogError(
                f"REDIS_URL: the keys are at another node ({error}): use redis+cluster://host,host"
            ) from error
        except (*UNREACHABLE, NotTaken) as error:
            if isinstance(error, NotTaken):
                logger.warning("trying again: %s", error)
            elif isinstance(error, redis.BusyLoadingError):
                logger.info("Redis is loading its data")
            elif time.monotonic() >= say_at:
                say_at = time.monotonic() + SAY_EVERY_S
                is_of_a_file = getattr(error, "filename", None)  # a ring that has no room, say
                what = "the engine cannot go on" if is_of_a_file else "Redis cannot be reached"
                logger.warning("%s, trying until it can: %s", what, error)
            engine.following = False
            engine.counters.reconnects += 1
            engine.own.disconnect()
            engine.beat()
            time.sleep(RETRY_SECONDS)


def _run_connected(engine: Engine, ready: Callable[[], None]) -> None:
    """One session, from its connections to the error that ends it."""
    config, url = engine.config, engine.config.redis_url
    with ExitStack() as stack:
        # Before the logs are compared: should another Redis be the primary by then, these end with the old one.
        appends, answering, reading = (
            stack.enter_context(closing(Connection(url, seconds)))
            for seconds in (PATIENCE_SECONDS, PATIENCE_SECONDS, PATIENCE_SECONDS + BLOCK_MS / 1000)
        )
        client = stack.enter_context(closing(client_of(url, PATIENCE_SECONDS)))
        appends.send([pack(b"ROLE")])
        refuse_replica(appends.receive(), at_start=not engine.recovered)
        logs = engine.connect(client)
        if not logs[0].length and not config.standby:
            create_log(client, config.shard, config.capacities)
        engine.publisher.connect(appends, client, logs[1].top)
        if not engine.recovered:
            engine.recover(reading, client, logs)
        session = Session(engine, client, appends, answering, reading)
        ready()
        engine.following = engine.has_followed = True
        session.follow()


class Session:
    """An engine at work over one set of connections. Any of them that ends ends the session, by an exception."""

    def __init__(
        self, engine: Engine, client: redis.Redis, appends: Connection, answering: Connection, reading: Connection
    ) -> None:
        self._engine, self._client, self._appends = engine, client, appends
        self._publisher = engine.publisher
        is_replicated = self._publisher.replication is not None
        self._is_watched = is_watched(engine.config.redis_url)
        self._lookout = Lookout(
            client,
            engine.names,
            engine.config.shard,
            engine.config.number,
            is_replicated=is_replicated,
            patience=RETURN_SECONDS if engine.has_followed and self._is_watched else FIRST_SECONDS,
        )
        self._choose_role()
        self._answers = Answers(answering, engine.names, engine.publisher.replication)
        now_ms = time.time_ns() // 1_000_000
        position = engine.machine.position
        self._alone_since = float("inf")  # without replicas that must have what leaves
        block_ms = WATCHED_BLOCK_MS if self._is_watched else BLOCK_MS
        asked_after = EntryId(now_ms - QUESTIONS_BACK_MS, 0)
        self._intake = Intake(reading, client, engine.names, position, asked_after, block_ms)
        role = "" if engine.active else ", as standby"
        logger.info("following %s after %s%s", engine.names.orders, position, role)

    def _choose_role(self) -> None:
        """Be a standby if asked to, or if another engine is active; an engine that was active goes on being it."""
        engine, lookout = self._engine, self._lookout
        if lookout.others() and lookout.still_others():
            engine.step_back("another engine is active")
        elif engine.active or not engine.config.standby:
            engine.activate(self._appends)

    def follow(self) -> None:
        """Never returns."""
        engine, publisher, intake = self._engine, self._publisher, self._intake
        appends, lookout = self._appends, self._lookout
        poller = select.poll()
        for descriptor in (intake.fileno, appends.fileno(), engine.wake):
            if descriptor is not None:
                poller.register(descriptor, select.POLLIN)
        intake.request()
        if engine.active:
            publisher.flush()
        while True:
            readable = {descriptor for descriptor, _ in poller.poll(self._timeout_ms())}
            engine.beat()
            engine.clock.look(engine.machine.time_ms)
            if appends.fileno() in readable:
                if not publisher.under_way:
                    appends.receive()  # nothing is to come: the connection ended, and this says so
                self._publish()
            if intake.fileno in readable:
                self._process()
            elif self._is_watched and intake.overdue_in <= 0:
                raise redis.TimeoutError("Redis stands still: another one may be the primary by now")
            if engine.active:
                self._publish()
                engine.fullness.look(engine.machine.state)
            elif lookout.is_due():
                self._look_out()
            if engine.wake in readable:
                engine.keeper.drain(engine.wake)
            commands = engine.counters.replayed_commands + engine.counters.commands  # since the snapshot we began with
            engine.keeper.look(engine.machine.state, self._place, commands, active=engine.active)

    def _place(self) -> Place | None:
        """Where a snapshot would be now: with replicas only where they have all that it is of."""
        return self._engine.place() if self._is_replicated() else None

    def _is_replicated(self) -> bool:
        """Whether replicas have all that was executed; it is waited for, but not for replicas that are away."""
        publisher, machine = self._publisher, self._engine.machine
        if publisher.replication is None:
            return True
        deadline = time.monotonic() + CALM_SECONDS
        while publisher.replication.position < machine.position:
            if publisher.replication.waiting or time.monotonic() > deadline:
                return False
            if self._engine.active:
                self._settle()
                publisher.flush()
            else:
                time.sleep(CALM_SECONDS / 100)
                publisher.replication.position = self._lookout.mark()
        return True

    def _look_out(self) -> None:
        """A standby's turn: forget what was published, and see whether the active engine lives."""
        engine, publisher, lookout = self._engine, self._publisher, self._lookout
        take_over = lookout.look(engine.machine.position)
        publisher.advance(lookout.top)
        check_skips(engine.machine.state, engine.machine.position, self._client, engine.names, lookout.top)
        if take_over:
            logger.warning("taking over after %s: there is no active engine any more", publisher.confirmed)
            if not engine.machine.log_id:
                raise LogError(f"{engine.names.orders} has no GENESIS, and a standby creates no log: start an engine")
            engine.counters.takeovers += 1
            engine.activate(self._appends)
            publisher.flush()

    def _process(self) -> None:
        engine, publisher, intake = self._engine, self._publisher, self._intake
        batch = intake.receive()
        ahead = len(batch.entries) > FEW_ENTRIES  # else the client that waits for the answer comes first
        if ahead:
            intake.request()
        engine.counters.reads += 1
        engine.read_at = began = time.perf_counter()
        if batch.entries:
            engine.stages.queue.record(max(time.time() - batch.entries[0][0].ms / 1000, 0.0))
        for _ in engine.execute(batch.entries):
            self._publish()
        if not ahead:
            intake.request()
        if batch.entries:
            engine.stages.match.record(time.perf_counter() - began)
        if not engine.active:
            return
        while engine.active and publisher.unconfirmed_bytes > WAITING_BYTES:
            engine.beat()
            self._settle()
            publisher.flush()
        for question in batch.questions:
            self._answers.ask(question)
        engine.counters.questions += self._answers.give(engine.machine)

    def _publish(self) -> None:
        """Take what Redis has answered, and send what waits, unless an answer is still to come; never wait for one.

        The engine's own commands go by the same connection, so first: events are under way all the time under load.
        """
        engine, publisher = self._engine, self._publisher
        if publisher.under_way and publisher.is_answered():
            self._settle()
        if engine.active:
            if not publisher.under_way:
                engine.own.tick(engine.machine.state)
                engine.own.append_growth()
            publisher.flush()

    def _settle(self) -> None:
        engine, publisher = self._engine, self._publisher
        try:
            if publisher.under_way:
                first = publisher.settle()
                engine.stages.confirm.record(time.monotonic() - publisher.sent_at)
                if not first and len(self._lookout.others()) > 1:
                    engine.step_back("another one publishes the same events, and faster")
        except AppendRefused as error:
            engine.counters.append_refusals += 1
            logger.error("Redis takes no events, trying again: %s", error)
            time.sleep(RETRY_SECONDS)
        if publisher.replication is not None and engine.active:
            engine.release()
            self._answers.release()
            publisher.replication.tell(self._client)
            self._look_for_replicas(publisher.replication)

    def _look_for_replicas(self, replication: Replication) -> None:
        """Replicas that stay away may follow another primary by now."""
        if not replication.waiting:
            self._alone_since = float("inf")
        elif self._is_watched:
            self._alone_since = min(self._alone_since, time.monotonic())
            if time.monotonic() - self._alone_since > OVERDUE_SECONDS:
                raise redis.ConnectionError(f"{replication.waiting}: another Redis may be the primary by now")

    def _timeout_ms(self) -> float | None:
        """How long poll() may sleep: until the next timer is due; for ever if there is none."""
        engine = self._engine
        if engine.config.busy_poll:
            return 0
        if not engine.active:
            return self._lookout.seconds * 1000
        longest = max(1.0, self._intake.overdue_in * 1000) if self._is_watched else None
        due_ms = due_at(engine.machine.state)
        if due_ms is None:
            return longest
        timer = max(1.0, due_ms - time.time_ns() // 1_000_000, (engine.own.next_tick - time.monotonic()) * 1000)
        return timer if longest is None else min(timer, longest)
