"""One connection to Redis with as little as possible between us and the socket: packed bytes out, replies in.

It never reconnects and never repeats by itself: any trouble ends it, and what was under way is decided by the log.
Non-goals: pools, retries, friendly replies (use redis.Redis where speed does not matter).
"""

import socket
import struct
from collections import deque
from itertools import islice
from ssl import SSLSocket
from typing import Any

import hiredis
import redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from engine_core.transport.primary import UNREACHABLE, is_elsewhere, redis_of
from engine_core.wire.log import LogState, no_log, parse_description

SOCKET_READ_BYTES = 1 << 20
SEND_BYTES = 1 << 20  # wanted of the system, which gives less: what is under way while we go on
MOST_PARTS = 512  # in one call; Linux takes 1,024
_NOT_YET = object()


def client_of(redis_url: str, timeout_seconds: float) -> redis.Redis:
    """An ordinary client that does not repeat commands."""
    return redis_of(
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
    """The client connects and says who we are; from then on the socket, and the reader of replies, are used alone."""

    def __init__(self, redis_url: str, timeout_seconds: float) -> None:
        self._client = client_of(redis_url, timeout_seconds)  # its pool is that of the connection for as long
        pool: Any = self._client.connection_pool
        self._connection: Any = pool.get_connection()
        self._socket: Any = self._connection._sock
        self._is_plain = not isinstance(self._socket, SSLSocket)
        if self._socket.family == socket.AF_UNIX:  # the system fits the buffers of others to their way
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        if self._is_plain:  # the system keeps the time: Python would ask before each call whether it may be made
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                self._socket.setsockopt(socket.SOL_SOCKET, option, _timeval(timeout_seconds))
            self._socket.settimeout(None)
        self._patience = timeout_seconds
        error_of = self._connection._parser.parse_error
        self._reader: Any = hiredis.Reader(RedisConnectionError, error_of, notEnoughData=_NOT_YET)
        self._reader.setmaxbuf(SOCKET_READ_BYTES)  # kept from one reply to the next
        self._buffer = bytearray(SOCKET_READ_BYTES)
        self._next: Any = _NOT_YET  # the reply that has come and is to be received
        self._alive = True

    def fileno(self) -> int:
        number: int = self._socket.fileno()
        return number

    def send(self, parts: list[bytes]) -> None:
        """Commands, or parts of them: large ones are not copied to stand side by side."""
        if not self._alive:
            raise RedisConnectionError("the connection was closed")
        try:
            if self._is_plain:
                _send_all(self._socket, parts)
            else:  # it encrypts each, and cannot gather
                for part in parts:
                    self._socket.sendall(part)
        except UNREACHABLE as error:
            self._end(error)
            raise

    def receive(self) -> Any:
        """The next reply; an error reply is returned, not raised."""
        if not self._alive:
            raise RedisConnectionError("the connection was closed")
        try:
            while not self._is_whole():
                self._take()
        except UNREACHABLE as error:
            self._end(error)
            raise
        reply, self._next = self._next, _NOT_YET
        if isinstance(reply, RedisConnectionError):  # such as that Redis is still loading
            self._alive = False
            raise reply
        if is_elsewhere(reply):
            self._alive = False
            raise RedisConnectionError(f"this Redis is not the primary, or not any more: {reply}")
        return reply

    def has_reply(self) -> bool:
        """Whether receive() would not wait: the next reply has come, or the connection has ended."""
        try:
            while self._alive and not self._is_whole():
                if self._is_plain:
                    self._take(socket.MSG_DONTWAIT)
                elif not self._connection.can_read(timeout=0):
                    return False
                else:
                    self._take()
        except BlockingIOError:
            return False
        except UNREACHABLE:
            self._alive = False
        return True

    def _is_whole(self) -> bool:
        """Whether the next reply is there."""
        if self._next is _NOT_YET:
            self._next = self._reader.gets()
        return self._next is not _NOT_YET

    def _take(self, flags: int = 0) -> None:
        """What the socket has, at least one byte."""
        size = self._socket.recv_into(self._buffer, 0, flags)
        if not size:
            raise RedisConnectionError("Redis closed the connection")
        self._reader.feed(self._buffer, 0, size)

    def _end(self, error: Exception) -> None:
        """This connection is of no use any more, because of that; RedisTimeoutError if Redis took too long."""
        self._alive = False
        if isinstance(error, BlockingIOError):
            raise RedisTimeoutError(f"Redis did nothing for {self._patience:g} s") from error

    def close(self) -> None:
        self._alive = False
        self._connection.disconnect()


def _timeval(seconds: float) -> bytes:
    whole = int(seconds)
    return struct.pack("@ll", whole, int((seconds - whole) * 1_000_000))
