"""Connections to whoever is primary: how long they wait for an answer, and for a server to say what it is."""

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest
import redis

from engine_core.transport import discovery, primary
from tests.processes import free_port

URL = "redis+cluster://127.0.0.1:1"  # who is asked does not matter here


@pytest.fixture(params=[0.3])
def hung(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """The named primary accepts connections, as its system does for it, and says nothing; for so long it may."""
    port = free_port()
    address = ("127.0.0.1", port)

    async def named(asked: object, name: str) -> discovery.Address:
        return address

    monkeypatch.setattr(discovery.AskNodes, "discover_master", lambda asked, name: address)
    monkeypatch.setattr(discovery.AsyncAskNodes, "discover_master", named)
    monkeypatch.setattr(primary, "HANDSHAKE_SECONDS", request.param)
    with socket.create_server(address):
        yield


@pytest.mark.parametrize("patience, hung", [(None, 0.3), (120.0, 0.3), (0.3, 120.0)], indirect=["hung"])
def test_a_server_that_hangs_is_given_up(patience: float | None, hung: None) -> None:
    """After the shorter of the two times."""
    began = time.monotonic()
    with primary.redis_of(URL, socket_timeout=patience, protocol=2) as client, pytest.raises(redis.TimeoutError):
        client.connection_pool.get_connection()
    assert time.monotonic() - began < 60


@pytest.mark.usefixtures("hung")
async def test_a_server_that_hangs_is_given_up_by_the_other_kind_of_client() -> None:
    async with primary.async_redis_of(URL, socket_timeout=None, protocol=2) as client, asyncio.timeout(30):
        with pytest.raises(redis.TimeoutError):
            await client.connection_pool.get_connection()


@pytest.mark.parametrize("patience", [None, 60.0])
def test_afterwards_it_waits_as_long_as_it_was_told(fresh_valkey: str, patience: float | None) -> None:
    """Also after a read that had a time of its own."""
    port = free_port()
    with redis.Redis.from_url(fresh_valkey) as server:
        server.config_set("port", port)
        try:
            with primary.redis_of(f"redis+cluster://127.0.0.1:{port}", socket_timeout=patience) as client:
                channel = client.pubsub()  # type: ignore[no-untyped-call]
                channel.subscribe("nothing")
                for _ in range(3):
                    channel.get_message(timeout=0.01)
                    assert channel.connection._sock.gettimeout() == patience
                channel.close()
        finally:
            server.config_set("port", 0)
