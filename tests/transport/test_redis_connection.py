"""The connection to Redis that copies nothing, against a real server."""

import os
import select
import socket
import struct
from contextlib import closing

import pytest
import redis

from engine_core.transport.redis_connection import MOST_PARTS, Connection
from engine_core.wire.streams import pack


def test_many_and_large_parts_arrive_in_order(valkey: str) -> None:
    """More than one call takes, and far more than the socket holds."""
    values = [bytes([at % 256]) * (1 + at * 977 % 9_000) for at in range(MOST_PARTS)]
    parts: list[bytes] = []
    for at, value in enumerate(values):
        before = pack(b"RPUSH", b"values", value)[: -len(value) - 2]
        parts += [b"\r\n" + before if at else before, value]
    with closing(Connection(valkey, 30)) as connection, redis.Redis.from_url(valkey) as client:
        connection.send([*parts, b"\r\n"])
        assert [connection.receive() for _ in values] == [*range(1, len(values) + 1)]
        assert client.lrange("values", 0, -1) == values


def test_a_reply_is_there_once_it_has_come(valkey: str) -> None:
    with closing(Connection(valkey, 30)) as connection, redis.Redis.from_url(valkey) as client:
        connection.send([pack(b"BLPOP", b"awaited", b"0")])
        assert not connection.has_reply()
        client.rpush("awaited", b"it")
        select.select([connection.fileno()], [], [])
        assert connection.has_reply()
        assert connection.receive() == [b"awaited", b"it"]
        assert not connection.has_reply()


def test_a_connection_that_ended_keeps_nobody_waiting(valkey: str) -> None:
    connection = Connection(valkey, 30)
    assert not connection.has_reply()
    connection.close()
    assert connection.has_reply()


def test_an_error_of_redis_is_a_reply_and_one_of_the_way_ends_the_connection(valkey: str) -> None:
    with closing(Connection(valkey, 30)) as connection, redis.Redis.from_url(valkey) as client:
        connection.send([pack(b"NONSENSE"), pack(b"CLIENT", b"ID")])
        assert isinstance(connection.receive(), redis.ResponseError)
        client.client_kill_filter(_id=str(connection.receive()))
        select.select([connection.fileno()], [], [])
        assert connection.has_reply()
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                connection.receive()


def test_a_redis_that_says_nothing_is_waited_for_no_longer_than_agreed(valkey: str) -> None:
    with closing(Connection(valkey, 30)) as connection:  # it needs time to connect on a busy machine
        with socket.socket(fileno=os.dup(connection.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 50_000))
        connection.send([pack(b"BLPOP", b"awaited", b"0")])
        with pytest.raises(redis.TimeoutError, match="30 s"):
            connection.receive()
        with pytest.raises(redis.ConnectionError, match="closed"):
            connection.send([pack(b"PING")])
