"""Clients of the Redis that has the log: the server of a URL, or the primary that is named at present.

Whoever is told `redis+sentinel://` or `redis+cluster://` asks the sentinels, or nodes, anew for each connection, and
the server that they name must say itself that it is a primary: they may be behind. A connection to a server that was
demoted, or that stands on the lonely side of a partition, ends like one to a server that died; the next one is made to
whoever is primary then, and its log is compared before anything goes on. Non-goals: when to try again, what the log
holds, and keys of several nodes: a client is of one shard.
"""

import asyncio
import socket
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.exceptions import AskError, ClusterDownError, ReadOnlyError, ResponseError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from engine_core.config.redis_url import cluster_url, is_sentinel, is_watched, sentinel_url
from engine_core.transport.discovery import (
    AskNodes,
    AskSentinels,
    AsyncAskNodes,
    AsyncAskSentinels,
    key_of,
    options_of,
)
from engine_core.wire.log import LogError

HANDSHAKE_SECONDS = 5.0  # for a server that accepts connections, which its system does for it even while it hangs
DEAD_HOST_MS = 3000  # of a server that acknowledges nothing: its connections end, and whoever is primary is looked for
# Of a replica; of a node that does not have the keys (AskError: MOVED, too), is alone, or is giving keys away.
_NOT_HERE = (ReadOnlyError, AskError, ClusterDownError, TryAgainError)
UNREACHABLE = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, ClusterDownError, OSError)
# The first one comes to whoever waits while a primary becomes a replica; the second from a primary that has lost its
# replicas (min-replicas-to-write), perhaps because they follow another one by now.
_ELSEWHERE = ("UNBLOCKED", "NOREPLICAS")


def is_elsewhere(error: Any) -> bool:
    """Whether this reply of Redis says that it is not, or may not be, the server to talk to any more."""
    if isinstance(error, _NOT_HERE):
        return True
    return isinstance(error, ResponseError) and str(error).startswith(_ELSEWHERE)


def redis_of(redis_url: str, **options: Any) -> redis.Redis:
    """As redis.Redis.from_url."""
    if not is_watched(redis_url):
        return redis.Redis.from_url(redis_url, **options)
    ask, name, server = _who_is_asked(redis_url, AskSentinels, AskNodes)
    client: redis.Redis = ask.master_for(name, **_server_options(server, _Connection, _Tls, options))
    return client


def async_redis_of(redis_url: str, **options: Any) -> redis.asyncio.Redis:
    """As redis.asyncio.Redis.from_url."""
    if not is_watched(redis_url):
        return redis.asyncio.Redis.from_url(redis_url, **options)
    ask, name, server = _who_is_asked(redis_url, AsyncAskSentinels, AsyncAskNodes)
    client: redis.asyncio.Redis = ask.master_for(name, **_server_options(server, _AsyncConnection, _AsyncTls, options))
    return client


def _who_is_asked(redis_url: str, sentinels: type, nodes: type) -> tuple[Any, str, str]:
    """Who knows the primary, under which name, and the URL of a server with everything but its address."""
    if is_sentinel(redis_url):
        named = sentinel_url(redis_url)
        return sentinels(named), named.name, named.server
    node = cluster_url(redis_url)
    return nodes(node), key_of(node), node.server


def refuse_replica(role: Any, *, at_start: bool) -> None:
    """With the answer to ROLE: an error unless the server is a primary, one to wait after if it has been one for us."""
    if role[0] in (b"master", "master"):
        return
    primary = f"{role[1].decode()}:{role[2]}" if len(role) > 2 and isinstance(role[1], bytes) else "unknown"
    why = f"this Redis is a replica, which takes no commands; its primary is {primary}"
    if at_start:
        raise LogError(f"REDIS_URL: {why}: name that one, or the sentinels (redis+sentinel://host,host/NAME)")
    raise RedisConnectionError(why)


def _server_options(server: str, plain: type, tls: type, given: dict[str, Any]) -> dict[str, Any]:
    options = options_of(server)
    del options["host"]
    options["connection_class"] = tls if "connection_class" in options else plain
    keepalive: dict[int, int] = {}
    for name, value in (("IDLE", 1), ("INTVL", 1), ("CNT", DEAD_HOST_MS // 1000)):
        if hasattr(socket, f"TCP_KEEP{name}"):
            keepalive[getattr(socket, f"TCP_KEEP{name}")] = value
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        keepalive[socket.TCP_USER_TIMEOUT] = DEAD_HOST_MS
    return {"socket_keepalive": True, "socket_keepalive_options": keepalive, **options, **given}


class _Primary:
    """Of a connection: the server says itself that it is one, in time, and the connection ends once it is not."""

    def connect_to(self, address: tuple[str, int]) -> None:
        made: Any = self
        patience = made.socket_timeout
        made.socket_timeout = min(HANDSHAKE_SECONDS, patience or HANDSHAKE_SECONDS)
        try:
            super().connect_to(address)  # type: ignore[misc]
            made.send_command("ROLE")
            refuse_replica(made.read_response(), at_start=False)
        except BaseException:
            made.disconnect()
            raise
        finally:
            made.socket_timeout = patience
        made._sock.settimeout(patience)
        made._parser.on_connect(made)  # it sets what it knows of again, after each read that has a time of its own

    def read_response(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return super().read_response(*arguments, **options)  # type: ignore[misc]
        except _NOT_HERE as error:
            self.disconnect()
            raise RedisConnectionError(f"this Redis is not the primary, or not any more: {error}") from error


class _AsyncPrimary:
    async def connect_to(self: Any, address: tuple[str, int]) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await super().connect_to(address)  # type: ignore[misc]
                await self.send_command("ROLE")
                refuse_replica(await self.read_response(), at_start=False)
        except TimeoutError:
            await self.disconnect(nowait=True)
            raise RedisTimeoutError(f"{address[0]}:{address[1]} does not say what it is") from None
        except BaseException:
            await self.disconnect(nowait=True)
            raise

    async def read_response(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*arguments, **options)  # type: ignore[misc]
        except _NOT_HERE as error:
            await self.disconnect(nowait=True)
            raise RedisConnectionError(f"this Redis is not the primary, or not any more: {error}") from error


class _Connection(_Primary, redis.sentinel.SentinelManagedConnection): ...


class _Tls(_Primary, redis.sentinel.SentinelManagedSSLConnection): ...


class _AsyncConnection(_AsyncPrimary, redis.asyncio.sentinel.SentinelManagedConnection): ...


class _AsyncTls(_AsyncPrimary, redis.asyncio.sentinel.SentinelManagedSSLConnection): ...
