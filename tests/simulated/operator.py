"""Who starts processes, and again when they ended: the supervisor, and the operator where that alone does not help."""

from pathlib import Path
from typing import Any

from engine_core.administration.client import admin
from engine_core.runtime.log.publish import MirrorBroken
from engine_core.runtime.recovery import read_logs
from engine_core.runtime.snapshots.resume import accept_loss
from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import EVENT
from engine_core.wire.log import LogError, LogTrimmed
from engine_core.wire.streams import EntryId, decode_block, keys
from tests.runtime.rig import block_of, setup
from tests.simulated.actors import Host
from tests.simulated.client import SimClient
from tests.simulated.reader import Reader
from tests.simulated.trader import Trader
from tests.simulated.world import Actor
from tests.simulated.writer import Writer

NAMES = keys(0)
AGAIN_SECONDS = 0.5  # until a process that ended is started again
PATIENCE_SECONDS = 20.0  # an engine may still give back what another one misses
NAMED = (  # what is said of a log that lacks its end
    "Redis lost",
    "went back in time",
    "ends at",
    "it lost everything",
)


class Operator:
    def __init__(self, host: Host, engines: int, seed: int) -> None:
        self._host, self._world, self._server = host, host.world, host.server
        self.engines = engines
        self.traders = [Trader(host, 100 + number, seed) for number in range(2)]
        self.writer, self.reader = Writer(host), Reader(host)
        self.skips: dict[EntryId, EntryId] = {}  # which entry an operator's SKIP of which is
        self.named: list[str] = []  # losses, as engines said them
        self.accepted: list[str] = []  # who named those that were accepted
        self.accepted_at = 0.0  # the last one
        self.ended = ""  # why nothing goes on after one
        self._blocks = self._log_id = 0
        self._named: dict[str, float] = {}  # who names a loss, and since when

    # Processes

    def start(self) -> None:
        for number in range(self.engines):
            self.engine(number)
        while self._server.stream(NAMES.events).top.ms == 0:
            assert self._world.step(30.0), "no engine creates the log"
        block = next(iter(self._server.stream(NAMES.events).entries.values()))
        self._log_id = decode_block(block, EVENT)[0].log_id
        self._append(setup())
        self._start_servers()

    def engine(self, number: int, after_seconds: float = 0.0) -> Actor:
        run = self._host.engine(number, standby=number > 0)

        def body() -> None:
            self._world.wait(seconds=after_seconds)
            run()

        return self._world.start(f"engine-{number}", body)

    def _start_servers(self) -> None:
        for trader in self.traders:
            self._world.start(f"trader-{trader.number}", trader.run)
        self._world.start("writer", self.writer.run)
        self._world.start("reader", self.reader.run)

    def living(self) -> list[Any]:
        """Engines."""
        names = {actor.name for actor in self._world.actors if not actor.done}
        return [engine for name, engine in self._host.engines.items() if name in names]

    # What needs somebody

    def look(self) -> None:
        """Start again what ended by itself; skip what halts an engine; accept a loss that is named all the time."""
        for actor in [each for each in self._world.actors if each.done]:
            if self._is_loss(actor):
                self._named.setdefault(actor.name, self._world.now)
                self.named.append(str(actor.error))
            elif isinstance(actor.error, LogTrimmed) and self.accepted:  # and no older snapshots are kept
                self.ended = str(actor.error)
            elif not self._may_end(actor):
                raise AssertionError(f"{actor.name} ended") from actor.error
            self._world.actors.remove(actor)
            self._host.engines.pop(actor.name, None)
            self.engine(int(actor.name.partition("-")[2]), AGAIN_SECONDS)
        for name, engine in self._host.engines.items():
            if engine.following:
                self._named.pop(name, None)
        self._hear_the_writer()
        self._skip()
        if any(self._world.now - since > PATIENCE_SECONDS for since in self._named.values()):
            self._accept_loss()

    def _is_loss(self, actor: Actor) -> bool:
        said, lost = str(actor.error), isinstance(actor.error, LogError) and not isinstance(actor.error, MirrorBroken)
        return lost and bool(self._server.lost) and any(name in said for name in NAMED)

    def _may_end(self, actor: Actor) -> bool:
        """An order killed it; or it executed what another engine has skipped."""
        broken = isinstance(actor.error, MirrorBroken) and bool(self.skips)
        return actor.error is None or "cannot be skipped" in str(actor.error) or broken

    def _hear_the_writer(self) -> None:
        if any(name in self.writer.complaint for name in NAMED) or "no such entry" in self.writer.complaint:
            self._named.setdefault("writer", self._world.now)
        else:
            self._named.pop("writer", None)

    def _skip(self) -> None:
        """Have skipped what engines halt at; again if Redis lost that."""
        for engine in self.living():
            halted = engine.guard and engine.guard.halts_at
            if halted and self.skips.get(halted) not in self._server.stream(NAMES.orders).entries:
                self.skips[halted] = self._append(admin(CommandKind.SKIP, a=halted.ms, b=halted.seq))

    def _append(self, records: Any) -> EntryId:
        """As a tool does it, which is a gateway of its own each time."""
        self._blocks += 1
        block = block_of(records, log_id=self._log_id, gateway=1000 + self._blocks, sequence=1)
        return self._server.add(NAMES.orders, block, None)

    def _accept_loss(self) -> None:
        """End what is left of the exchange, and start it with the logs as they are now."""
        self.accepted.append(", ".join(self._named))
        self.accepted_at = self._world.now
        self._named.clear()
        self.writer.complaint = ""
        for actor in list(self._world.actors):
            self._world.kill(actor)
        client: Any = SimClient(self._server)
        accept_loss(client, NAMES, Path(self._host.folder), 0, read_logs(client, NAMES))
        if not self.writer.follow(client):
            self.ended = "the database is ahead of the log, which was trimmed"
            return
        for number in range(self.engines):
            self.engine(number)
        self._start_servers()
