"""`exchange up`: decides what to start, from the options, the environment and the configuration, and runs it."""

import argparse
import os
import sys
import time
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

from engine_core.administration import reconcile
from engine_core.administration.client import ApplyError
from engine_core.administration.first_key import first_administrator
from engine_core.config.exchange_toml import Config
from engine_core.config.profiles import check_profile, first_profile
from engine_core.config.redis_url import places
from engine_core.config.settings import (
    KEYS_FILE,
    MAX_PORT,
    Settings,
    own_config,
    passed_over,
    private_folder,
    read_config,
    remember_config,
    runtime_folder,
    session_secret,
    without_password,
)
from engine_core.config.shards import Wanted, check_kept, check_markets, note_shards, wanted_shards
from engine_core.config.toml_section import ConfigError
from engine_core.config.whole_numbers import whole_number
from engine_core.edge import exposure
from engine_core.host.embedded import EmbeddedError, Postgres, Server, Valkey
from engine_core.host.external import ExternalError, check_database, check_redis
from engine_core.host.runtime_folders import check_room, own, sweep, tidy
from engine_core.host.supervisor import Plan, StartError, Supervisor, check_host, check_ports, free_port, lock_data
from engine_core.jit import cache as kernel_cache
from engine_core.operator import programs
from engine_core.operator.target import continuing, log_access
from engine_core.operator.target.running import CommandError, confirmed, require, settings_of
from engine_core.process import lifecycle


def up(options: argparse.Namespace) -> int:
    began = time.monotonic()
    lifecycle.no_core_dumps()
    os.umask(0o077)  # what the exchange writes is its own user's
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        with ExitStack() as kept:
            return _run(options, kept, began)
    except (ConfigError, StartError, EmbeddedError, ExternalError, kernel_cache.CacheError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _say(line: str) -> None:
    """Without a buffer, and so that a line that finds no room on the disk costs none of those after it. OSError."""
    os.write(1, f"{line}\n".encode(sys.stdout.encoding if sys.stdout else "utf-8", "backslashreplace"))


def _run(options: argparse.Namespace, kept: ExitStack, began: float) -> int:
    """`kept`: what is held until the end, such as ports that were chosen here."""
    data = options.data.absolute()
    named = options.config or os.environ.get("EXCHANGE_CONFIG")
    path = Path(named or own_config(data))
    profile = options.profile or first_profile(data) or "demo"
    config = read_config(path, profile)
    shards, said = _shards(options, config, data)
    host, http_port, ws_port = _addresses(options, config, kept)
    if options.i_know:
        os.environ[exposure.I_KNOW] = "1"  # the roles ask for it as well
    warnings = exposure.check(profile, host, bool(config.http.trusted_proxies))
    lock = lock_data(data)
    check_profile(data, profile)
    check_log = continuing.check_snapshots(data, shards, said)
    check_ports(host, (("the REST API", "--http", http_port), ("the WebSocket streams", "--ws", ws_port)))
    runtime = _runtime(data)
    check_room(runtime, config.engine.ring_slots, shards)
    print(f"starting the exchange on {data}, configured by {path.absolute()}", flush=True)
    if not named and (here := passed_over(path)) is not None:
        print(f"  {here} is another configuration, and is passed over: start with --config {here} to change to it")
    remember_config(data, path)
    note_shards(data, shards)
    for warning in warnings:
        print(f"  warning, on {host}: {warning}")
    servers: list[Server] = []
    settings = Settings(
        config=config,
        data=data,
        runtime=runtime,
        redis_url=_redis(servers, config, data, runtime, shards),
        database_url=_database(servers, data, runtime),
        profile=profile,
        shard=0,
        shards=shards,
        host=host,
        http_port=http_port,
        ws_port=ws_port,
        worker=0,
        session_secret=session_secret(data),
        metrics_port=config.server.metrics_port,
    )
    phases = programs.phases(settings, servers)
    check_ports(host, programs.metrics_ports(phases), taken=(http_port, ws_port))
    kernel_cache.ensure()  # last: it may take minutes, and what a person typed is refused at once
    plan = Plan(
        settings,
        phases,
        banner=lambda: _banner(settings, time.monotonic() - began),
        check=lambda: check_log(settings.redis_url),
        more=programs.more,
    )
    try:
        return Supervisor(plan, lock, _say).run()
    finally:
        tidy(runtime)


def _addresses(options: argparse.Namespace, config: Config, kept: ExitStack) -> tuple[str, int, int]:
    """Host and ports of both servers: an option wins over the environment, this over the configuration."""
    server, environment = config.server, os.environ
    host: str = options.host or environment.get("EXCHANGE_HOST") or server.host
    check_host(host)
    http_port = whole_number(environment, "EXCHANGE_HTTP_PORT", server.http_port, MAX_PORT)
    ws_port = whole_number(environment, "EXCHANGE_WS_PORT", server.ws_port, MAX_PORT)
    http_port, ws_port = (
        given if option is None else option for option, given in ((options.http, http_port), (options.ws, ws_port))
    )
    return host, http_port or free_port(host, kept), ws_port or free_port(host, kept)


def _shards(options: argparse.Namespace, config: Config, data: Path) -> Wanted:
    """How many. ConfigError if the data has more, or if a market is to begin in one that there is not."""
    wanted = wanted_shards(options.shards, os.environ, data, config.shards)
    check_kept(wanted, data)
    check_markets(config.path, config.markets, wanted.shards)
    return wanted


def _runtime(data: Path) -> Path:
    """The folder of sockets and rings, ours now; what killed exchanges left beside it is given back."""
    given = os.environ.get("EXCHANGE_RUNTIME")
    runtime = private_folder(Path(given).absolute()) if given else runtime_folder(data)
    own(runtime, data)
    for folder in sweep(runtime.parent, runtime):
        print(f"  gave back the memory of an exchange that was killed, or whose data is gone: {folder}")
    return runtime


def _redis(servers: list[Server], config: Config, data: Path, runtime: Path, shards: int) -> str:
    """The URL of the operator's Redis if it will do, else of one that is added to `servers`."""
    url = os.environ.get("REDIS_URL", "")
    if url:
        for place in places(url, shards):
            check_redis(place, config.durability, config.replicas, lambda line: print(f"  {line}", flush=True))
        print(f"  using Redis at {without_password(url)}")
        return url
    if config.replicas:
        raise StartError('durability = "replicated" needs a Redis with replicas: set REDIS_URL, or choose another one')
    servers.append(valkey := Valkey(data, runtime, config.durability))
    return valkey.url


def _database(servers: list[Server], data: Path, runtime: Path) -> str:
    url = os.environ.get("DATABASE_URL", "")
    if url:
        check_database(url)
        print(f"  using the database at {without_password(url)}")
        return url
    servers.append(postgres := Postgres(data, runtime))
    return postgres.url


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


def apply(options: argparse.Namespace) -> int:
    """`exchange apply`: what `exchange up` does at its start, for an exchange that runs: its configuration → commands.

    The configuration is the exchange's own, wherever one stands, unless another one is named. What would change is
    shown first, and somebody has to agree.
    """
    log_access.check_redis(require(options.data).redis)
    settings = settings_of(options.data, options.config)
    print(f"{settings.config.path}, compared with the log of the exchange on {settings.data}:", flush=True)

    def agree() -> None:
        if not options.yes and not confirmed("append this to the log? Type yes: "):
            raise CommandError("nothing was changed (confirm with yes, or use --yes)")

    try:
        applied = reconcile.apply(settings, lambda line: print(f"  {line}", flush=True), agree)
    except (ApplyError, TimeoutError) as error:
        raise CommandError(str(error)) from None
    print(f"{applied} commands applied" if applied else "the log already says what the configuration says")
    return 0
