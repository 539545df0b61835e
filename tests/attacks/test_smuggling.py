"""Nobody's bytes become another one's request: offered upgrades, and bodies that look like requests, through nginx.

The connections from nginx to ingress are pooled, so what one client's request leaves behind there meets the next one's.
"""

import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.attacks.wire import Connection
from tests.ingress.fakes import TRADER
from tests.venue import Venue

pytestmark = pytest.mark.timeout(300)  # an empty kernel cache has to be filled
OFFERS = (
    b"Connection: upgrade\r\nUpgrade: foo\r\n",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"
    b"\r\n",
    b"Connection: keep-alive, upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket, foo\r\n",
)
SMUGGLED = b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n"


def offering(method: str, path: str, offer: bytes, body: bytes, *more: bytes) -> bytes:
    head = b"%s %s HTTP/1.1\r\nHost: localhost\r\n" % (method.encode(), path.encode())
    return head + b"".join(more) + offer + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("path", ["/api/v1/order", "/api/v1/nothing", "/ws/orders"])
def test_a_body_behind_an_offer_is_never_a_request(front: int, venue: Venue, path: str, offer: bytes) -> None:
    """The body is long, so it comes in many reads; each of them begins with a whole request."""
    body = SMUGGLED.rjust(4096, b"\n").replace(b"\n", b"\r\n")[-4096:] * 15
    wrong: list[str] = []

    def victim() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{front}", timeout=30, verify=False) as client:
            for _ in range(60):
                answer = client.get("/api/v1/ping")
                if (answer.status_code, answer.text) != (200, "pong"):
                    wrong.append(answer.text)

    others = [threading.Thread(target=victim) for _ in range(3)]
    for other in others:
        other.start()
    for _ in range(20):
        with Connection(front) as connection:
            answer = connection.send(offering("POST", path, offer, body)).answer()
            assert answer is not None and answer.status in (400, 401, 404, 405, 426), answer
    for other in others:
        other.join()
    assert not wrong, wrong[:3]


@pytest.fixture(params=["in one piece", "byte by byte", "head, then body"])
def split(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param


def parts(data: bytes, split: str) -> list[bytes]:
    head = data.index(b"\r\n\r\n") + 4
    if split == "byte by byte":
        return [data[at : at + 1] for at in range(len(data))]
    return [data] if split == "in one piece" else [data[:head], data[head:]]


@pytest.mark.parametrize("offer", OFFERS)
def test_one_request_has_one_answer(venue: Venue, offer: bytes, split: str) -> None:
    """Directly, and with another request behind it."""
    data = offering("POST", "/api/v1/nothing", offer, SMUGGLED * 3)
    last = b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with Connection(venue.port) as connection:
        answers = connection.send(*parts(data, split), last).answers()
    assert [answer.status for answer in answers] == [404, 200]
    assert answers[1].body == b"pong"


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_signed_request_with_an_offer_is_executed_as_without(
    venue: Venue, method: str, offer: bytes, split: str
) -> None:
    """As Java's own client and `curl --http2` send it: the offer is ignored (RFC 9110, section 7.8)."""
    resting = venue.send("POST", "/api/v1/order", "orderExecute", LIMIT, TRADER, window=60_000).json()
    known = {"symbol": "SOL_USDC", "orderId": resting["id"]}
    body, instruction = {
        "POST": (LIMIT, "orderExecute"),
        "PATCH": (known | {"quantity": "1"}, "orderModify"),
        "DELETE": (known, "orderCancel"),
    }[method]
    request = venue.signer.request(method, "/api/v1/order", instruction, body, TRADER, window=60_000)
    credentials = [f"{name}: {request.headers[name]}\r\n".encode() for name in request.headers if name[:2] == "x-"]
    data = offering(method, "/api/v1/order", offer, request.content, *credentials)
    with Connection(venue.port) as connection:
        answer = connection.send(*parts(data, split)).answer()
    assert answer is not None and answer.status == 200, answer
    everything = venue.send(
        "DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"}, TRADER, window=60_000
    ).json()
    assert len(everything) == {"POST": 2, "PATCH": 1, "DELETE": 0}[method]


LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100", "quantity": "2"}


def test_nothing_was_left_behind(venue: Venue) -> None:
    assert venue.send("GET", "/api/v1/orders", "orderQueryAll", None, TRADER, window=60_000).json() == []
