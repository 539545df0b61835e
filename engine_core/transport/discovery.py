"""Who is the primary at present: asked of the sentinels, or of the nodes of a cluster, anew for each connection.

Both take the place of redis-py's Sentinel, whose pools ask `discover_master` whenever a connection is made. A question
has a connection of its own: what stays open may be to somebody who is gone by the next. Non-goals: connecting to
whoever is named, and whether it is what it is said to be.
"""

from typing import Any

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.connection
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import AskError, RedisError
from redis.retry import Retry

from engine_core.config.redis_url import ClusterUrl, SentinelUrl
from engine_core.wire.streams import keys

Address = tuple[str, int]  # host and port

ANSWER_SECONDS = 1.0  # for one of them, then the next one is asked
options_of: Any = redis.connection.parse_url


class _Ask(redis.sentinel.Sentinel):
    """`sentinels` are whoever is asked, one after the other, until one knows it."""

    def discover_master(self, service_name: str) -> Any:
        troubles = []
        for asked in self.sentinels:
            try:
                address = self._named_by(asked, service_name)
            except (RedisError, OSError) as error:
                troubles.append(str(error))
                continue
            finally:
                asked.connection_pool.disconnect()
            if address is not None:
                return address
        raise _nobody(service_name, troubles)

    def _named_by(self, asked: Any, name: str) -> Address | None:
        raise NotImplementedError


class _AsyncAsk(redis.asyncio.sentinel.Sentinel):
    async def discover_master(self, service_name: str) -> Any:
        troubles = []
        for asked in self.sentinels:
            try:
                address = await self._named_by(asked, service_name)
            except (RedisError, OSError) as error:
                troubles.append(str(error))
                continue
            finally:
                await asked.connection_pool.disconnect()
            if address is not None:
                return address
        raise _nobody(service_name, troubles)

    async def _named_by(self, asked: Any, name: str) -> Address | None:
        raise NotImplementedError


class AskSentinels(_Ask):
    def __init__(self, url: SentinelUrl) -> None:
        super().__init__(url.sentinels, sentinel_kwargs=_of_sentinels(url, Retry(NoBackoff(), 0)))  # type: ignore[no-untyped-call]

    def _named_by(self, asked: Any, name: str) -> Address | None:
        return address_of(asked.sentinel_master(name), asked.sentinel_get_master_addr_by_name(name))


class AsyncAskSentinels(_AsyncAsk):
    def __init__(self, url: SentinelUrl) -> None:
        super().__init__(url.sentinels, sentinel_kwargs=_of_sentinels(url, AsyncRetry(NoBackoff(), 0)))  # type: ignore[no-untyped-call]

    async def _named_by(self, asked: Any, name: str) -> Address | None:
        state = await asked.sentinel_master(name)
        return address_of(state, await asked.sentinel_get_master_addr_by_name(name))


class AskNodes(_Ask):
    """Of a cluster, about keys: whoever has one says so, or who has it."""

    def __init__(self, url: ClusterUrl) -> None:
        super().__init__(url.nodes, sentinel_kwargs=_of_nodes(url, Retry(NoBackoff(), 0)))  # type: ignore[no-untyped-call]

    def _named_by(self, asked: Any, name: str) -> Address:
        try:
            asked.exists(name)
        except AskError as moved:
            return _other(asked, moved)
        return _address_of(asked)


class AsyncAskNodes(_AsyncAsk):
    def __init__(self, url: ClusterUrl) -> None:
        super().__init__(url.nodes, sentinel_kwargs=_of_nodes(url, AsyncRetry(NoBackoff(), 0)))  # type: ignore[no-untyped-call]

    async def _named_by(self, asked: Any, name: str) -> Address:
        try:
            await asked.exists(name)
        except AskError as moved:
            return _other(asked, moved)
        return _address_of(asked)


def key_of(url: ClusterUrl) -> str:
    """A key of the shard: all of them are at the same node."""
    return keys(url.shard).orders


def address_of(state: dict[str, Any], named: tuple[bytes | str, int] | None) -> Address | None:
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


def _address_of(node: Any) -> Address:
    options = node.connection_pool.connection_kwargs
    return options["host"], options["port"]


def _other(node: Any, moved: AskError) -> Address:
    """Who has it, by the word of this one; without a host it is on its own."""
    return moved.host or _address_of(node)[0], moved.port


def _of_sentinels(url: SentinelUrl, retry: Any) -> dict[str, Any]:
    users = {"username": url.username or None, "password": url.password or None}
    return {**_of_questions(url.server, retry), **users}


def _of_nodes(url: ClusterUrl, retry: Any) -> dict[str, Any]:
    known = options_of(url.server)
    return {**_of_questions(url.server, retry), **{name: known.get(name) for name in ("username", "password")}}


def _of_questions(server: str, retry: Any) -> dict[str, Any]:
    return {
        "ssl": server.startswith("rediss:"),
        "retry": retry,
        "protocol": 2,
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": ANSWER_SECONDS,
    } | {name: value for name, value in options_of(server).items() if name.startswith("ssl_")}


def _nobody(name: str, troubles: list[str]) -> redis.sentinel.MasterNotFoundError:
    why = f": {'; '.join(troubles)}" if troubles else ""
    return redis.sentinel.MasterNotFoundError(f"No master found for {name!r}{why}")
