"""What never becomes a request is charged to its address, too, before it is done: heads that are none, bodies that are
dropped or never end, connections that become WebSockets. Who has used up its share is refused unread."""

import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest

from ingress.access.rate_limits import CONNECTION, HANDSHAKE
from ingress.http.protocol import LINGER_BYTES, PIECE
from tests.attacks.conftest import client_at
from tests.attacks.test_stream_floods import server
from tests.attacks.wire import Connection
from tests.folders import short_folder
from tests.venue import Venue, open_venue

pytestmark = pytest.mark.timeout(300)
PER_SECOND, BURST = 1, 1_200  # small requests of one address
BODY = 2**20
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n" % (
    b"dGhlIHNhbXBsZSBub25jZQ=="
)
HOST = b"Host: localhost\r\n"
ORDER_ENTRY = b"GET /ws/orders HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n"
KINDS = {  # what is sent, its least cost, and what it is answered
    "a head that is none": (b"NO HTTP\r\n\r\n", CONNECTION, "400"),
    "a head without a host": (b"GET / HTTP/1.1\r\n\r\n", CONNECTION, "400"),
    "a head without an end": (b"GET / HTTP/1.1\r\na: " + b"x" * 40_000, CONNECTION + 4, "431"),
    "a WebSocket for orders": (ORDER_ENTRY, CONNECTION + HANDSHAKE, "101"),
    "a body that is too large": (
        b"POST /api/v1/nothing HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % BODY + b"x" * BODY,
        CONNECTION + BODY // (2 * PIECE),  # what comes in one read is cut into pieces, the last of which may be small
        "413",
    ),
    "a body without an end": (
        b"POST /api/v1/order HTTP/1.1\r\n" + HOST + b"Content-Length: 60000\r\n\r\n" + b"x" * 59_000,
        CONNECTION + 7,
        "",
    ),
}


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """One whose addresses have little."""
    sockets = short_folder()
    changes = {"requests_per_second": PER_SECOND, "requests_burst": BURST}
    with open_venue(tmp_path_factory.mktemp("poor"), sockets, changes=changes) as opened:
        yield opened
    shutil.rmtree(sockets, ignore_errors=True)


def status_of(port: int, source: str, data: bytes) -> str:
    """Of the answer to these bytes, after which no more come; "" if there is none."""
    with socket.create_connection(("127.0.0.1", port), 30, source_address=(source, 0)) as connection:
        with suppress(OSError):  # it was refused before all was sent
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(65_536)[9:12].decode()
        except ConnectionResetError:
            return "reset"


@pytest.mark.parametrize(("number", "kind"), list(enumerate(KINDS)))
def test_what_is_no_request_is_charged(poor: Venue, number: int, kind: str) -> None:
    data, cost, expected = KINDS[kind]
    source, statuses, began = f"127.0.80.{number + 1}", Counter[str](), time.monotonic()
    while not statuses["429"] and statuses.total() <= BURST:
        statuses[status_of(poor.port, source, data)] += 1
    share = BURST + PER_SECOND * (time.monotonic() - began)
    assert statuses["429"] == 1, statuses
    assert set(statuses) == {"429", expected} and statuses[expected] * cost <= share, statuses
    with client_at(poor, f"127.0.81.{number + 1}") as other:
        assert other.get("/api/v1/ping").text == "pong"


def test_who_is_refused_is_not_read(poor: Venue) -> None:
    """The answer comes first, then little of what is sent all the same is taken."""
    connection, answer = refused_at_once(poor.port, "127.0.80.100")
    with connection:
        assert answer.startswith(b"HTTP/1.1 429 ") and b"\r\nRetry-After: " in answer
        with pytest.raises(ConnectionError):
            for _ in range(64):
                connection.sendall(b"x" * LINGER_BYTES)


def refused_at_once(port: int, source: str) -> tuple[socket.socket, bytes]:
    """A connection that is answered before anything was sent, and its answer. What comes back to the address after the
    last refusal lets one more in, which hears nothing: then that is used up, too."""
    while True:
        while status_of(port, source, b"\0") != "429":
            pass
        connection = socket.create_connection(("127.0.0.1", port), 30, source_address=(source, 0))
        connection.settimeout(1)
        with suppress(TimeoutError):
            answer = connection.recv(65_536)
            connection.settimeout(30)
            return connection, answer
        connection.close()


PREFACES = (
    b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\xdc\4\1\xbb",
)


@pytest.mark.parametrize("preface", PREFACES, ids=["version 1", "version 2"])
def test_the_proxy_protocol_is_refused_in_words(poor: Venue, preface: bytes) -> None:
    with Connection(poor.port) as connection:
        answers = connection.send(preface + b"GET /api/v1/ping HTTP/1.1\r\n" + HOST + b"\r\n").answers()
    assert [answer.status for answer in answers] == [400] and b"X-Forwarded-For" in answers[0].body


@pytest.mark.parametrize("preface", PREFACES, ids=["version 1", "version 2"])
def test_the_proxy_protocol_is_refused_by_the_streams(preface: bytes) -> None:
    with server() as (port, _), Connection(port) as connection:
        answers = connection.send(preface + b"GET / HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n").answers()
    assert [answer.status for answer in answers] == [400]


STREAM_KINDS = {
    "no head": b"NO HTTP\r\n\r\n",
    "another path": b"GET /nothing HTTP/1.1\r\n" + HOST + b"\r\n",
    "the health": b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long head": b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100,
}


def test_the_streams_charge_them_as_well() -> None:
    """So many units of an address, and 10 for each connection: after so many at the latest there are none."""
    units, per_second = 2_000, 100
    with server(address_burst=units, address_per_second=per_second) as (port, _):
        for number, (kind, data) in enumerate(STREAM_KINDS.items()):
            source, statuses = f"127.0.82.{number + 1}", Counter[str]()
            began = time.monotonic()
            while not statuses["429"]:
                statuses[status_of(port, source, data)] += 1
                share = units + per_second * (time.monotonic() - began)
                assert statuses.total() * 10 <= share + 10, (kind, statuses)
