"""Servers of the operator's own (REDIS_URL, DATABASE_URL): checked before anything is started, never changed.

A Redis that forgets its log, or evicts parts of it, would break the promise of the durability setting silently; so its
settings are read and anything that does not fit is an error that says what to set.
"""

import time
from collections.abc import Callable
from typing import Any

import psycopg
import redis

from engine_core.config.redis_url import check_redis_url, is_cluster
from engine_core.config.settings import without_password
from engine_core.transport.postgres import UnfitDatabase, check_for_writing
from engine_core.transport.primary import redis_of

MIN_REDIS = (7, 0)
MIN_POSTGRES = 14
LOOK_EVERY_S, SAY_SOMETHING_EVERY_S = 0.2, 5.0  # while it reads its file


class ExternalError(RuntimeError):
    """A server of the operator's that cannot be used as it is; the message says what to change."""


def check_redis(url: str, durability: str, replicas: int = 0, say: Callable[[str], None] = lambda line: None) -> None:
    """ExternalError unless `url` answers and keeps what is appended as `durability`, with `replicas`, promises. One
    that is reading its file is waited for."""
    name = f"REDIS_URL {without_password(check_redis_url(url))}"
    try:
        with redis_of(url, socket_timeout=5, socket_connect_timeout=5, decode_responses=True) as client:
            _wait_until_loaded(client, say)
            version = str(client.info("server")["redis_version"])
            replication: dict[str, Any] = client.info("replication")
            settings: dict[str, Any] = client.config_get("append*")
            settings |= client.config_get("maxmemory-policy")
            if client.info("cluster")["cluster_enabled"] and not is_cluster(url):
                raise ExternalError(
                    f"{name}: is a node of a cluster: name some of its nodes, redis+cluster://host,host"
                )
    except redis.ResponseError as error:
        raise ExternalError(
            f"{name}: its settings cannot be read ({error}); the exchange needs INFO and CONFIG GET"
        ) from None
    except (redis.RedisError, OSError) as error:
        raise ExternalError(f"{name}: cannot be reached: {error}") from None
    if tuple(int(part) for part in version.split(".")[:2]) < MIN_REDIS:
        raise ExternalError(f"{name}: is version {version}, at least {'.'.join(map(str, MIN_REDIS))} is needed")
    if replication.get("role") != "master":
        primary = f"{replication.get('master_host', '?')}:{replication.get('master_port', '?')}"
        raise ExternalError(f"{name}: is a replica, which takes no commands: name its primary, {primary}, instead")
    wanted: dict[str, Callable[[str], bool]] = {
        "appendonly": lambda value: value == "yes",
        "appendfsync": lambda value: value == "always" or (value == "everysec" and durability != "always"),
        "maxmemory-policy": lambda value: value == "noeviction",
    }
    appendfsync = "always" if durability == "always" else "everysec"
    advice = {"appendonly": "yes", "appendfsync": appendfsync, "maxmemory-policy": "noeviction"}
    for key, fits in wanted.items():
        if not fits(str(settings.get(key, ""))):
            raise ExternalError(
                f"{name}: {key} is {settings.get(key)!r}, but the log needs it (durability = {durability!r}): "
                f"CONFIG SET {key} {advice[key]}, and the same in its configuration file"
            )
    there = int(replication.get("connected_slaves", 0))
    if there < replicas:
        raise ExternalError(
            f"{name}: has {there} of the {replicas} replicas without which nothing leaves the engine (durability = "
            f"{durability!r}): start them, or set log.replicas lower"
        )


def _wait_until_loaded(client: redis.Redis, say: Callable[[str], None]) -> None:
    said_at = float("-inf")
    while (loading := client.info("persistence")).get("loading"):
        if time.monotonic() - said_at > SAY_SOMETHING_EVERY_S:
            said_at = time.monotonic()
            say(f"waiting for Redis, which reads its file: {loading.get('loading_loaded_perc', '?')} % until now")
        time.sleep(LOOK_EVERY_S)


def check_database(url: str) -> None:
    """ExternalError unless `url` is a PostgreSQL in which the writer may create its tables."""
    name = f"DATABASE_URL {without_password(url)}"
    try:
        with psycopg.connect(url, connect_timeout=5, prepare_threshold=None) as connection:
            version = connection.info.server_version // 10_000
            row = connection.execute("SELECT has_schema_privilege('public', 'CREATE')").fetchone()
    except psycopg.Error as error:
        why = str(error).strip()
        if isinstance(error, psycopg.ProgrammingError) or "port number" in why:  # it may repeat a part of a password
            why = "it is not a connection string; in a password, signs like / # ? @ are written %2F %23 %3F %40"
        raise ExternalError(f"{name}: cannot be used: {why}") from None
    if version < MIN_POSTGRES:
        raise ExternalError(f"{name}: is PostgreSQL {version}, at least {MIN_POSTGRES} is needed")
    if not (row and row[0]):
        raise ExternalError(f"{name}: its user may not create tables: GRANT CREATE ON SCHEMA public TO that user")
    try:
        check_for_writing(url)
    except UnfitDatabase as error:
        raise ExternalError(f"{name}: {error}") from None
    except psycopg.Error as error:
        raise ExternalError(f"{name}: cannot be used: {str(error).strip()}") from None
