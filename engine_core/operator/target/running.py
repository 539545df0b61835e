"""Which exchange a command talks to: the one that `exchange up` runs on the data folder, as its run.json says; else the
one whose servers the environment names, where every role is started by somebody else (containers, systemd, by hand).
"""

import json
import os
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine_core.config.hosts import reachable
from engine_core.config.redis_url import to_shard
from engine_core.config.settings import Settings, private_urls
from engine_core.config.shards import VARIABLE as SHARDS
from engine_core.host.supervisor import holder_of
from engine_core.process.sockets import ask, of_roles

# An exchange of one's own is not behind the proxy that the environment names for what is elsewhere.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def told_by(url: str, timeout_s: float) -> Any:
    """The JSON that its REST API answers there. OSError (an HTTPError among them), ValueError."""
    with _DIRECT.open(url, timeout=timeout_s) as answer:
        return json.load(answer)


class CommandError(RuntimeError):
    """A command that cannot do what it was asked to; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Run:
    data: Path
    supervisor: int  # 0: none, its roles are started by somebody else
    processes: dict[str, list[int]]  # empty without a supervisor
    http: str
    ws: str
    redis: str
    database: str
    logs: Path
    profile: str
    config: str
    runtime: Path
    shards: int = 1

    def redis_of(self, shard: int) -> str:
        """The URL of the Redis that has the logs of that shard: of a cluster, its node."""
        return self.redis if self.shards == 1 else to_shard(self.redis, shard)

    @property
    def redis_urls(self) -> list[str]:
        """Of all shards, from 0 on."""
        return [self.redis_of(shard) for shard in range(self.shards)]

    def environment(self) -> dict[str, str]:
        """The variables that let a tool or a role join this exchange."""
        return {
            "EXCHANGE_CONFIG": self.config,
            "EXCHANGE_DATA": str(self.data),
            "EXCHANGE_RUNTIME": str(self.runtime),
            "EXCHANGE_PROFILE": self.profile,
            SHARDS: str(self.shards),
            "REDIS_URL": self.redis,
            "DATABASE_URL": self.database,
            "EXCHANGE_API_URL": self.http,
            "EXCHANGE_WS_URL": self.ws,
        }


def find(data: Path) -> Run | None:
    """The exchange that runs on `data` now, else the one that REDIS_URL names, or None."""
    return _supervised(data) or (_joined(data) if os.environ.get("REDIS_URL") else None)


def _joined(data: Path) -> Run:
    """The exchange of these variables, wherever its roles run."""
    settings = Settings.from_environment({**os.environ, "EXCHANGE_DATA": str(data)})
    host = reachable(settings.host)
    return Run(
        data=settings.data,
        supervisor=0,
        processes={},
        http=(os.environ.get("EXCHANGE_API_URL") or f"http://{host}:{settings.http_port}").rstrip("/"),
        ws=(os.environ.get("EXCHANGE_WS_URL") or f"ws://{host}:{settings.ws_port}").rstrip("/"),
        redis=settings.redis_url,
        database=settings.database_url,
        logs=settings.data / "logs",
        profile=settings.profile,
        config=settings.config.path,
        runtime=settings.runtime,
        shards=settings.shards,
    )


def _supervised(data: Path) -> Run | None:
    if not holder_of(data):
        return None
    try:
        values: dict[str, Any] = json.loads((data / "run.json").read_text(encoding="utf-8"))
        return _run_of(data, values | private_urls(data))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{data / 'run.json'}: is damaged ({error}): stop the exchange and start it") from None


def _run_of(data: Path, values: dict[str, Any]) -> Run:
    return Run(
        data=data.absolute(),
        supervisor=int(values["supervisor"]),
        processes=values["processes"],
        http=values["http"],
        ws=values["ws"],
        redis=values["redis"],
        database=values["database"],
        logs=Path(values["logs"]),
        profile=values["profile"],
        config=values["config"],
        runtime=Path(values["runtime"]),
        shards=int(values.get("shards", 1)),
    )


def is_running(data: Path) -> bool:
    """Whether a supervisor runs on `data`, or an engine of an exchange that the environment names answers."""
    run = find(data)
    return run is not None and (
        run.supervisor > 0 or any(ask(path, "/health") for path in of_roles(run.runtime, "engine"))
    )


def require(data: Path) -> Run:
    run = find(data)
    if run is None:
        raise CommandError(
            f"no exchange runs on {data.absolute()}: start it with `exchange up`, or name its folder with --data, "
            "or join one without a supervisor (containers) with REDIS_URL"
        )
    return run


def absent(data: Path) -> CommandError:
    """For a command that does not need a running exchange, where there has been none."""
    return CommandError(
        f"no exchange runs on {data.absolute()}, nor is there one: name its folder with --data, or set REDIS_URL"
    )


def settings_of(data: Path, config: Path | None = None) -> Settings:
    """Of the exchange on `data`, running or not, wherever one stands; `config` is another configuration for it."""
    run = find(data)
    variables: Mapping[str, str] = os.environ | {"EXCHANGE_DATA": str(data.absolute())}
    if run is not None:
        variables = {**variables, **run.environment()}
    if config is not None:
        variables = {**variables, "EXCHANGE_CONFIG": str(config.absolute())}
    return Settings.from_environment(variables)


def join(data: Path) -> None:
    """Make this process part of the exchange that runs on `data`, if one does; what is already set wins."""
    run = find(data)
    found = {"EXCHANGE_DATA": str(data.absolute()), **(run.environment() if run else {})}
    os.environ.update({name: value for name, value in found.items() if not os.environ.get(name)})


def confirmed(question: str) -> bool:
    """Whether a person said yes; without a terminal nobody can."""
    if not sys.stdin or not sys.stdin.isatty():
        return False
    try:
        return input(question).strip() == "yes"
    except EOFError:
        return False
