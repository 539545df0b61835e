"""`bench http --batch`: what is refused within a batch that is accepted counts as refused, whoever sends it."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from bench.http.load import REFUSED_ITEM, WRK, Load, run_python, run_wrk
from ingress.messages import encode_json
from ingress.schemas.order_answers import BatchError
from tests.serving import serving

ORDERS = 3
FUNDS = BatchError("INSUFFICIENT_FUNDS", "Insufficient funds")
MIXED = b'[{"operation":"Ok","id":"1"},%b,%b]' % (encode_json(FUNDS), encode_json(FUNDS))
REQUEST = b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]"
CLIENTS = [
    pytest.param(run_python, id="python"),
    pytest.param(run_wrk, id="wrk", marks=pytest.mark.skipif(not WRK, reason="wrk is not installed")),
]


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status, answer = 200, MIXED

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, format: str, *arguments: object) -> None:
        return


@pytest.fixture
def handler() -> type[Answering]:
    return type("Handler", (Answering,), {})


@pytest.fixture
def port(handler: type[Answering]) -> Iterator[int]:
    with serving(handler) as port:
        yield port


def test_a_refused_item_is_spelled_as_the_exchange_does() -> None:
    assert encode_json(FUNDS).startswith(b"{" + REFUSED_ITEM)


@pytest.mark.parametrize("run", CLIENTS)
def test_orders_that_are_refused_within_a_batch(run: Callable[..., Load], port: int) -> None:
    load = run(port, [REQUEST] * 50, 1.0, 1, ORDERS).of_orders(ORDERS)
    assert load.answered >= ORDERS and load.accepted * ORDERS == load.answered
    if run is run_python:
        assert load.refusals == {"INSUFFICIENT_FUNDS: Insufficient funds": load.answered - load.accepted}


def test_orders_of_a_batch_that_is_refused_as_a_whole(handler: type[Answering], port: int) -> None:
    handler.status, handler.answer = 429, b'{"code":"TOO_MANY_REQUESTS","message":"Exchange is overloaded"}'
    load = run_python(port, [REQUEST] * 2, 1.0, 1, ORDERS).of_orders(ORDERS)
    assert (load.answered, load.accepted) == (2 * ORDERS, 0)
    assert load.refusals == {"TOO_MANY_REQUESTS: Exchange is overloaded": 2 * ORDERS}
