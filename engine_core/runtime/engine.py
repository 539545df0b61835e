"""What an engine is, whoever it talks to: the state machine, what of its events is published, its ring, its role.

All of it survives a connection that is lost. A Session (loop.py) has the connections and the order of things; it asks
here to recover, to execute an entry, to become active or a standby. Non-goals: when any of that is done.
"""

import logging
import time
from collections.abc import Callable, Iterator

import numpy as np
import redis

from engine_core.config.redis_url import is_watched
from engine_core.process.stages import Sender, Stage, Stamps, now
from engine_core.runtime.clock import Clock
from engine_core.runtime.config import EngineConfig
from engine_core.runtime.counters import Counters, Stages
from engine_core.runtime.crash_guard import CrashGuard
from engine_core.runtime.first_touch import touch
from engine_core.runtime.fullness import Fullness
from engine_core.runtime.held import Held, run_of
from engine_core.runtime.log.chunk import Chunk, chunk_of
from engine_core.runtime.log.publish import Publisher
from engine_core.runtime.log.replication import Replication
from engine_core.runtime.log.skips import remember
from engine_core.runtime.log.tail import KEEP_SECONDS, KEEP_SECONDS_FOR_REPLICAS, Forgotten, NotTaken, Tail
from engine_core.runtime.machine import Machine, Run
from engine_core.runtime.own_commands import OwnCommands
from engine_core.runtime.recovery import check_pair, check_position, read_logs, replay
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.resume import check_has, check_same_log, resume
from engine_core.runtime.snapshots.schedule import Keeper
from engine_core.runtime.snapshots.snapshot import Place
from engine_core.runtime.standby import active_name
from engine_core.transport.behaviour import note as note_behaviour
from engine_core.transport.redis_connection import Connection
from engine_core.transport.replicated import COMPARED
from engine_core.transport.ring import RingWriter, Stamp
from engine_core.wire.layout import EVENT
from engine_core.wire.log import RESTORE_SECONDS, LogError, LogState, LogTrimmed
from engine_core.wire.streams import ORIGIN, EntryId, crc_of, decode_block, keys, pack

FEW_ENTRIES = 4  # in one read: the exchange is not busy
RING_EVENTS = 2048  # of a long read: ring the bells and publish after so many

logger = logging.getLogger(__name__)


class Engine:
    def __init__(
        self, config: EngineConfig, keeper: Keeper, beat: Callable[[], None] = lambda: None, *, wake: int | None = None
    ) -> None:
        self.config = config
        self.names = keys(config.shard)
        self.keeper = keeper
        self.counters = Counters()
        self.fullness = Fullness()
        self.stages = Stages.new()
        self.stamps = Stamps(config.stages_every, Stage.READ, Stage.MATCHED, Stage.PUBLISHED)
        self.read_at = 0.0  # when the entries came that are being executed
        self.following = False  # everything that the log held at the start is executed, and Redis is there
        self.has_followed = False  # in this process' life: it was so once
        self.active = False  # the one that publishes
        self.on_activation: Callable[[], None] = lambda: None
        self.ring: RingWriter | None = None
        self.clock = Clock()
        self.beat = beat
        self.wake = wake  # descriptor that becomes readable at a signal, so that poll() ends
        self.own = OwnCommands(config, self.counters)
        self._held = Held()
        self.patient_until = 0.0  # with logs that this engine cannot start over from
        self.start_over()

    def start_over(self) -> None:
        """As a process that has just been started, except that one that was active goes on being it."""
        self._close_ring()
        self.machine = Machine(self.config.capacities)
        replicas = self.config.replicas
        self.publisher = Publisher(self.names, Replication(self.names, replicas) if replicas else None)
        self.guard: CrashGuard | None = None
        self.recovered = self.following = False
        self._tail = Tail(KEEP_SECONDS_FOR_REPLICAS if is_watched(self.config.redis_url) else KEEP_SECONDS)
        self._mirror_crc = 0  # of the last entry executed

    def connect(self, client: redis.Redis) -> tuple[LogState, LogState]:
        """Both logs as they are now, checked against what this engine has executed and noted."""
        if self.guard is not None:
            self.guard.connect(client)
        orders, events = logs = self._logs(client)
        if self.guard is None:
            self.guard = CrashGuard(self.config.note, client, self.names)
            check_same_log(self.guard.log_id, logs, self.config.data)
            for entry in self.guard.seen(events.log_id):
                check_has(client, orders, entry, f"the note {self.config.note}")
            self.guard.counts_only_replicated(self.publisher.replication is not None)
        return logs

    def _logs(self, client: redis.Redis) -> tuple[LogState, LogState]:
        """Both logs, whole again if Redis had lost their ends and this engine still has them."""
        remember(client, self.names, self._tail.skipped())
        orders, events = read_logs(client, self.names)
        try:
            restored = self._tail.restore(client, self.names, orders, events, self.publisher.confirmed)
        except LogError as error:
            if isinstance(error, Forgotten | NotTaken) or self._has_left(client):
                raise
            raise Forgotten(f"nothing of it had left this engine: {error}") from error
        if restored:
            self.counters.restored += 1
            orders, events = read_logs(client, self.names)
        check_pair(self.names, (orders, events), self.machine.position)
        if self.recovered:
            check_position((orders, events), self.machine.position, self.machine.log_id)
        return orders, events

    def _has_left(self, client: redis.Redis) -> bool:
        """Whether what Redis lost, and the engine cannot give back, may be known to anybody."""
        replication, names = self.publisher.replication, self.names
        if replication is None:
            return True
        last = str(replication.position)
        return replication.position != ORIGIN and not all(
            client.xrange(name, last, last) for name in (names.orders, names.events)
        )

    def recover(self, connection: Connection, client: redis.Redis, logs: tuple[LogState, LogState]) -> None:
        assert self.guard is not None
        started = time.monotonic()
        machine, names, config = self.machine, self.names, self.config
        place = resume(machine, client, names, config.data, config.shard, logs)
        check_position(logs, machine.position, machine.log_id)
        top = logs[1].top
        try:
            commands, mirror = replay(machine, self.guard, client, connection, names, self.publisher, top, self.beat)
        except LogTrimmed:  # by another engine, meanwhile: there is a newer snapshot then
            self.start_over()
            self.patient_until = time.monotonic() + RESTORE_SECONDS
            raise
        self._mirror_crc = crc_of(mirror) if mirror else place.mirror_crc if place is not None else 0
        self._tail.begin(machine.position)
        if place is not None:
            note_behaviour(client, names)
        touch(machine.state)
        self.counters.replayed_commands += commands
        self.counters.replay_seconds = time.monotonic() - started
        self.recovered = True

    def activate(self, appends: Connection) -> None:
        """From now on publish, beginning with what nobody has published yet."""
        name = pack(b"CLIENT", b"SETNAME", active_name(self.config.shard).encode())
        if self.publisher.replication is not None:
            appends.send([name])
            appends.receive()
            self.publisher.replication.begin(appends, self.publisher.confirmed)
        else:
            names = [name.encode() for name in (self.names.replicated, self.names.held, self.names.compared)]
            appends.send([pack(b"CLIENT", b"REPLY", b"SKIP"), pack(b"EVAL", COMPARED, b"3", *names), name])
            appends.receive()
        self.own.connect(appends, self.machine)
        if self.active:
            return
        self.active = True
        self.on_activation()
        self._raise_capacities()
        unpublished = self.publisher.unpublished()
        if self.machine.log_id:
            ring = self._ring_after(self.publisher.confirmed if unpublished else self.machine.position)
            for entry, block in unpublished:
                header, events = decode_block(block, EVENT)
                stamp = Stamp(entry, header.gateway, header.incarnation, header.sequence, header.time_ms)
                self._hand_out(entry, run_of(stamp, header.commands, events.copy()), 0.0, 0.0)
                ring.ring()

    def _raise_capacities(self) -> None:
        if self.machine.log_id:  # else GENESIS says them
            self.own.raise_capacities(self.machine.state)

    def step_back(self, why: str) -> None:
        if self.active:
            logger.warning("from active to standby: %s", why)
        self.active = False
        self._close_ring()

    def _close_ring(self) -> None:
        if self.ring is not None:
            self.ring.close()
            self.ring = None
        self._held.clear()
        self.own.disconnect()

    def _ring_after(self, base: EntryId) -> RingWriter:
        """The ring, and if there is none yet, one that begins after this entry."""
        if self.ring is None:
            config, machine = self.config, self.machine
            self.ring = RingWriter(config.runtime, config.shard, config.ring_slots, machine.log_id, machine.epoch, base)
        return self.ring

    def place(self) -> Place | None:
        """Where a snapshot would be, or None: there cannot be one now.

        At most one may be ahead of the published events: an engine that comes up needs one that is not.
        """
        machine, config = self.machine, self.config
        if not self._mirror_crc or snapshot.newest(config.data, config.shard) > self.publisher.confirmed:
            return None
        return Place(machine.log_id, machine.epoch, machine.position, self._mirror_crc)

    def execute(self, entries: list[tuple[EntryId, bytes]]) -> Iterator[None]:
        """Execute entries of the command log and publish them.

        Yields whenever it has woken the readers of the ring, after so many events and at the end: what was executed
        until then may go to the stream.
        """
        chunk = chunk_of(entries) if len(entries) > FEW_ENTRIES else None
        number, rung = 0, self.counters.events
        while number < len(entries):
            reached = self._execute_run(chunk, number) if chunk is not None else number
            if reached == number:
                self._execute_one(*entries[number])
                reached += 1
            number = reached
            if number == len(entries) or self.counters.events - rung >= RING_EVENTS:
                rung = self.counters.events
                if self.ring is not None:
                    self.counters.wakeups += self.ring.ring()
                yield

    def _execute_run(self, chunk: Chunk, start: int) -> int:
        """Execute as many entries as one call takes, from `start` on; the next one."""
        assert self.guard is not None
        runs: list[Run] = []
        before = self.machine.position
        reached = self.guard.execute_run(self.machine, chunk, start, len(chunk.entries), runs)
        for run in runs:
            if self.active:
                self._hand_out(before, run, self.read_at, now())
            self._keep(chunk.entries[start:reached], self.machine.encode_run(run))
            self.counters.commands += int(run.commands.sum())
            self.counters.events += len(run.events)
        return reached

    def _execute_one(self, entry: EntryId, block: bytes) -> None:
        assert self.guard is not None
        before = self.machine.position
        mirror = self.guard.execute(self.machine, entry, block)
        if not self.machine.log_id:
            raise LogError(f"{self.names.orders} begins at {entry} with something else than GENESIS")
        if self.active and self.publisher.replication is not None:
            self._hand_out(before, run_of(mirror.stamp, mirror.commands, mirror.events), self.read_at, now())
        elif self.active:
            matched_at = now()
            self._ring_after(before).write(mirror.events, mirror.stamp)
            if self.stamps.wants(mirror.stamp.sequence):
                self._note_times(Sender(*mirror.stamp[1:4]), self.read_at, matched_at, mirror.events)
        self._keep([(entry, block)], [self.machine.encode(mirror)])
        self.counters.commands += mirror.commands
        self.counters.events += len(mirror.events)

    def _hand_out(self, before: EntryId, run: Run, read_at: float, matched_at: float) -> None:
        """To the ring; or kept for it, while replicas do not have it."""
        if self.publisher.replication is not None:
            self._held.add(before, run, read_at, matched_at)
        else:
            self._to_ring(before, run, read_at, matched_at)

    def release(self) -> None:
        """Let go what replicas have by now."""
        replication = self.publisher.replication
        assert replication is not None and self.guard is not None
        for before, run, read_at, matched_at in self._held.up_to(replication.position):
            self._to_ring(before, run, read_at, matched_at)
        if self.ring is not None:
            self.counters.wakeups += self.ring.ring()
        self.guard.note_replicated(replication.position)

    def _to_ring(self, before: EntryId, run: Run, read_at: float, matched_at: float) -> None:
        self._ring_after(before).write_run(run.events, run.stamps)
        if not matched_at:  # of an engine that did not publish then
            return
        for number in self.stamps.wanted(run.stamps["sequence"]):
            ends = [0, *run.stamps["events_end"][: number + 1].tolist()]
            events = run.events[ends[-2] : ends[-1]]
            self._note_times(Sender(*run.stamps[number].item()[2:5]), read_at, matched_at, events)

    def _note_times(self, sender: Sender, read_at: float, matched_at: float, events: np.ndarray) -> None:
        self.stamps.add(sender, read_at, matched_at, now(), orders=self.stamps.orders_of(events))

    def _keep(self, entries: list[tuple[EntryId, bytes]], mirrors: list[bytes]) -> None:
        """What they caused waits for the stream, and is remembered for a while."""
        for (entry, block), mirror in zip(entries, mirrors, strict=True):
            self.publisher.add(entry, mirror)
            self._tail.add(entry, block, mirror)
        self._mirror_crc = crc_of(mirrors[-1])
        self.counters.entries += len(mirrors)
