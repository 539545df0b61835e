"""The machine that engines run on, each the real loop: their ring, disk and clock, and orders that kill them."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import redis

from engine_core.book.audit import digest
from engine_core.runtime import crash_guard as guards
from engine_core.runtime import engine as engines
from engine_core.runtime import loop, own_commands, queries, recovery, standby
from engine_core.runtime.config import EngineConfig
from engine_core.runtime.engine import Engine
from engine_core.runtime.log import intake, publish, tail
from engine_core.runtime.log.chunk import Chunk
from engine_core.runtime.loop import run
from engine_core.runtime.machine import Machine, Mirror, Run
from engine_core.runtime.queries import answer
from engine_core.runtime.snapshots import snapshot, trim
from engine_core.runtime.snapshots.schedule import Keeper, Rules
from engine_core.runtime.snapshots.snapshot import Place
from engine_core.runtime.snapshots.trim import Retention
from engine_core.transport import outbox as outboxes
from engine_core.transport.ring import Stamp
from engine_core.wire.layout import SLOT
from engine_core.wire.streams import EntryId, keys
from tests.model.questions import ask_everything
from tests.runtime.deadly.sitecustomize import DEADLY_LOTS
from tests.runtime.rig import SMALL
from tests.simulated.client import SimClient
from tests.simulated.server import Server, SimConnection
from tests.simulated.world import Clock, Crash, World

NAMES = keys(0)
RING_BLOCKS = 24  # beyond, a reader is lapped
TINY = SMALL._replace(ended=2048, references=1024, orders=2048, levels=512, gateways=64)  # each engine's life is one
TRIM_LIMITS = Retention(keep_ms=1_100, redis_bytes=1 << 40, young_ms=1_100)  # engines may stay frozen for longer


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

    def write_run(self, events: np.ndarray, stamps: np.ndarray) -> None:
        begin = 0
        for ms, seq, gateway, incarnation, sequence, time_ms, end in stamps.tolist():
            self.write(events[begin:end], Stamp(EntryId(ms, seq), gateway, incarnation, sequence, time_ms))
            begin = end

    def ring(self) -> int:
        return 0

    def close(self) -> None:
        return None


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
        if path not in known and all(map(_whole, known)) and self._host.world.chance.random() < 0.15:
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
    orders: int = TINY.orders  # that engines which start from here on are configured for
    tears: bool = False  # a damaged snapshot may be torn
    few_entries: int = 0  # up to so many of one read are executed one by one, and more in runs
    deadly_to: frozenset[str] = frozenset()  # engines that orders of DEADLY_LOTS kill

    def engine(self, number: int, standby: bool) -> Callable[[], None]:
        def body() -> None:
            capacities = TINY._replace(orders=self.orders)
            config = EngineConfig(
                redis_url="",
                runtime=self.folder,
                data=self.folder,
                shard=0,
                capacities=capacities,
                ring_slots=64,
                cpu=None,
                busy_poll=False,
                metrics_port=0,
                standby=standby,
                replicas=int(self.server.durability == "replicated"),
                number=number,
            )
            engine = Engine(config, SimKeeper(self))
            self.engines[f"engine-{number}"] = engine
            run(engine, lambda: None)

        return body


class SimMachine(Machine):
    """Of an engine that orders of DEADLY_LOTS may kill."""

    host: Host

    def execute(self, entry: EntryId, block: bytes) -> Mirror:
        self._die_of(block)
        return super().execute(entry, block)

    def execute_run(self, chunk: Chunk, start: int, stop: int, runs: list[Run] | None = None) -> int:
        for _, block in chunk.entries[start:stop]:
            self._die_of(block)
        return super().execute_run(chunk, start, stop, runs)

    def _die_of(self, block: bytes) -> None:
        actor = self.host.world.current
        assert actor is not None
        if actor.name in self.host.deadly_to and DEADLY_LOTS.to_bytes(8, "little") in block:
            raise Crash


def _answer(machine: Machine, query: np.void) -> bytes:
    """The engine's answer, which leaves its state as it was; so do all other questions at this moment."""
    ask_everything(machine.state)
    before = digest(machine.state)
    answered = answer(machine, query)
    assert digest(machine.state) == before, f"a question of kind {query['kind']} has changed the state"
    return answered


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
    modules: list[Any] = [loop, engines, own_commands, intake, publish, recovery, snapshot, standby, tail, trim]
    modules += [guards, outboxes]
    replaced: list[tuple[Any, str, Any]] = [(module, "time", clock) for module in modules if hasattr(module, "time")]
    replaced += [
        (recovery, "ahead", lambda chunks: chunks),
        (loop, "FEW_ENTRIES", host.few_entries),
        (engines, "FEW_ENTRIES", host.few_entries),
        (loop, "select", _Select(host)),
        (loop, "client_of", lambda url, seconds: SimClient(host.server)),
        (loop, "Connection", lambda url, seconds: SimConnection(host.server, seconds)),
        (engines, "RingWriter", lambda runtime, shard, slots, log_id, epoch, base: SimRing(host, base)),
        (engines, "Machine", type("HostMachine", (SimMachine,), {"host": host})),
        (snapshot.os, "fsync", lambda descriptor: None),
        (queries, "answer", _answer),
        (engines, "note_behaviour", lambda client, names: None),  # nobody here has other code, and reads it
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, value in replaced:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
