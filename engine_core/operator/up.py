"""`exchange up`: decides what to start, from the options, the environment and the configuration, and runs it."""

import argparse
import importlib
import importlib.util
import os
import socket
import sys
import time
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

from engine_core import kernel_cache
from engine_core.children import Program
from engine_core.embedded import EmbeddedError, Postgres, Server, Valkey
from engine_core.external import ExternalError, check_database, check_redis
from engine_core.operator.first_key import first_administrator
from engine_core.operator.roles import ROLES
from engine_core.supervisor import Plan, StartError, Supervisor, check_port, free_port, lock_data
from engine_core.wire import exposure
from engine_core.wire.sections import ConfigError
from engine_core.wire.settings import (
    KEYS_FILE,
    Settings,
    own_config,
    read_config,
    remember_config,
    runtime_folder,
    session_secret,
    without_password,
)


def up(options: argparse.Namespace) -> int:
    began = time.monotonic()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        data = options.data.absolute()
        path = options.config or Path(os.environ.get("EXCHANGE_CONFIG") or own_config(data))
        config = read_config(path, options.profile)
        server = config.server
        host = options.host or server.host
        if options.i_know:
            os.environ[exposure.I_KNOW] = "1"  # the roles ask for it as well
        warnings = exposure.check(options.profile, host, bool(config.http.trusted_proxies))
        http_port = server.http_port if options.http is None else options.http or free_port(host)
        ws_port = server.ws_port if options.ws is None else options.ws or free_port(host)
        lock = lock_data(data)
        _check_upgraded(data)
        check_port(host, http_port, "the REST API", "--http")
        check_port(host, ws_port, "the WebSocket streams", "--ws")
        runtime = runtime_folder(data)
        print(f"starting the exchange on {data}, configured by {path.absolute()}", flush=True)
        remember_config(data, path)
        for warning in warnings:
            print(f"  warning, on {host}: {warning}")
        servers: list[Server] = []
        redis_url = os.environ.get("REDIS_URL", "")
        if redis_url:
            check_redis(redis_url, config.durability)
            print(f"  using Redis at {without_password(redis_url)}")
        else:
            servers.append(valkey := Valkey(data, runtime, config.durability))
            redis_url = valkey.url
        database_url = os.environ.get("DATABASE_URL", "")
        if database_url:
            check_database(database_url)
            print(f"  using the database at {without_password(database_url)}")
        else:
            servers.append(postgres := Postgres(data, runtime))
            database_url = postgres.url
        settings = Settings(
            config=config,
            data=data,
            runtime=runtime,
            redis_url=redis_url,
            database_url=database_url,
            profile=options.profile,
            shard=0,
            host=host,
            http_port=http_port,
            ws_port=ws_port,
            worker=0,
            session_secret=session_secret(data),
            metrics_port=server.metrics_port,
        )
        plan = Plan(settings, _phases(settings, servers), lambda: _banner(settings, time.monotonic() - began))
        try:
            return Supervisor(plan, lock, print).run()
        finally:
            _tidy(runtime)
    except (ConfigError, StartError, EmbeddedError, ExternalError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _check_upgraded(data: Path) -> None:
    """StartError before anything runs that changes the log, if its snapshots are of an earlier behaviour version."""
    if any((data / "snapshots").glob("*.snapshot")):
        snapshot = importlib.import_module("engine_core.runtime.snapshot")  # with NumPy, which nothing else here needs
        if (why := snapshot.not_upgraded(data, shard=0)) is not None:
            raise StartError(why)


def _tidy(runtime: Path) -> None:
    """Give back the memory of rings that nobody writes any more, unless a role that was started by hand still runs.

    Ended sessions, used signatures and rate limits stay: forgetting those would make a restart a way around them.
    """
    if any(_is_served(path) for path in runtime.glob("*.metrics")):
        return
    for pattern in ("ring-*", "bell-*", "*.metrics"):
        for path in runtime.glob(pattern):
            path.unlink(missing_ok=True)


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _phases(settings: Settings, servers: list[Server]) -> tuple[tuple[Program, ...], ...]:
    server = settings.config.server
    metrics = iter(range(settings.metrics_port, settings.metrics_port + 1024)) if settings.metrics_port else None

    def role(name: str, worker: int = 0, once: bool = False) -> Program:
        port = next(metrics) if metrics and not once else 0
        environment = settings.environment() | {"EXCHANGE_WORKER": str(worker), "EXCHANGE_METRICS_PORT": str(port)}
        log = settings.data / "logs" / (f"{name}.log" if worker == 0 else f"{name}.{worker}.log")
        arguments = ("--standby",) if name == "standby" else ()
        return Program(name, _module(ROLES[name], *arguments), log, environment, once=once)

    edges = [
        *(role("ingress", worker) for worker in range(server.ingress_workers)),
        *(role("egress", worker) for worker in range(server.egress_workers)),
        role("writer"),
        *(role("standby", number) for number in range(1, settings.config.engine.standbys + 1)),
    ]
    compiling = () if kernel_cache.is_complete() else (role("warm", once=True),)
    phases = [
        (*compiling, *(_program(server, settings.data) for server in servers)),
        (role("engine"), role("reconcile", once=True), *edges),
    ]
    if settings.profile == "demo" and importlib.util.find_spec(ROLES["market_maker"]):
        phases.append((role("market_maker"),))
    return tuple(phases)


def _module(module: str, *arguments: str) -> Callable[[int], list[str]]:
    # -P: the folder that one happens to stand in is not searched for modules
    return lambda parent_pipe: [sys.executable, "-P", "-m", module, *arguments]


def _program(server: Server, data: Path) -> Program:
    return Program(
        role=server.name,
        command=server.command,
        log=data / "logs" / f"{server.name}.log",
        probe=server.probe,
        prepare=server.prepare,
        stop_signal=server.stop_signal,
    )


def _banner(settings: Settings, seconds: float) -> str:
    hosts = exposure.addresses(settings.host)
    lines = [
        f"the exchange is ready, {seconds:.1f} s after its start",
        *_listed("trading page, REST", [f"http://{host}:{settings.http_port}" for host in hosts]),
        f"  API documentation    http://{hosts[0]}:{settings.http_port}/docs",
        *_listed("WebSocket", [f"ws://{host}:{settings.ws_port}" for host in hosts]),
        f"  logs                 {settings.data / 'logs'}",
    ]
    if settings.profile == "demo":
        lines.insert(-1, f"  demo API keys        {settings.data / KEYS_FILE}")
    if settings.profile == "venue":
        lines += first_administrator(settings)
    return "\n".join([*lines, "Ctrl-C stops it."])


def _listed(what: str, values: list[str]) -> list[str]:
    return [f"  {name:<20} {value}" for name, value in zip_longest([what], values, fillvalue="")]
