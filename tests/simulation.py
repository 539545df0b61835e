"""The real engine loop, gateway bookkeeping and writer, in one process, against everything that can go wrong.

    python -m tests.simulation [--seed N] [--runs N] [--harder] [--replicated]

From the seed come: who runs when, crashes of engines, gateways, readers and the writer between any two of their steps,
of Redis (with `always`, or with `everysec` and a lost end), broken connections, lost replies, processes that freeze,
damaged snapshots, trimming, a Redis without memory, lapped readers. With --harder besides: torn snapshots, a database
or a Redis restored from an older copy, clocks that jump, a book that is full until it is made larger, and an order that
kills some engines or all of them, until an operator has it skipped. Then the accidents end, everything settles, and:

    the event log is what a machine computes from all commands ever kept, byte for byte, each entry once
    every acknowledged command was executed, once, with the very events that its sender was told; none that was refused
    the database holds exactly these events, and its rows do not depend on how they were batched
    the engines' states are the replayed state, no money appeared or vanished, and a reader's book is the engines'

With --replicated the engines wait for a replica, and hosts die: Redis with all that its replica has not received, and
with engines. Then nothing may be named as lost.

The same seed gives the same run. Where Redis loses what nobody has any more, an engine must say so; then an operator
accepts the loss, once all has ended, and it goes on: only the very blocks that Redis lost may be missing afterwards.
"""

import argparse
import gc
import logging
import sys
import tempfile
import time
from pathlib import Path

from engine_core.runtime.engine import FEW_ENTRIES
from engine_core.wire.streams import keys
from tests.simulated.actors import Host, simulated
from tests.simulated.checks import Log, blocks_of, check_database, check_engines, check_reader, check_traders
from tests.simulated.operator import Operator
from tests.simulated.server import Server
from tests.simulated.world import Actor, World

NAMES = keys(0)
LOAD_SECONDS = 4.0
SETTLE_SECONDS = 60.0
LOOK_SECONDS = 1.0


class Simulation:
    def __init__(self, seed: int, folder: Path, harder: bool = False, replicated: bool = False) -> None:
        self.world = World(seed)
        self.harder = harder
        self.chance = self.world.chance
        drawn = self.chance.choice(("always", "always", "everysec"))
        self.server = Server(self.world, "replicated" if replicated else drawn)
        self.host = Host(self.world, self.server, folder, tears=harder)
        self.host.few_entries = self.chance.choice((0, FEW_ENTRIES))
        if harder:
            self.host.orders = self.chance.choice((8, 32, self.host.orders))  # a book that is full, now and then
        self.operator = Operator(self.host, self.chance.choice((1, 2, 2, 3)), seed)
        self.accidents: list[str] = []

    def run(self) -> None:
        try:
            self.operator.start()
            self._load()
            self._settle()
            if not self.operator.ended:
                self._check()
        except AssertionError as error:
            error.add_note(f"accidents: {self.accidents}")
            raise
        finally:
            for actor in list(self.world.actors):
                self.world.kill(actor)

    def _load(self) -> None:
        accidents = [self._kill_engine, self._kill_engine, self._kill_writer, self._kill_redis, self._kill_trader]
        accidents += [self._kill_reader, self._break, self._freeze, self._fill]
        if self.server.durability == "replicated":
            accidents += [self._kill_host, self._kill_host, self._part]
        if self.harder:
            accidents += [self._restore, self._copy_redis, self._jump, self._poison, self._poison, self._grow]
        end = self.world.now + LOAD_SECONDS
        while self.world.now < end and not self.operator.ended:
            pause = self.world.now + self.chance.uniform(0.05, 0.8)
            while self.world.step(pause):
                pass
            self.operator.look()
            accident = self.chance.choice(accidents)
            self.accidents.append(f"{self.world.now:.3f} {accident.__name__}")
            accident()

    def _settle(self) -> None:
        self.host.deadly_to = frozenset()
        for trader in self.operator.traders:
            trader.stop = True
        for actor in self.world.actors:
            actor.frozen_until = 0.0
        end = self.world.now + SETTLE_SECONDS
        while not self.operator.ended and not self._is_quiet():
            assert self.world.step(end), f"it does not settle: {self._where()}"
            self.operator.look()
            end = max(end, self.operator.accepted_at + SETTLE_SECONDS)
            if self.operator.skips and self._is_quiet():
                self._run(LOOK_SECONDS)  # a standby's next look tells it if it has executed what was skipped

    def _is_quiet(self) -> bool:
        who = self.operator
        orders, events = (self.server.stream(name).top for name in (NAMES.orders, NAMES.events))
        return (
            orders == events == who.writer.position.entry == who.reader.feed.position
            and who.reader.data is not None
            and all(trader.is_done for trader in who.traders)
            and all(engine.machine.position == orders for engine in who.living())
        )

    def _where(self) -> str:
        tops = [str(self.server.stream(name).top) for name in (NAMES.orders, NAMES.events)]
        engines = [(str(each.machine.position), each.active, each.following) for each in self.operator.living()]
        writer, reader = self.operator.writer, self.operator.reader
        return (
            f"tops {tops}, writer {writer.position.entry} {writer.complaint}, reader {reader.feed.position}, "
            f"engines {engines}, losses {self.operator.accepted}"
        )

    # Accidents

    def _pick(self, role: str) -> Actor:
        return self.chance.choice([actor for actor in self.world.actors if actor.name.startswith(role)])

    def _kill_engine(self) -> None:
        victim = self._pick("engine")
        number = int(victim.name.partition("-")[2])
        self.world.kill(victim)
        if self.chance.random() < 0.5:
            self._run(self.chance.uniform(0.0, 0.5))
        self.operator.engine(number)

    def _kill_writer(self) -> None:
        self.world.kill(self._pick("writer"))
        if self.chance.random() < 0.3:
            self._run(self.chance.uniform(0.0, 3.0))  # while logs are trimmed
        self.world.start("writer", self.operator.writer.run)

    def _kill_trader(self) -> None:
        trader = self.chance.choice(self.operator.traders)
        self.world.kill(self._pick(f"trader-{trader.number}"))
        self.world.start(f"trader-{trader.number}", trader.run)

    def _kill_reader(self) -> None:
        self.world.kill(self._pick("reader"))
        self.world.start("reader", self.operator.reader.run)

    def _kill_redis(self) -> None:
        self.server.crash()
        self._run(self.chance.uniform(0.0, 0.4))
        self.server.restart()

    def _kill_host(self) -> None:
        """That of the primary, with one or all engines on it; now and then its replica had been away."""
        if self.chance.random() < 0.5:
            self._part()
            self._run(self.chance.uniform(0.0, 0.5))
        engines = [actor for actor in self.world.actors if actor.name.startswith("engine")]
        for victim in self.chance.sample(engines, self.chance.choice((1, len(engines)))):
            self.world.kill(victim)
            self.operator.engine(int(victim.name.partition("-")[2]), self.chance.uniform(0.0, 0.5))
        self._kill_redis()

    def _part(self) -> None:
        """The replica is cut off."""
        self.server.away_until = self.world.now + self.chance.uniform(0.05, 2.0)

    def _break(self) -> None:
        for number in self.chance.sample(sorted(self.server.connections), len(self.server.connections) // 2):
            self.server.connections.pop(number).broken = True

    def _freeze(self) -> None:
        self._pick("").frozen_until = self.world.now + self.chance.uniform(0.1, 2.0)

    def _fill(self) -> None:
        self.server.full = True
        self._run(self.chance.uniform(0.05, 0.5))
        self.server.full = False

    def _restore(self) -> None:
        """The database is one from an older copy; not older than the log reaches back, which would be for good."""
        self.world.kill(self._pick("writer"))
        first = next(iter(self.server.stream(NAMES.events).entries), None)
        kept = sum(first is None or each.entry < first for each in self.operator.writer.positions)
        batches = len(self.operator.writer.positions) - kept - 1
        if batches > 0:
            self.operator.writer.go_back(self.chance.randint(1, batches))
        self.world.start("writer", self.operator.writer.run)

    def _copy_redis(self) -> None:
        self.server.crash(self.chance.uniform(0.1, 2.0))
        self._run(self.chance.uniform(0.0, 0.4))
        self.server.restart()

    def _jump(self) -> None:
        self.world.skew = self.chance.choice((0.0, self.chance.uniform(-2.0, 2.0)))

    def _grow(self) -> None:
        """An operator has configured a larger book; engines that start from here on know."""
        self.host.orders += 16
        self._kill_engine()

    def _poison(self) -> None:
        """An order that kills all engines, or those on some machines; an operator sees the first that halts."""
        names = [f"engine-{number}" for number in range(self.operator.engines)]
        self.host.deadly_to = frozenset(self.chance.sample(names, self.chance.randint(1, self.operator.engines)))
        self.chance.choice(self.operator.traders).send_deadly = True

    def _run(self, seconds: float) -> None:
        end = self.world.now + seconds
        while self.world.step(end):
            pass

    # Afterwards

    def _excused(self) -> set[tuple[int, int, int]]:
        """Blocks that may be missing: those that Redis lost, where that was named."""
        return blocks_of(self.server) if self.operator.named or self.operator.accepted else set()

    def _check(self) -> None:
        if self.server.durability == "replicated" and not self.harder:
            assert not self.operator.named and not self.operator.accepted, "what nobody was told is named as a loss"
        log = Log(self.server)
        machine = log.machine(self.operator.skips)
        if not {lost.entry for lost in self.server.lost} & {*self.operator.skips.values()}:
            check_traders(log, self.operator.traders, self._excused())  # else all is executed otherwise from there on
        check_database(log, self.operator.writer, machine)
        check_reader(machine, self.operator.reader)
        check_engines(machine, self.operator.living())


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def simulate(seed: int, harder: bool = False, replicated: bool = False) -> Simulation:
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=_memory()) as name:
        simulation = Simulation(seed, Path(name), harder, replicated)
        with simulated(simulation.host):
            simulation.run()
        return simulation


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="the first one (default: 1)")
    parser.add_argument("--runs", type=int, default=1, help="how many seeds from there on (default: 1)")
    parser.add_argument("--harder", action="store_true", help="with the rarer accidents, too")
    parser.add_argument("--replicated", action="store_true", help="with a replica, and hosts that die")
    options = parser.parse_args()
    if options.runs > 1:
        logging.getLogger("engine_core").setLevel(logging.CRITICAL)  # what one run says is told when it is run alone
    began, named, ended = time.monotonic(), 0, 0
    for seed in range(options.seed, options.seed + options.runs):
        try:
            simulation = simulate(seed, options.harder, options.replicated)
        except BaseException:
            print(f"seed {seed} failed", file=sys.stderr, flush=True)
            raise
        named += len(simulation.operator.accepted)
        ended += bool(simulation.operator.ended)
        gc.collect(0)
        if options.runs == 1 or seed % 100 == 0:
            entries = len(simulation.server.history.get(NAMES.events, ()))
            outcome = simulation.operator.ended or "all is well"
            print(f"seed {seed}: {entries} entries, {simulation.world.turns} turns, {outcome}")
    print(f"{options.runs} seeds in {time.monotonic() - began:.1f} s, {named} losses named, {ended} not gone on from")
    return 0


if __name__ == "__main__":
    sys.exit(main())
