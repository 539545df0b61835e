"""Clients of the Redis that has the log: the server of a URL, or the primary that Redis Sentinel names at present.

Whoever is told `redis+sentinel://` asks the sentinels anew for each connection, and the server that they name must say
itself that it is a primary: a sentinel may be behind. A connection to a server that was demoted, or that stands on the
lonely side of a partition, ends like one to a server that died; the next one is made to whoever is primary then, and
its log is compared before anything goes on. Non-goals: when to try again, and what the log holds.
"""

import socket
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.connection
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MasterDownError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from engine_core.config.redis_url import SentinelUrl, is_sentinel, sentinel_url
from engine_core.wire.log import LogError

SENTINEL_SECONDS = 1.0  # for one sentinel to answer, then the next one is asked
DEAD_HOST_MS = 3000  # of a server that acknowledges nothing: its connections end, and whoever is primary is looked for
UNREACHABLE = (RedisConnectionError, RedisTimeoutError, ReadOnlyError, MasterDownError, OSError)
_options_of: Any = redis.connection.parse_url
# The first one comes to whoever waits while a primary becomes a replica; the second from a primary that has lost its
# replicas (min-replicas-to-write), perhaps because they follow another one by now.
_ELSEWHERE = ("UNBLOCKED", "NOREPLICAS")


def is_elsewhere(error: Any) -> bool:
    """Whether this reply of Redis says that it is not, or may not be, the server to talk to any more."""
    if isinstance(error, ReadOnlyError | MasterDownError):
        return True
    return isinstance(error, ResponseError) and str(error).startswith(_ELSEWHERE)


def redis_of(redis_url: str, **options: Any) -> redis.Redis:
    """As redis.Redis.from_url."""
    if not is_sentinel(redis_url):
        return redis.Redis.from_url(redis_url, **options)
    url = sentinel_url(redis_url)
    sentinel: Any = _Sentinel(url)
    client: redis.Redis = sentinel.master_for(url.name, **_server_options(url, _Connection, _Tls, options))
    return client


def async_redis_of(redis_url: str, **options: Any) -> redis.asyncio.Redis:
    """As redis.asyncio.Redis.from_url."""
    if not is_sentinel(redis_url):
        return redis.asyncio.Redis.from_url(redis_url, **options)
    url = sentinel_url(redis_url)
    sentinel: Any = _AsyncSentinel(url)
    server = _server_options(url, _AsyncConnection, _AsyncTls, options)
    client: redis.asyncio.Redis = sentinel.master_for(url.name, **server)
    return client


def refuse_replica(role: Any, *, at_start: bool) -> None:
    """With the answer to ROLE: an error unless the server is a primary, one to wait after if it has been one for us."""
    if role[0] in (b"master", "master"):
        return
    primary = f"{role[1].decode()}:{role[2]}" if len(role) > 2 and isinstance(role[1], bytes) else "unknown"
    why = f"this Redis is a replica, which takes no commands; its primary is {primary}"
    if at_start:
        raise LogError(f"REDIS_URL: {why}: name that one, or the sentinels (redis+sentinel://host,host/NAME)")
    raise RedisConnectionError(why)


def _sentinel_options(url: SentinelUrl, retry: Any) -> dict[str, Any]:
    return {
        "username": url.username or None,
        "password": url.password or None,
        "ssl": url.server.startswith("rediss:"),
        "retry": retry,
        "protocol": 2,
        "socket_timeout": SENTINEL_SECONDS,
        "socket_connect_timeout": SENTINEL_SECONDS,
    } | {name: value for name, value in _options_of(url.server).items() if name.startswith("ssl_")}


def _server_options(url: SentinelUrl, plain: type, tls: type, given: dict[str, Any]) -> dict[str, Any]:
    options = _options_of(url.server)
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
    """Of a connection: the server says itself that it is one."""

    def connect_to(self: Any, address: tuple[str, int]) -> None:
        super().connect_to(address)  # type: ignore[misc]
        try:
            self.send_command("ROLE")
            refuse_replica(self.read_response(), at_start=False)
        except BaseException:
            self.disconnect()
            raise


class _AsyncPrimary:
    async def connect_to(self: Any, address: tuple[str, int]) -> None:
        await super().connect_to(address)  # type: ignore[misc]
        try:
            await self.send_command("ROLE")
            refuse_replica(await self.read_response(), at_start=False)
        except BaseException:
            await self.disconnect(nowait=True)
            raise


class _Connection(_Primary, redis.sentinel.SentinelManagedConnection): ...


class _Tls(_Primary, redis.sentinel.SentinelManagedSSLConnection): ...


class _AsyncConnection(_AsyncPrimary, redis.asyncio.sentinel.SentinelManagedConnection): ...


class _AsyncTls(_AsyncPrimary, redis.asyncio.sentinel.SentinelManagedSSLConnection): ...


class _Sentinel(redis.sentinel.Sentinel):
    """Its connections are for one question: what stays open may be to a sentinel that is gone by the next."""

    def __init__(self, url: SentinelUrl) -> None:
        asking = _sentinel_options(url, Retry(NoBackoff(), 0))
        super().__init__(url.sentinels, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]

    def discover_master(self, service_name: str) -> Any:
        troubles = []
        for sentinel in self.sentinels:
            try:
                state: Any = sentinel.sentinel_master(service_name)
                named: Any = sentinel.sentinel_get_master_addr_by_name(service_name)
            except (RedisError, OSError) as error:
                troubles.append(str(error))
                continue
            finally:
                sentinel.connection_pool.disconnect()
            if (address := address_of(state, named)) is not None:
                return address
        raise _nobody(service_name, troubles)


class _AsyncSentinel(redis.asyncio.sentinel.Sentinel):
    def __init__(self, url: SentinelUrl) -> None:
        asking = _sentinel_options(url, AsyncRetry(NoBackoff(), 0))
        super().__init__(url.sentinels, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]

    async def discover_master(self, service_name: str) -> Any:
        troubles = []
        for sentinel in self.sentinels:
            try:
                state: Any = await sentinel.sentinel_master(service_name)
                named: Any = await sentinel.sentinel_get_master_addr_by_name(service_name)
            except (RedisError, OSError) as error:
                troubles.append(str(error))
                continue
            finally:
                await sentinel.connection_pool.disconnect()
            if (address := address_of(state, named)) is not None:
                return address
        raise _nobody(service_name, troubles)


def address_of(state: dict[str, Any], named: tuple[bytes | str, int] | None) -> tuple[str, int] | None:
    """Of the primary, as one sentinel knows it; None: it is down, as far as that one sees.

    `state` (SENTINEL MASTER) is of the dead one until every replica follows the new one: seconds after that has become
    primary. `named` (GET-MASTER-ADDR-BY-NAME) is the new one at once, at the sentinel that promotes it.
    """
    if named is None:
        return None
    host, port = named
    address = (host.decode() if isinstance(host, bytes) else host, port)
    is_down = state["is_sdown"] or state["is_odown"] or not state["is_master"]
    return None if is_down and address == (state["ip"], state["port"]) else address


def _nobody(name: str, troubles: list[str]) -> redis.sentinel.MasterNotFoundError:
    why = f": {'; '.join(troubles)}" if troubles else ""
    return redis.sentinel.MasterNotFoundError(f"No master found for {name!r}{why}")
