"""HTTP as it is spoken by programs in the world, and as it is misspoken by those who try what happens."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ingress.api.routes import ROUTES
from tests.attacks.test_half_requests import placement, wire
from tests.attacks.wire import Answer, Connection
from tests.ingress.fakes import TRADER
from tests.venue import Venue

pytestmark = pytest.mark.timeout(300)  # an empty kernel cache has to be filled
PATHS = sorted({route.path for route in ROUTES})
GETS = sorted({route.path for route in ROUTES if route.method == "GET"})
OTHERS = ("/", "/docs/reference", "/openapi.json", "/asyncapi.json")


def ask(venue: Venue, data: bytes, method: str = "GET") -> Answer:
    with Connection(venue.port) as connection:
        answer = connection.send(data).answer(method)
    assert answer is not None
    return answer


def head(line: str, *headers: str, host: str = "Host: localhost") -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", *([host] if host else []), *headers, "", ""]).encode("latin-1")


@pytest.mark.parametrize("path", PATHS)
def test_a_405_names_every_method(venue: Venue, path: str) -> None:
    allowed = {route.method for route in ROUTES if route.path == path} | {"OPTIONS"}
    allowed |= {"HEAD"} if "GET" in allowed else set()
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed:
        answer = ask(venue, head(f"{method} {path}", "Content-Length: 0"))
        assert answer.status == 405 and set(answer.headers["allow"].split(", ")) == allowed
        assert json.loads(answer.body)["code"] == "METHOD_NOT_ALLOWED"
    answer = ask(venue, head(f"OPTIONS {path}"))
    assert answer.status == 204 and set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", [*GETS, *OTHERS])
def test_head_is_a_get_without_its_body(venue: Venue, path: str) -> None:
    """Credentials are missing where they are needed: for both."""
    last = head("GET /api/v1/ping", "Connection: close")
    with Connection(venue.port) as connection:
        connection.send(head(f"HEAD {path}"), head(f"GET {path}", "Accept-Encoding: identity"), last)
        without, answer, pong = connection.answer("HEAD"), connection.answer(), connection.answer()
    assert without is not None and answer is not None and pong is not None
    assert without.status == answer.status != 405 and pong.body == b"pong"
    assert without.headers["content-type"] == answer.headers["content-type"]
    assert answer.status == 200 or json.loads(answer.body)["code"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", OTHERS)
def test_documents_are_read_only(venue: Venue, method: str, path: str) -> None:
    answer = ask(venue, head(f"{method} {path}", "Content-Length: 0"))
    assert answer.status == 405 and {"GET", "HEAD"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (head("GET /api/v1/ping", host=""), 400),
        (head("GET /api/v1/ping", "Host: other"), 400),
        (head("GET /api/v1/ping", "Host: localhost"), 400),
        (head("GET /api/v1/ping", host="Host:"), 400),
        (head("GET /api/v1/ping", host="Host: a b"), 400),
        (head("GET /api/v1/ping", host="Host: a/b"), 400),
        (head("GET /api/v1/ping", host="Host: a@b"), 400),
        (head("GET /api/v1/ping", host="Host: a,b"), 400),
        (head("GET /api/v1/ping", host="Host : a"), 400),
        (head("GET /api/v1/ping", host="Host: [::1]:8080"), 200),
        (head("GET /api/v1/ping", host="Host:\tname.example:80 "), 200),
        (b"GET /api/v1/ping HTTP/1.0\r\n\r\n", 200),
        (b"GET /api/v1/ping HTTP/0.9\r\nHost: x\r\n\r\n", 400),
        (b"GET /api/v1/ping HTTP/2.0\r\nHost: x\r\n\r\n", 400),
        (b"GET /api/v1/ping\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (head("GET http://localhost/api/v1/ping"), 200),
        (head("GET HTTP://LOCALHOST/api/v1/ping?x=1"), 200),
        (head("GET http://localhost"), 200),
        (head("GET http://other/api/v1/ping"), 400),
        (head("GET http://other@localhost/api/v1/ping"), 400),
        (head("GET ftp://localhost/api/v1/ping"), 400),
        (head("GET /api/v1/ping#fragment"), 400),
        (head("GET api/v1/ping"), 400),
        (head("GET *"), 400),
        (head("OPTIONS *"), 204),
        (head("CONNECT localhost:80"), 405),
        (head("GET /api/v1/ping\xe4"), 400),
        (head("GET /api/v1/%c3%a4"), 404),
        (head("GET /api/v1/%ff"), 404),
        (head("GET //api/v1/ping"), 404),
        (head("GET /api/v1/../v1/ping"), 404),
        (head("GET /api/v1/ping", "X-A: 1\x00"), 400),
        (head("GET /api/v1/ping", "X-A: 1\n\tfolded"), 400),
        (head("GET /api/v1/ping", "X-A: 1\r\n\tfolded"), 400),
        (head("GET /api/v1/ping", "X A: 1"), 400),
        (head("GET /api/v1/ping", ": 1"), 400),
        (head("GET /api/v1/ping", "X-A: 1\rX-B: 2"), 400),
        (b"GET /api/v1/ping HTTP/1.1\nHost: x\n\n", 400),
        (head("GET /ws/orders"), 426),
        (head("GET /ws/orders", "Connection: upgrade", "Upgrade: h2c"), 426),
        (head("POST /ws/orders", "Content-Length: 0"), 426),
        (head("GET /ws/orders", "Connection: upgrade", "Upgrade: websocket"), 400),
        (head("POST /api/v1/order", "Content-Length: 0", "Connection: upgrade", "Upgrade: websocket"), 401),
    ],
)
def test_heads(venue: Venue, data: bytes, status: int) -> None:
    answer = ask(venue, data)
    assert answer.status == status, answer
    if status >= 400:
        assert set(json.loads(answer.body)) == {"code", "message"}
    else:
        assert answer.status == 204 or answer.body
    assert venue.client.get("/api/v1/ping").text == "pong"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Content-Length: 2", "Content-Length: 2"), 400),
        (("Content-Length: 2", "Content-Length: 3"), 400),
        (("Content-Length: 2, 2",), 400),
        (("Content-Length: +2",), 400),
        (("Content-Length: -2",), 400),
        (("Content-Length: 0x2",), 400),
        (("Content-Length: 2 2",), 400),
        (("Content-Length:",), 400),
        (("Content-Length: 99999999999999999999999",), 400),
        (("Content-Length: 2", "Transfer-Encoding: chunked"), 400),
        (("Transfer-Encoding: chunked", "Content-Length: 2"), 400),
        (("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 400),
        (("Transfer-Encoding: identity",), 501),
        (("Transfer-Encoding: gzip, chunked",), 501),
        (("Transfer-Encoding: chunked, gzip",), 400),
        (("Transfer-Encoding: xchunked",), 501),
        (("Transfer-Encoding : chunked",), 400),
        (("Transfer-Encoding: \x0bchunked",), 400),
        (("Content-Length: 2", "Content-Encoding: gzip"), 415),
        (("Content-Length: 2", "Content-Encoding: br, gzip"), 415),
        (("Content-Length: 2", "Content-Type: application/json; charset=utf-16"), 415),
        (("Content-Length: 2", 'Content-Type: application/json;charset="iso-8859-1"'), 415),
        (("Content-Length: 2", "X-API-Key: a", "X-API-Key: b"), 400),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/order", "/api/v1/orders/cancelAfter", "/api/v1/nothing"])
def test_framing(venue: Venue, path: str, headers: tuple[str, ...], status: int) -> None:
    """One refusal, and the connection ends: nobody knows where a next request would begin."""
    smuggled = b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n\r\n"
    with Connection(venue.port) as connection:
        answers = connection.send(head(f"POST {path}", *headers) + b"{}" + smuggled).answers()
    assert [answer.status for answer in answers] == [status]
    assert answers[0].headers["connection"] == "close"


@pytest.mark.parametrize("coding", ["identity", "Identity"])
def test_a_body_without_a_coding_may_say_so(venue: Venue, coding: str) -> None:
    data = wire(placement(venue), f"Content-Encoding: {coding}")
    assert ask(venue, data).status == 200
    venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"}, TRADER, window=60_000)


def test_a_compressed_order_is_not_taken_for_another_one(venue: Venue) -> None:
    request = placement(venue)
    packed = gzip.compress(request.content)
    data = wire(request, f"Content-Length: {len(packed)}", "Content-Encoding: gzip", length=False)
    answer = ask(venue, data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + packed)
    assert answer.status == 415 and answer.headers["accept-encoding"] == "identity"


def test_trailers_are_no_headers(venue: Venue) -> None:
    """Credentials behind the body are none."""
    request = placement(venue)
    credentials = [f"{name}: {value}" for name, value in request.headers.items() if name.startswith("x-")]
    body = b"%x\r\n%b\r\n0\r\n" % (len(request.content), request.content)
    start = head("POST /api/v1/order", "Transfer-Encoding: chunked", "Trailer: x-api-key")
    assert ask(venue, start + body + "\r\n".join([*credentials, "", ""]).encode()).status == 401


@pytest.mark.parametrize("part", [b"a" * 4096, b"X-A: b\r\n" * 500])
def test_trailers_and_extensions_are_bounded(venue: Venue, part: bytes) -> None:
    start = head("POST /api/v1/order", "Transfer-Encoding: chunked")
    for begun in (b"1\r\n{\r\n0\r\nX-Long: ", b"1;x="):
        data = part if begun.startswith(b"1\r\n") else b"a" * 4096
        with Connection(venue.port) as connection:
            connection.send(start + begun)
            connection.send(*[data] * 10)
            assert connection.statuses() == [431]


@pytest.mark.parametrize("options", [(), ("--http2",), ("--http1.0",), ("-H", "Expect: 100-continue")])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_curl(venue: Venue, method: str, options: tuple[str, ...]) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    order = venue.send("POST", "/api/v1/order", "orderExecute", BODY | {"quantity": "2"}, TRADER, window=60_000).json()
    known = {"symbol": "SOL_USDC", "orderId": order["id"]}
    instruction, body = {
        "POST": ("orderExecute", BODY | {"clientId": 5_900_077}),
        "PATCH": ("orderModify", known | {"quantity": "1"}),
        "DELETE": ("orderCancel", known),
    }[method]
    request = venue.signer.request(method, "/api/v1/order", instruction, body, TRADER, window=60_000)
    headers = [
        part for name, value in request.headers.items() if name[:2] == "x-" for part in ("-H", f"{name}: {value}")
    ]
    command = [curl, "-sS", "-m", "20", "-w", " %{http_code}", "-X", method, *options, *headers]
    command += ["--data-binary", request.content.decode(), f"http://127.0.0.1:{venue.port}/api/v1/order"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"}, TRADER, window=60_000)
    assert done.stdout.endswith(" 200"), done


BODY = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "90", "quantity": "1"}
JAVA = Path(__file__).with_name("Client.java")


def test_the_http_client_of_java(venue: Venue) -> None:
    """It offers h2c with every first request, unless it is told otherwise."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("java is not installed")
    order = venue.send("POST", "/api/v1/order", "orderExecute", BODY | {"quantity": "2"}, TRADER, window=60_000).json()
    known = {"symbol": "SOL_USDC", "orderId": order["id"]}
    asked = []
    for method, instruction, body in (
        ("POST", "orderExecute", BODY | {"clientId": 5_900_078}),
        ("PATCH", "orderModify", known | {"quantity": "1"}),
        ("DELETE", "orderCancel", known),
    ):
        request = venue.signer.request(method, "/api/v1/order", instruction, body, TRADER, window=60_000)
        credentials = [request.headers[name] for name in ("x-api-key", "x-timestamp", "x-signature", "x-window")]
        asked += [method, request.content.decode(), *credentials]
    url = f"http://127.0.0.1:{venue.port}/api/v1/order"
    done = subprocess.run([java, str(JAVA), url, *asked], capture_output=True, text=True, timeout=120, check=False)
    venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"}, TRADER, window=60_000)
    assert done.stdout.split() == ["200", "200", "200"], done
