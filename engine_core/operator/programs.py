"""The programs of which an exchange consists: servers, engines, writers, edges; with their variables and their logs."""

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from engine_core.config.settings import Settings
from engine_core.config.shards import noted_shards
from engine_core.host.children import Program
from engine_core.host.disk_reserve import DiskReserve
from engine_core.host.embedded import Server, Valkey
from engine_core.host.growth import More
from engine_core.operator.target.roles import NEEDS, ROLES, SECRETS
from engine_core.process.names import process_name

EDGES = ("ingress", "egress")


class _Roles:
    """Each gets the next port for its metrics, if they have any."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._given = settings, settings.environment()
        first = settings.metrics_port
        self._ports = iter(range(first, first + 1024)) if first else None

    def __call__(self, name: str, worker: int = 0, once: bool = False, shard: int = 0) -> Program:
        settings = self._settings
        port = next(self._ports) if self._ports and not once else 0
        variables = self._given | {"EXCHANGE_SHARD": str(shard), "REDIS_URL": settings.redis_of(shard)}
        environment = {key: value for key, value in variables.items() if key not in SECRETS or key in NEEDS[name]}
        environment |= {"EXCHANGE_WORKER": str(worker), "EXCHANGE_METRICS_PORT": str(port)}
        log = settings.data / "logs" / f"{process_name(name, shard, worker)}.log"
        arguments = ("--standby",) if name == "standby" else ()
        return Program(name, _module(ROLES[name], *arguments), log, environment, once=once)

    def storing(self, shard: int) -> Iterator[Program]:
        """What belongs to a shard beside its engine."""
        yield self("writer", shard=shard)
        for number in range(1, self._settings.config.engine.standbys + 1):
            yield self("standby", number, shard=shard)


def phases(settings: Settings, servers: list[Server]) -> tuple[tuple[Program, ...], ...]:
    """As the supervisor starts them. More shards are more programs at the end: the others keep their ports."""
    server, role = settings.config.server, _Roles(settings)
    edges = [
        *(role("ingress", worker) for worker in range(server.ingress_workers)),
        *(role("egress", worker) for worker in range(server.egress_workers)),
        *role.storing(0),
    ]
    home = [role("engine"), role("reconcile", once=True)]
    has_maker = settings.profile == "demo" and importlib.util.find_spec(ROLES["market_maker"])
    last = [(role("market_maker"),)] if has_maker else []
    others = [
        each for shard in range(1, settings.shards) for each in (role("engine", shard=shard), *role.storing(shard))
    ]
    return (tuple(_program(server, settings.data) for server in servers), (*home, *others, *edges), *last)


def more(settings: Settings) -> More | None:
    """What an exchange of these settings needs for the shards that its data folder has by now; None: nothing."""
    grown = replace(settings, shards=noted_shards(settings.data))
    if grown.shards <= settings.shards:
        return None
    before = {program.name for program in _all(phases(settings, []))}
    after = list(_all(phases(grown, [])))
    return More(
        settings=grown,
        added=tuple(program for program in after if program.name not in before),
        once=next(program for program in after if program.once),
        renewed=tuple(program for program in after if program.role in EDGES),
    )


def _all(phases: Iterable[Iterable[Program]]) -> Iterator[Program]:
    for phase in phases:
        yield from phase


def metrics_ports(phases: Iterable[Iterable[Program]]) -> list[tuple[str, str, int]]:
    ports = [(program.role, int(program.environment.get("EXCHANGE_METRICS_PORT", 0))) for program in _all(phases)]
    return [(f"the metrics of {role}", "[server] metrics_port", port) for role, port in ports if port]


def _module(module: str, *arguments: str) -> Callable[[int], list[str]]:
    # -P: the folder that one happens to stand in is not searched for modules
    return lambda parent_pipe: [sys.executable, "-P", "-m", module, *arguments]


def _program(server: Server, data: Path) -> Program:
    reserve = DiskReserve(server.folder, print) if isinstance(server, Valkey) else None
    return Program(
        role=server.name,
        command=server.command,
        log=data / "logs" / f"{server.name}.log",
        probe=server.probe,
        prepare=server.prepare,
        stop_signal=server.stop_signal,
        look=reserve.look if reserve else None,
    )
