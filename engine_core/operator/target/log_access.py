"""The log of an exchange for commands that read it, whether the exchange runs or not."""

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import redis

from engine_core.config.redis_url import to_shard
from engine_core.config.settings import runtime_folder, without_password
from engine_core.config.shards import shards_of
from engine_core.host.embedded import EmbeddedError, Postgres, Valkey, running
from engine_core.host.supervisor import StartError, lock_data
from engine_core.operator.target.running import CommandError, absent, find
from engine_core.transport.primary import redis_of
from engine_core.transport.redis_connection import client_of

REDIS_SECONDS = 2.0


@contextlib.contextmanager
def open_logs(options: argparse.Namespace) -> Iterator[Callable[[int], redis.Redis]]:
    """A client for each shard by its number, since in a cluster each has a server of its own: of the running exchange's
    Redis, of REDIS_URL, or of the embedded Valkey, started for this command."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(_found(options))
        yield lambda shard: stack.enter_context(redis_of(to_shard(url, shard), protocol=2))


@contextlib.contextmanager
def _found(options: argparse.Namespace) -> Iterator[str]:
    run = find(options.data)
    url = run.redis if run is not None else os.environ.get("REDIS_URL", "")
    with contextlib.ExitStack() as stack:
        if not url:
            url = stack.enter_context(_alone(options.data.absolute()))
        check_redis(url)
        yield url


def check_redis(url: str) -> None:
    """CommandError unless Redis answers: a command waits for an engine, and never for a server that is not there."""
    try:
        with contextlib.closing(client_of(url, REDIS_SECONDS)) as client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        raise CommandError(
            f"no Redis answers at {without_password(url)}: {error}; start the exchange, or name its Redis by REDIS_URL"
        ) from None


@contextlib.contextmanager
def all_logs(options: argparse.Namespace) -> Iterator[list[redis.Redis]]:
    """The same of every shard that there is."""
    run = find(options.data)
    shards = run.shards if run is not None else shards_of(os.environ, options.data)
    with open_logs(options) as log_of:
        yield [log_of(shard) for shard in range(shards)]


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[str]:
    if not (data / "valkey").is_dir():
        raise absent(data)
    try:
        lock = lock_data(data)
        try:
            (data / "logs").mkdir(exist_ok=True)
            with running(Valkey(data, runtime_folder(data)), data / "logs" / "valkey.log", timeout=600.0) as url:
                yield url
        finally:
            os.close(lock)
    except (StartError, EmbeddedError) as error:
        raise CommandError(str(error)) from None


@contextlib.contextmanager
def servers_of(data: Path) -> Iterator[dict[str, str]]:
    """Both servers of an exchange that is stopped: REDIS_URL and DATABASE_URL for a program that needs them."""
    with contextlib.ExitStack() as stack:
        try:
            redis_url, database_url = (os.environ.get(name, "") for name in ("REDIS_URL", "DATABASE_URL"))
            if not (redis_url and database_url):
                stack.callback(os.close, lock_data(data))
                (data / "logs").mkdir(exist_ok=True)
            if not redis_url:
                server = Valkey(data, runtime_folder(data))
                redis_url = stack.enter_context(running(server, data / "logs" / "valkey.log", timeout=600.0))
            if not database_url:
                history = Postgres(data, runtime_folder(data))
                database_url = stack.enter_context(running(history, data / "logs" / "postgres.log", timeout=600.0))
        except (StartError, EmbeddedError) as error:
            raise CommandError(str(error)) from None
        yield {"REDIS_URL": redis_url, "DATABASE_URL": database_url}
