"""What was executed is answered as executed, whatever follows it; what has not come whole is never executed."""

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.attacks.wire import Connection
from tests.ingress.fakes import TRADER
from tests.venue import Venue

pytestmark = pytest.mark.timeout(300)  # an empty kernel cache has to be filled
ORDER = "/api/v1/order"
LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "90", "quantity": "1"}
CLIENT_IDS = itertools.count(5_000_000)  # or two of one millisecond would be one signature
GARBAGE = (
    b"xyz",
    b"xyz\r\n\r\n",
    b"\x00",
    b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"GET /api/v1/ping HTTP/1.1\r\n\r\n",
    b"POST /api/v1/order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    b"GET /api/v1/ping HTTP/1.1\nHost: x\n\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


@pytest.fixture(autouse=True)
def _empty_book(venue: Venue) -> Iterator[None]:
    yield
    gone = venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"}, TRADER)
    assert gone.status_code == 200, gone.text


def resting(venue: Venue) -> int:
    found = venue.send("GET", "/api/v1/orders", "orderQueryAll", {"symbol": "SOL_USDC"}, TRADER)
    assert found.status_code == 200, found.text
    return len(found.json())


def wire(request: httpx.Request, *more: str, length: bool = True) -> bytes:
    """The bytes of a request, with header lines added; `length`: with its Content-Length."""
    left_out = ("connection",) if length else ("connection", "content-length")
    lines = [f"{name}: {value}" for name, value in request.headers.items() if name.lower() not in left_out]
    head = "\r\n".join([f"{request.method} {request.url.raw_path.decode()} HTTP/1.1", *lines, *more])
    return f"{head}\r\n\r\n".encode() + request.content


def placement(venue: Venue, **changes: Any) -> httpx.Request:
    body = LIMIT | {"clientId": next(CLIENT_IDS)} | changes
    return venue.signer.request("POST", ORDER, "orderExecute", body, TRADER, window=60_000)


def plain(venue: Venue) -> bytes:
    return wire(placement(venue))


def hot(venue: Venue) -> bytes:
    """An order that the kernel does not read."""
    return wire(placement(venue), "Content-Language: en", "Accept:\t*/*")


def asgi(venue: Venue) -> bytes:
    return wire(placement(venue), "Expect: 100-continue")


def cancel(venue: Venue) -> bytes:
    order = venue.send("POST", ORDER, "orderExecute", LIMIT, TRADER, window=60_000).json()
    body = {"symbol": "SOL_USDC", "orderId": order["id"]}
    return wire(venue.signer.request("DELETE", ORDER, "orderCancel", body, TRADER, window=60_000))


def amend(venue: Venue) -> bytes:
    order = venue.send("POST", ORDER, "orderExecute", LIMIT | {"quantity": "2"}, TRADER, window=60_000).json()
    body = {"symbol": "SOL_USDC", "orderId": order["id"], "quantity": "1"}
    return wire(venue.signer.request("PATCH", ORDER, "orderModify", body, TRADER, window=60_000))


def dead_man(venue: Venue) -> bytes:
    body = {"timeoutMs": 0}
    request = venue.signer.request(
        "POST", "/api/v1/orders/cancelAfter", "orderCancelAllAfter", body, TRADER, window=60_000
    )
    return wire(request)


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("way", [plain, hot, asgi, cancel, amend, dead_man])
def test_what_was_executed_is_answered_before_the_refusal(
    venue: Venue, way: Callable[[Venue], bytes], garbage: bytes
) -> None:
    """In one write, and with the rest right behind."""
    for parts in ((lambda data: (data + garbage,)), (lambda data: (data, garbage))):
        with Connection(venue.port) as connection:
            statuses = connection.send(*parts(way(venue))).statuses()
        assert statuses == [200, 400], statuses


@pytest.mark.parametrize("way", [plain, hot, asgi])
def test_five_orders_and_garbage(venue: Venue, way: Callable[[Venue], bytes]) -> None:
    orders = [way(venue) for _ in range(5)]
    with Connection(venue.port) as connection:
        answers = connection.send(b"".join(orders) + b"xyz").answers()
    assert [answer.status for answer in answers] == [200] * 5 + [400]
    assert resting(venue) == 5
    assert len({json.loads(answer.body)["id"] for answer in answers[:5]}) == 5


def test_after_the_last_request_nothing_is_looked_at(venue: Venue) -> None:
    last = wire(placement(venue), "Connection: close")
    with Connection(venue.port) as connection:
        assert connection.send(last + plain(venue)).statuses() == [200]
    assert resting(venue) == 1


def test_who_says_that_nothing_more_comes_is_answered(venue: Venue) -> None:
    """A half-closed connection, as shells make it."""
    for orders in ([plain(venue)], [hot(venue)], [asgi(venue)], [plain(venue), hot(venue), asgi(venue)]):
        with Connection(venue.port) as connection:
            connection.send(b"".join(orders)).hang_up()
            assert connection.statuses() == [200] * len(orders)


def whole_body(request: httpx.Request) -> bytes:
    return b"%x\r\n%b\r\n" % (len(request.content), request.content)


def without_its_end(venue: Venue) -> Iterator[bytes]:
    """Orders of which everything is there but the end."""
    for more in ((), ("Expect: 100-continue",)):
        request = placement(venue)
        head = wire(request, "Transfer-Encoding: chunked", *more, length=False).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        yield head + whole_body(request)
        yield head + whole_body(request) + b"0\r\n"
        for claimed in (len(request.content) + 1, 60_000, 70_000):
            head = wire(request, f"Content-Length: {claimed}", *more, length=False)
            yield head
    request = placement(venue, price="91")
    yield wire(request)[:-1]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("leaving", ["closed", "half-closed"])
def test_what_never_came_whole_is_not_executed(venue: Venue, leaving: str, before: bool) -> None:
    """Alone on its connection, and behind a whole one."""
    for data in without_its_end(venue):
        with Connection(venue.port) as connection:
            connection.send((plain(venue) if before else b"") + data)
            if leaving == "half-closed":
                connection.hang_up()
                assert connection.statuses() == [200] * before
    with Connection(venue.port) as later:  # one that was there before could be answered before those are read
        later.send(b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n").answer()
    if leaving == "half-closed":
        assert resting(venue) == (12 - 1) * before
    else:  # of a client that is gone, what came whole may have been executed
        assert resting(venue) <= 11 * before


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_nor_by_another_method(venue: Venue, method: str) -> None:
    data = {"PATCH": amend, "DELETE": cancel}[method](venue)
    before = venue.send("GET", "/api/v1/orders", "orderQueryAll", None, TRADER, window=60_000).json()
    longer = data.replace(b"content-length: ", b"content-length: 1").replace(b"Content-Length: ", b"Content-Length: 1")
    for half in (longer, data[:-1]):
        with Connection(venue.port) as connection:
            connection.send(half).hang_up()
            assert connection.statuses() == []
    assert venue.send("GET", "/api/v1/orders", "orderQueryAll", None, TRADER, window=60_000).json() == before
