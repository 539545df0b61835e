"""The real engine loop, gateway bookkeeping and writer, in one process, against everything that can go wrong.

    python -m tests.simulation [--seed N] [--runs N] [--harder]

From the seed come: who runs when, crashes of engines and writers between any two of their steps, of Redis (with
`always`, or with `everysec` and a lost end), broken connections, lost replies, engines that freeze,
damaged snapshots, trimming, a Redis without memory, lapped readers. With --harder besides: torn snapshots, a database
or a Redis restored from an older copy, clocks that jump, and an order that kills some engines or all of them, until an
operator has it skipped. Then the accidents end, everything settles, and:

    the event log is what a machine computes from all commands ever kept, byte for byte, each entry once
    every acknowledged command was executed, once, with the very events that its sender was told; none that was refused
    the database holds exactly these events, and its rows do not depend on how they were batched
    the engines' states are the replayed state, and no money appeared or vanished

The same seed gives the same run. Where Redis loses what nobody has any more, an engine must say so, and that ends it.
"""

import argparse
import gc
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from engine_core.book.audit import audit, digest
from engine_core.runtime.machine import Machine
from engine_core.runtime.publish import MirrorBroken
from engine_core.wire.codes import CommandKind, EventKind, Reason
from engine_core.wire.layout import EVENT
from engine_core.wire.log import LogError
from engine_core.wire.streams import EntryId, decode_block, keys
from tests.runtime.rig import admin, block_of, setup
from tests.simulated.actors import TINY, Client, Host, simulated
from tests.simulated.server import Server
from tests.simulated.world import Actor, World
from tests.simulated.writer import Writer, rows_of

NAMES = keys(0)
LOAD_SECONDS = 4.0
SETTLE_SECONDS = 60.0
LOOK_SECONDS = 1.0
NAMED = (
    "Redis lost",
    "went back in time",
    "ends at",
    "it lost everything",
)  # what an engine says of a log that lacks its end


class Simulation:
    def __init__(self, seed: int, folder: Path, harder: bool = False) -> None:
        self.world = World(seed)
        self.harder = harder
        self.chance = self.world.chance
        self.server = Server(self.world, self.chance.choice(("always", "always", "everysec")))
        self.host = Host(self.world, self.server, folder, tears=harder)
        self.clients = [Client(self.host, 100 + number, seed) for number in range(2)]
        self.writer = Writer(self.host)
        self.engines = self.chance.choice((1, 2, 2, 3))
        self.accidents: list[str] = []
        self.skips: dict[EntryId, EntryId] = {}  # which entry an operator's SKIP of which is
        self._operator = 0
        self.named = ""  # the loss that an engine stopped for

    def run(self) -> None:
        try:
            self._start()
            self._load()
            self._settle()
            if not self.named:
                self._check()
        finally:
            for actor in list(self.world.actors):
                self.world.kill(actor)

    def _start(self) -> None:
        for number in range(self.engines):
            self._engine(number, standby=number > 0)
        while self.server.stream(NAMES.events).top.ms == 0:
            assert self.world.step(30.0), "no engine creates the log"
        block = next(iter(self.server.stream(NAMES.events).entries.values()))
        log_id = int(decode_block(block, EVENT)[0]["log_id"])
        self.server.add(NAMES.orders, block_of(setup(), log_id=log_id, sequence=1), None)
        for client in self.clients:
            self.world.start(f"client-{client._number}", client.run)
        self.world.start("writer", self.writer.run)

    def _engine(self, number: int, *, standby: bool) -> Actor:
        return self.world.start(f"engine-{number}", self.host.engine(number, standby))

    def _load(self) -> None:
        end = self.world.now + LOAD_SECONDS
        while self.world.now < end and not self.named:
            pause = self.world.now + self.chance.uniform(0.05, 0.8)
            while self.world.step(pause):
                pass
            self._look()
            accident = self.chance.choice(
                (
                    *(self._kill_engine, self._kill_engine, self._kill_writer, self._kill_redis),
                    *(self._break, self._freeze, self._fill),
                    *((self._restore, self._copy_redis, self._jump, self._poison, self._poison) if self.harder else ()),
                )
            )
            self.accidents.append(f"{self.world.now:.3f} {accident.__name__}")
            accident()

    def _settle(self) -> None:
        self.host.deadly_to = frozenset()
        for client in self.clients:
            client.stop = True
        end = self.world.now + SETTLE_SECONDS
        while not self.named and not self._is_quiet():
            assert self.world.step(end), f"it does not settle: {self._where()}"
            self._look()
            if self.skips and self._is_quiet():  # a standby's next look tells it if it has executed what was skipped
                self._run(LOOK_SECONDS)

    def _is_quiet(self) -> bool:
        orders, events = (self.server.stream(name).top for name in (NAMES.orders, NAMES.events))
        return (
            orders == events == self.writer.position.entry
            and all(client.is_done for client in self.clients)
            and all(engine.machine.position == orders for engine in self._living())
        )

    def _living(self) -> list[Any]:
        names = {actor.name for actor in self.world.actors if not actor.done}
        return [engine for name, engine in self.host.engines.items() if name in names]

    def _where(self) -> str:
        tops = [str(self.server.stream(name).top) for name in (NAMES.orders, NAMES.events)]
        engines = [(str(each.machine.position), each.active, each.following) for each in self._living()]
        return f"tops {tops}, writer {self.writer.position.entry}, engines {engines}, {self.accidents}"

    def _look(self) -> None:
        """An actor that ended by itself: what a supervisor starts again, a loss that was named, or a bug."""
        for actor in [each for each in self.world.actors if each.done]:
            said, broken = str(actor.error), isinstance(actor.error, MirrorBroken)
            if actor.error is None or "cannot be skipped" in said or (broken and self.skips):
                self.world.actors.remove(actor)  # an order killed it; or it executed what another engine skipped
                number = int(actor.name.partition("-")[2])
                self._engine(number, standby=number > 0)
                continue
            lost = isinstance(actor.error, LogError) and not broken
            if lost and self.server.lost and any(name in said for name in NAMED):
                self.named = said
            else:
                raise AssertionError(f"{actor.name} ended: {self.accidents}") from actor.error
        self._operate()

    # Accidents

    def _pick(self, role: str) -> Actor:
        return self.chance.choice([actor for actor in self.world.actors if actor.name.startswith(role)])

    def _kill_engine(self) -> None:
        victim = self._pick("engine")
        number = int(victim.name.partition("-")[2])
        self.world.kill(victim)
        if self.chance.random() < 0.5:
            self._run(self.chance.uniform(0.0, 0.5))
        self._engine(number, standby=number > 0)

    def _kill_writer(self) -> None:
        self.world.kill(self._pick("writer"))
        self.world.start("writer", self.writer.run)

    def _kill_redis(self) -> None:
        self.server.crash()
        self._run(self.chance.uniform(0.0, 0.4))
        self.server.restart()

    def _break(self) -> None:
        for number in self.chance.sample(sorted(self.server.connections), len(self.server.connections) // 2):
            self.server.connections.pop(number).broken = True

    def _freeze(self) -> None:
        self._pick("engine").frozen_until = self.world.now + self.chance.uniform(0.1, 2.0)

    def _fill(self) -> None:
        self.server.full = True
        self._run(self.chance.uniform(0.05, 0.5))
        self.server.full = False

    def _restore(self) -> None:
        """The database is one from an older copy; not older than the log reaches back, which would be for good."""
        self.world.kill(self._pick("writer"))
        first = next(iter(self.server.stream(NAMES.events).entries), None)
        kept = sum(first is None or each.entry < first for each in self.writer.positions)
        batches = len(self.writer.positions) - kept - 1
        if batches > 0:
            self.writer.go_back(self.chance.randint(1, batches))
        self.world.start("writer", self.writer.run)

    def _copy_redis(self) -> None:
        self.server.crash(self.chance.uniform(0.1, 2.0))
        self._run(self.chance.uniform(0.0, 0.4))
        self.server.restart()

    def _jump(self) -> None:
        self.world.skew = self.chance.choice((0.0, self.chance.uniform(-2.0, 2.0)))

    def _poison(self) -> None:
        """An order that kills all engines, or those on some machines; an operator sees the first that halts."""
        names = [f"engine-{number}" for number in range(self.engines)]
        self.host.deadly_to = frozenset(self.chance.sample(names, self.chance.randint(1, self.engines)))
        self.chance.choice(self.clients).send_deadly = True

    def _operate(self) -> None:
        """An operator has skipped what an engine halts at; again if Redis lost that."""
        for engine in self._living():
            halted = engine._guard and engine._guard.halts_at
            if halted and self.skips.get(halted) not in self.server.stream(NAMES.orders).entries:
                self._operator += 1
                skip = admin(CommandKind.SKIP, a=halted.ms, b=halted.seq)
                names = {"log_id": engine.machine.log_id, "gateway": 1000 + self._operator}
                self.skips[halted] = self.server.add(NAMES.orders, block_of(skip, sequence=1, **names), None)

    def _run(self, seconds: float) -> None:
        end = self.world.now + seconds
        while self.world.step(end):
            pass

    # Afterwards

    def _check(self) -> None:
        machine = Machine(TINY)
        commands, mirrors = (self.server.history[name] for name in (NAMES.orders, NAMES.events))
        skipped = {entry for entry in self.skips if entry in mirrors and _says_skipped(mirrors[entry])}
        expected = {
            entry: machine.encode((machine.skip if entry in skipped else machine.execute)(entry, block))
            for entry, block in commands.items()
        }
        assert list(expected.items()) == list(mirrors.items()), "the event log is not what the commands give"
        log = [decode_block(block, EVENT) for block in mirrors.values()]
        events = np.concatenate([records.view("V128") for _, records in log]).view(EVENT)
        self._check_acknowledged(events)
        self._check_database(log, events)
        audit(machine.state)
        for engine in self._living():
            assert digest(engine.machine.state) == digest(machine.state), "an engine is in another state"

    def _check_acknowledged(self, events: np.ndarray) -> None:
        seen: dict[int, list[bytes]] = {}
        first = (EventKind.ACCEPTED, EventKind.REJECTED, EventKind.CANCEL_ALL_DONE)
        for event in events[np.isin(events["kind"], first) & (events["client_id"] != 0)]:
            seen.setdefault(int(event["client_id"]), []).append(event.tobytes())
        assert all(len(found) == 1 for found in seen.values()), "a command was executed twice"
        for client in self.clients:
            assert not client.refused & seen.keys(), "a command that its sender was told is not executed was"
            for client_id, told in client.acknowledged.items():
                answers = [told[at : at + EVENT.itemsize] for at in range(0, len(told), EVENT.itemsize)]
                if client_id in seen:
                    assert seen[client_id][0] in answers, f"command {client_id} was answered differently"
                else:
                    kinds = {int(np.frombuffer(each, EVENT)[0]["kind"]) for each in answers}
                    assert kinds <= {int(EventKind.CANCELLED), int(EventKind.CANCEL_ALL_DONE)}, f"{client_id} is lost"

    def _check_database(self, log: list[Any], events: np.ndarray) -> None:
        stored = b"".join(batch.tobytes() for batch in self.writer.events)
        assert stored == events.tobytes(), "the database holds other events than the log"
        times = np.concatenate([np.full(len(records), header["time_ms"], np.int64) for header, records in log])
        batches = list(zip(self.writer.events, self.writer.times, strict=True))
        assert rows_of(batches) == rows_of([(events, times)]), "the rows depend on the batches"


def _says_skipped(mirror: bytes) -> bool:
    return bool(decode_block(mirror, EVENT)[1][0]["reason"] == Reason.SKIPPED)


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def simulate(seed: int, harder: bool = False) -> Simulation:
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=_memory()) as name:
        simulation = Simulation(seed, Path(name), harder)
        with simulated(simulation.host):
            simulation.run()
        return simulation


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="the first one (default: 1)")
    parser.add_argument("--runs", type=int, default=1, help="how many seeds from there on (default: 1)")
    parser.add_argument("--harder", action="store_true", help="with the rarer accidents, too")
    options = parser.parse_args()
    if options.runs > 1:
        logging.getLogger("engine_core").setLevel(logging.CRITICAL)  # what one run says is told when it is run alone
    began, named = time.monotonic(), 0
    for seed in range(options.seed, options.seed + options.runs):
        try:
            simulation = simulate(seed, options.harder)
        except BaseException:
            print(f"seed {seed} failed", file=sys.stderr, flush=True)
            raise
        named += bool(simulation.named)
        gc.collect(0)
        if options.runs == 1 or seed % 100 == 0:
            entries = len(simulation.server.history.get(NAMES.events, ()))
            print(
                f"seed {seed}: {entries} entries, {simulation.world.turns} turns, {simulation.named or 'all is well'}"
            )
    print(f"{options.runs} seeds in {time.monotonic() - began:.1f} s, losses that were named: {named}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
