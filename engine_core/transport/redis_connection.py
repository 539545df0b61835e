"""One connection to Redis with as little as possible between us and the socket: packed bytes out, replies in.

It never reconnects and never repeats by itself: any trouble ends it, and what was under way is decided by the log.
Non-goals: pools, retries, friendly replies (use redis.Redis where speed does not matter).
"""

import socket
from collections import deque
from itertools import islice
from ssl import SSLSocket
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from engine_core.wire.log import LogState, no_log, parse_description

UNREACHABLE = (RedisConnectionError, RedisTimeoutError, OSError)
SOCKET_READ_BYTES = 1 << 20
SEND_BYTES = 1 << 20  # wanted of the system, which gives less: what is under way while we go on
MOST_PARTS = 512  # in one call; Linux takes 1,024


def client_of(redis_url: str, timeout_seconds: float) -> redis.Redis:
    """An ordinary client that does not repeat commands."""
    return redis.Redis.from_url(
        redis_url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_seconds,
        socket_connect_timeout=5,
        socket_read_size=SOCKET_READ_BYTES,
    )


def describe(client: redis.Redis, name: str) -> LogState:
    """What Redis says of a stream now."""
    try:
        reply: Any = client.xinfo_stream(name)
    except redis.ResponseError as error:
        if "no such key" in str(error):
            return no_log(name)
        raise
    return parse_description(name, reply)


def _send_all(connection: socket.socket, parts: list[bytes]) -> None:
    left = deque(memoryview(part) for part in parts)
    while left:
        sent = connection.sendmsg(list(islice(left, MOST_PARTS)))
        while left and sent >= len(left[0]):
            sent -= len(left.popleft())
        if sent:
            left[0] = left[0][sent:]


class Connection:
    def __init__(self, redis_url: str, timeout_seconds: float) -> None:
        pool = client_of(redis_url, timeout_seconds).connection_pool
        self._connection: Any = pool.get_connection()
        connected: Any = self._connection._sock
        if connected.family == socket.AF_UNIX:  # the system fits the buffers of others to their way
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        self._alive = True

    def fileno(self) -> int:
        number: int = self._connection._sock.fileno()
        return number

    def send(self, parts: list[bytes]) -> None:
        """Commands, or parts of them: large ones are not copied to stand side by side."""
        if not self._alive:
            raise RedisConnectionError("the connection was closed")
        connected = self._connection._sock
        if len(parts) == 1 or isinstance(connected, SSLSocket):  # which encrypts each, and cannot gather
            self._connection.send_packed_command(parts, check_health=False)
            return
        try:
            _send_all(connected, parts)
        except UNREACHABLE:
            self._alive = False
            raise

    def receive(self) -> Any:
        """The next reply; an error reply is returned, not raised."""
        if not self._alive:
            raise RedisConnectionError("the connection was closed")
        try:
            return self._connection.read_response(disconnect_on_error=True)
        except redis.ResponseError as error:
            return error
        except UNREACHABLE:
            self._alive = False
            raise

    def has_reply(self) -> bool:
        """Whether receive() would not wait: the next reply has begun to come, or the connection has ended."""
        if not self._alive:
            return True
        try:
            return bool(self._connection.can_read(timeout=0))
        except UNREACHABLE:
            self._alive = False
            return True

    def close(self) -> None:
        self._alive = False
        self._connection.disconnect()
