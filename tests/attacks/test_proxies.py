"""Behind a proxy each client is an address of its own; who is no proxy cannot pretend to be somebody else."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from tests.attacks.conftest import ANYBODY, CONNECTIONS, PROXY, TRIES, client_at, tried_out
from tests.attacks.wire import PATIENCE_SECONDS
from tests.ingress.fakes import TRADER, Signer
from tests.venue import Venue

pytestmark = pytest.mark.timeout(300)
SESSION = "/api/v1/session"
ORDER = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "90", "quantity": "1"}


@contextmanager
def attempts(venue: Venue, source: str, forwarded_for: str) -> Iterator[Callable[[int], httpx.Response]]:
    """What tries to log in, each time with another name and number in `forwarded_for`."""
    with client_at(venue, source) as client:

        def attempt(number: int) -> httpx.Response:
            return client.post(
                SESSION,
                json={"name": f"user-{number}", "password": "a wrong one"},
                headers={"X-Forwarded-For": forwarded_for.format(number % 250)},
            )

        yield attempt


def test_log_ins_from_many_addresses_behind_a_proxy_all_pass(venue: Venue) -> None:
    with attempts(venue, PROXY, "198.51.100.{}") as attempt:
        assert {attempt(number).status_code for number in range(TRIES)} == {401}


@pytest.mark.parametrize(
    ("source", "forwarded_for"),
    [(ANYBODY, "203.0.113.{}"), (PROXY, "127.0.0.1, 203.0.113.{}, 192.0.2.99")],
    ids=["who is no proxy", "what a client sends through a proxy that appends"],
)
def test_it_stays_one_address(venue: Venue, source: str, forwarded_for: str) -> None:
    with attempts(venue, source, forwarded_for) as attempt:
        tried_out(attempt)


def upgraded(venue: Venue, source: str, forwarded_for: str) -> tuple[socket.socket, bytes]:
    """A connection for order entry, and the status of its upgrade."""
    connection = socket.create_connection(("127.0.0.1", venue.port), PATIENCE_SECONDS, source_address=(source, 0))
    connection.sendall(
        b"GET /ws/orders HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"X-Forwarded-For: %b\r\n\r\n" % forwarded_for.encode()
    )
    return connection, connection.recv(4096)[9:12]


def test_connections_count_for_the_client_behind_the_proxy(venue: Venue) -> None:
    """Sockets at once, pooled connections by the request that they bring: also one that no parser looks at."""
    with ExitStack() as stack, client_at(venue, PROXY) as client:
        statuses = []
        for _ in range(CONNECTIONS + 2):
            connection, status = upgraded(venue, PROXY, "192.0.2.1")
            stack.enter_context(connection)
            statuses.append(status)
        assert statuses == [b"101"] * CONNECTIONS + [b"429"] * 2
        other, status = upgraded(venue, PROXY, "192.0.2.2")
        stack.enter_context(other)
        assert status == b"101"
        signer = Signer(client)
        for address, expected in (("192.0.2.2", 200), ("192.0.2.1", 429)):
            request = signer.request("POST", "/api/v1/order", "orderExecute", ORDER, TRADER)
            request.headers["X-Forwarded-For"] = address
            assert client.send(request).status_code == expected
            ping = client.get("/api/v1/ping", headers={"X-Forwarded-For": address})
            assert ping.status_code == expected
    cancel = venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"})
    assert cancel.status_code == 200 and len(cancel.json()) == 1


def test_connections_of_anybody_are_bounded_whatever_they_say(venue: Venue) -> None:
    with ExitStack() as stack:
        statuses = []
        for n in range(CONNECTIONS + 2):
            connection, status = upgraded(venue, ANYBODY, f"192.0.2.{n}")
            stack.enter_context(connection)
            statuses.append(status)
        assert statuses[-2:] == [b"429"] * 2
