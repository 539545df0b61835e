"""Who takes part: engines (the real loop) and gateways (the real outbox); writers are in writer.py."""

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import redis

from engine_core.runtime import guard as guards
from engine_core.runtime import intake, loop, publish, recovery, snapshot, standby, tail, trim
from engine_core.runtime.chunk import Chunk
from engine_core.runtime.config import EngineConfig
from engine_core.runtime.connection import describe
from engine_core.runtime.keeper import Keeper, Rules
from engine_core.runtime.loop import Engine
from engine_core.runtime.machine import Machine, Mirror
from engine_core.runtime.snapshot import Place
from engine_core.runtime.trim import Limits
from engine_core.wire import outbox as outboxes
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, Reason, Side
from engine_core.wire.feed import slots_of
from engine_core.wire.gateway_errors import GatewayError
from engine_core.wire.layout import EVENT, SLOT, join
from engine_core.wire.log import RESTORE_SECONDS, LogBehind, LogError
from engine_core.wire.outbox import Outbox
from engine_core.wire.ring import Stamp
from engine_core.wire.streams import FIELD, ORIGIN, EntryId, decode_block, keys
from tests.runtime.deadly.sitecustomize import DEADLY_LOTS
from tests.runtime.rig import SMALL, place
from tests.simulated.client import SimClient
from tests.simulated.server import Server, SimConnection
from tests.simulated.world import Clock, Crash, World

NAMES = keys(0)
RING_BLOCKS = 24  # beyond, a reader is lapped
TINY = SMALL._replace(ended=2048, references=1024, orders=2048, levels=512)
TRIM_LIMITS = Limits(keep_ms=1_100, redis_bytes=1 << 40, young_ms=1_100)  # engines may stay frozen for longer


class SimRing:
    """The newest one is what readers find; its blocks are there before they are in the stream."""

    def __init__(self, host: "Host", base: EntryId) -> None:
        self.base = base
        self.blocks: list[tuple[EntryId, np.ndarray]] = []
        host.ring = self

    def write(self, events: np.ndarray, stamp: Stamp) -> None:
        slots = np.zeros(len(events), SLOT)
        slots["event"], slots["position"], slots["block_events"] = events, np.arange(len(events)), len(events)
        slots["entry_ms"], slots["entry_seq"] = stamp.entry
        slots["gateway"], slots["incarnation"], slots["sequence"] = stamp.gateway, stamp.incarnation, stamp.sequence
        self.blocks.append((stamp.entry, slots))
        if len(self.blocks) > RING_BLOCKS:
            self.base = self.blocks.pop(0)[0]

    def ring(self) -> int:
        return 0

    def close(self) -> None:
        return None


class Ticks:
    """No timers are armed here."""

    def __init__(self, url: str, shard: int) -> None:
        raise AssertionError("nothing is due")


class SimKeeper(Keeper):
    """Writes in one piece; a crash may then damage the file as a disk without order would."""

    def __init__(self, host: "Host") -> None:
        rules = Rules(host.folder, 0, 2.0, 150, 3, lambda: "")
        super().__init__(rules)
        self._host = host

    def look(self, state: Any, place: Callable[[], Place | None], commands: int, *, active: bool) -> None:
        if commands - self._commands < self._rules.every_commands or (where := place()) is None:
            return
        self._commands = commands
        self._host.world.pause()
        known = snapshot.found(self._rules.data, 0)
        path = snapshot.write(self._rules.data, 0, state, where)
        if path not in known and self._host.world.chance.random() < 0.15:
            data = bytearray(path.read_bytes())
            at = self._host.world.chance.randrange(len(data))
            data[at] ^= 0x10
            path.write_bytes(data[:at] if self._host.tears and at % 2 else data)
        for old in snapshot.found(self._rules.data, 0)[self._rules.keep :]:
            old.unlink()
        with contextlib.suppress(redis.ConnectionError):
            client: Any = SimClient(self._host.server)
            if any(path.read_bytes() and _whole(path) for path in snapshot.found(self._rules.data, 0)[-1:]):
                trim.trim(client, NAMES, self._rules.data, 0, TRIM_LIMITS)
            client.close()


def _whole(path: Path) -> bool:
    """Trimming trusts the oldest kept snapshot; damage on the disk after it was written is for copies to survive."""
    with contextlib.suppress(snapshot.SnapshotError):
        snapshot.read(path)
        return True
    return False


@dataclass
class Host:
    world: World
    server: Server
    folder: Path
    ring: SimRing | None = None
    engines: dict[str, Engine] = field(default_factory=dict)
    tears: bool = False  # a damaged snapshot may be torn
    deadly_to: frozenset[str] = frozenset()  # engines that orders of DEADLY_LOTS kill

    def engine(self, number: int, standby: bool) -> Callable[[], None]:
        def body() -> None:
            config = EngineConfig("", self.folder, self.folder, 0, TINY, 64, None, False, 0, standby, number)
            engine = Engine(config, SimKeeper(self))
            self.engines[f"engine-{number}"] = engine
            engine.run(lambda: None)

        return body


class SimMachine(Machine):
    """Of an engine that orders of DEADLY_LOTS may kill."""

    host: Host

    def execute(self, entry: EntryId, block: bytes) -> Mirror:
        self._die_of(block)
        return super().execute(entry, block)

    def execute_run(self, chunk: Chunk, start: int, stop: int) -> int:
        for _, block in chunk.entries[start:stop]:
            self._die_of(block)
        return super().execute_run(chunk, start, stop)

    def _die_of(self, block: bytes) -> None:
        actor = self.host.world.current
        assert actor is not None
        if actor.name in self.host.deadly_to and DEADLY_LOTS.to_bytes(8, "little") in block:
            raise Crash


class _Poller:
    def __init__(self, host: Host) -> None:
        self._host = host
        self._numbers: list[int] = []

    def register(self, descriptor: int, events: int) -> None:
        self._numbers.append(descriptor)

    def poll(self, timeout_ms: float | None) -> list[tuple[int, int]]:
        known = self._host.server.connections

        def readable() -> list[tuple[int, int]]:
            return [(each, 1) for each in self._numbers if each not in known or known[each].readable()]

        self._host.world.wait(lambda: bool(readable()), None if timeout_ms is None else timeout_ms / 1000)
        return readable()


class _Select:
    POLLIN = 1

    def __init__(self, host: Host) -> None:
        self._host = host

    def poll(self) -> _Poller:
        return _Poller(self._host)


@contextlib.contextmanager
def simulated(host: Host) -> Iterator[None]:
    """Clock, network and shared memory of the modules under test are those of the host."""
    clock = Clock(host.world)
    modules: list[Any] = [loop, intake, publish, recovery, snapshot, standby, tail, trim, guards, outboxes]
    replaced: list[tuple[Any, str, Any]] = [(module, "time", clock) for module in modules if hasattr(module, "time")]
    replaced += [
        (recovery, "ahead", lambda chunks: chunks),
        (loop, "select", _Select(host)),
        (loop, "client_of", lambda url, seconds: SimClient(host.server)),
        (loop, "Connection", lambda url, seconds: SimConnection(host.server, seconds)),
        (loop, "RingWriter", lambda runtime, shard, slots, log_id, epoch, base: SimRing(host, base)),
        (loop, "Gateway", Ticks),
        (loop, "Machine", type("HostMachine", (SimMachine,), {"host": host})),
        (snapshot.os, "fsync", lambda descriptor: None),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, value in replaced:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


class Client:
    """A gateway and those who trade through it. `acknowledged`: what they were told, by clientId."""

    def __init__(self, host: Host, number: int, seed: int) -> None:
        self._host, self._number = host, number
        self._chance = random.Random(seed * 31 + number)
        self.acknowledged: dict[int, bytes] = {}
        self.refused: set[int] = set()  # by Redis: certainly not executed
        self._next = number << 20
        self.stop = False
        self.send_deadly = False  # once
        self._outbox: Outbox | None = None
        self._position = ORIGIN

    @property
    def is_done(self) -> bool:
        return self._outbox is not None and self._outbox.oldest is None

    def run(self) -> None:
        world = self._host.world
        behind_since: float | None = None
        while True:
            try:
                self._connected()
            except (redis.ConnectionError, redis.TimeoutError):
                behind_since = None
            except LogBehind:  # Redis lost what it had confirmed, and nobody has it: the gateway's process begins anew
                behind_since = world.now if behind_since is None else behind_since
                if world.now - behind_since > RESTORE_SECONDS:
                    self._outbox, behind_since = None, None
            except (LogError, GatewayError):  # events were trimmed while it was away, or the clock went back: the same
                self._outbox, behind_since = None, None
            world.wait(seconds=0.1)

    def _connected(self) -> None:
        server, world = self._host.server, self._host.world
        client: Any = SimClient(server)
        if self._outbox is None:
            self._begin(client)
        assert self._outbox is not None
        orders = describe(client, NAMES.orders)
        orders.check(max([self._position, *(b.entry for b in self._outbox.blocks if b.entry is not None)]))
        repeat = True
        while True:
            if repeat:
                for block in self._outbox.blocks:
                    self._append(client, block)
            repeat = self._take(client)
            if not self.stop and self._outbox.commands < 40 and self._chance.random() < 0.4:
                self._append(client, self._outbox.add(*self._commands()))
            world.wait(seconds=self._chance.choice((0.001, 0.01, 0.05)))

    def _begin(self, client: Any) -> None:
        while (events := self._host.server.stream(NAMES.events)).top == ORIGIN:
            self._host.world.wait(seconds=0.05)
        state = describe(client, NAMES.events)
        self._outbox, self._position = Outbox(self._number, state.log_id, state.epoch), events.top

    def _append(self, client: Any, block: Any) -> None:
        assert self._outbox is not None
        try:
            entry = client.xadd(NAMES.orders, {FIELD: self._outbox.encode(block)})
        except redis.ResponseError as error:
            if block.copies > 1:
                raise redis.ConnectionError(str(error)) from None
            self._outbox.drop(block, error)
            return
        if self._chance.random() < 0.02:
            client.close()  # the reply is lost
            raise redis.ConnectionError("in the middle")
        block.entry = EntryId.parse(entry)

    def _commands(self) -> tuple[list[bytes], list[Any]]:
        records, answers = [], []
        for _ in range(self._chance.randrange(1, 5)):
            self._next += 1
            record = place(
                self._chance.choice((Side.BID, Side.ASK)),
                self._chance.randrange(95, 106),
                self._chance.randrange(1, 9),
                self._chance.randrange(2, 5),
            )
            if self._chance.random() < 0.2:
                record["kind"], record["order_type"], record["market"] = CommandKind.CANCEL_ALL, 0, 1
            if self.send_deadly and record["kind"] == CommandKind.PLACE:
                record["quantity_lots"], self.send_deadly = DEADLY_LOTS, False
            record["client_id"], record["flags"] = self._next, int(OrderFlag.HAS_CLIENT_ID)
            records.append(record.tobytes())
            answers.append(Answer(self, self._next))
        return records, answers

    def _take(self, client: Any) -> bool:
        """Events from the ring if it has all since the last one, else from the stream."""
        assert self._outbox is not None
        ring = self._host.ring
        if ring is not None and ring.base <= self._position and self._chance.random() < 0.9:
            found = [(entry, slots) for entry, slots in ring.blocks if entry > self._position]
        else:
            rows = client.xrange(NAMES.events, f"({self._position}", count=50)
            if rows:
                describe(client, NAMES.events).check(self._position)
            found = [
                (EntryId.parse(entry), slots_of(EntryId.parse(entry), *decode_block(fields[FIELD], EVENT)))
                for entry, fields in rows
            ]
        if not found:
            return False
        self._position = found[-1][0]
        return self._outbox.take(join([slots for _, slots in found]))


class Answer:
    """What a waiting request gets; stands in for a future."""

    def __init__(self, client: Client, client_id: int) -> None:
        self._client, self._client_id = client, client_id

    def done(self) -> bool:
        return self._client_id in self._client.acknowledged or self._client_id in self._client.refused

    def set_result(self, events: np.ndarray) -> None:
        if events["kind"][0] == EventKind.BLOCK_REFUSED:
            assert events["reason"][0] == Reason.SKIPPED, Reason(int(events["reason"][0]))
            self._client.refused.add(self._client_id)
        else:
            self._client.acknowledged[self._client_id] = events.tobytes()

    def set_exception(self, error: Exception) -> None:
        self._client.refused.add(self._client_id)
