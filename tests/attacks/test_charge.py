"""What one address makes ingress do is charged to it before it is done: its share of the processor is bounded."""

import json
import shutil
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from ingress.access.rate_limits import BYTES_OF_A_REQUEST, FREE_BYTES, LONG_WAY
from ingress.http.protocol import MAX_HEADERS
from tests.attacks.conftest import client_at
from tests.attacks.wire import Connection
from tests.folders import short_folder
from tests.ingress.fakes import TRADER, Signer
from tests.venue import Venue, open_venue

pytestmark = pytest.mark.timeout(300)
PER_SECOND, BURST = 2_000, 5_000  # units of one address, as shipped
SENDERS, SECONDS = 8, 1.0
PATIENCE_SECONDS = 60.0  # for a busy machine to come to its limits
IDS = json.dumps({"symbol": "SOL_USDC", "orderIds": ["1"] * 12_000}).encode()
ORDER = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "1", "quantity": "1"}
FLOODS = {
    "ids to cancel": ("POST /api/v1/orders/cancel", b"", IDS, LONG_WAY),
    "numbers": ("POST /api/v1/orders", b"", b"[" + b"1," * 30_000 + b"1]", 1),
    "members of a log-in": ("POST /api/v1/session", b"", b"{" + b",".join(b'"%d":1' % n for n in range(900)) + b"}", 4),
    "cookies": ("POST /api/v1/order", b"Cookie: " + b";" * 30_000 + b"\r\n", b"{}", 1),
    "a query": ("GET /api/v1/tickers?a=" + "%41" * 9_000, b"", b"", LONG_WAY),
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """One process with the limits as they are shipped."""
    sockets = short_folder()
    with open_venue(tmp_path_factory.mktemp("shipped"), sockets) as opened:
        yield opened
    shutil.rmtree(sockets, ignore_errors=True)


def request(line: str, headers: bytes, body: bytes) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return line.encode() + b" HTTP/1.1\r\nHost: localhost\r\n" + headers + length + b"\r\n" + body


def flood(port: int, source: str, data: bytes, until: Callable[[], bool], statuses: Counter[str]) -> None:
    """One request after the other's answer, again and again; a connection that ends is opened again."""
    while not until():
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 30, source_address=(source, 0)) as connection,
        ):
            while not until():
                connection.sendall(data)
                answer = connection.recv(65_536)
                if not answer:
                    break
                statuses[answer[9:12].decode()] += 1


def medians(venue: Venue, source: str, until: Callable[[], bool]) -> float:
    """Of the seconds that a signed order takes from there."""
    taken = []
    with client_at(venue, source) as client:
        while not until() or len(taken) < 20:
            began = time.monotonic()
            order = Signer(client).request("POST", "/api/v1/order", "orderExecute", ORDER, TRADER, window=60_000)
            answer = client.send(order)
            taken.append(time.monotonic() - began)
            assert answer.status_code in (200, 400), answer.text
            time.sleep(0.02)  # below what an account may place
    return statistics.median(taken)


@pytest.mark.parametrize(("number", "name"), list(enumerate(FLOODS)))
def test_an_address_is_held_to_its_share(shipped: Venue, number: int, name: str) -> None:
    """What is answered otherwise than by 429 takes units for its bytes, and of these there are so many a second."""
    line, headers, body, base = FLOODS[name]
    data, source, statuses = request(line, headers, body), f"127.0.70.{number + 1}", Counter[str]()
    quiet = medians(shipped, f"127.0.71.{number + 1}", lambda: True)
    began = time.monotonic()

    def is_over() -> bool:
        lasted = time.monotonic() - began
        refused, answered = statuses["429"], statuses.total()
        return lasted > PATIENCE_SECONDS or (lasted > SECONDS and refused > answered - refused + SENDERS)

    with ExitStack() as stack:
        for _ in range(SENDERS):
            thread = threading.Thread(target=flood, args=(shipped.port, source, data, is_over, statuses))
            thread.start()
            stack.callback(thread.join)
        loud = medians(shipped, f"127.0.71.{number + 1}", is_over)
    taken = time.monotonic() - began
    long = max(len(body), len(headers), len(line)) - 64  # without the words around it
    units = base + max(0, long - FREE_BYTES) // BYTES_OF_A_REQUEST
    accepted = statuses.total() - statuses["429"]
    assert accepted * units <= BURST + PER_SECOND * taken + SENDERS * units, statuses
    assert statuses["429"] > accepted, statuses
    assert loud < max(5.0, 50 * quiet), f"an order took {quiet:.4f} s and takes {loud:.4f} s, {statuses}"


def test_there_is_a_bound_of_headers(venue: Venue) -> None:
    for extra, status in ((MAX_HEADERS - 1, 200), (MAX_HEADERS, 431), (3_000, 431)):
        with Connection(venue.port) as connection:
            answer = connection.send(request("GET /api/v1/time", b"a:b\r\n" * extra, b"")).answer()
        assert answer is not None and answer.status == status


@pytest.mark.parametrize("headers", [b"", b"X-API-Key: x\r\n", b"X-Signature: x\r\n", b"Cookie: session=x\r\n"])
@pytest.mark.parametrize("name", ["ids to cancel", "numbers"])
def test_a_strangers_body_is_not_read(venue: Venue, name: str, headers: bytes) -> None:
    """Else it would be a 400, and cost what reading costs."""
    line, _, body, _ = FLOODS[name]
    with Connection(venue.port) as connection:
        answer = connection.send(request(line, headers, body + b"no JSON")).answer()
    assert answer is not None and answer.status == 401


def test_too_many_orders_are_refused_before_they_are_signed_for(venue: Venue) -> None:
    signer = Signer(venue.client)
    for path, method, body in (
        ("/api/v1/orders/cancel", "orderCancel", json.loads(IDS)),
        ("/api/v1/orders", "", [{}] * 21),
    ):
        answer = venue.client.send(signer.request("POST", path, method, body, TRADER, text=b"something else"))
        assert answer.status_code == 400 and "orders, not" in answer.json()["message"]
