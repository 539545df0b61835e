"""The short way of a batch accepts only what the general way understands, and answers as that does."""

import base64
import json
import time
from typing import Any

import httptools
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_core.edge import signing
from engine_core.transport.gateway import Overloaded
from engine_core.wire.codes import EventKind, OrderStatus, Reason
from engine_core.wire.layout import COMMAND
from ingress.errors import ApiError
from ingress.fast_path.batch_kernel import CHARGED_BYTES, COUNT, batch_buffers, read_batch
from ingress.fast_path.http_orders import PlainOrders
from ingress.fast_path.order_kernel import rules_of
from ingress.messages import Call
from ingress.requests import order_commands
from ingress.requests.signed_json import parse_objects, signed_pairs
from tests.ingress.fakes import READER, TRADER, Exchange, event
from tests.ingress.fast_path.test_http_orders import HEADERS, KEY, LIMIT, MEMBERS, SETUP, SIGNATURE, Client, Parsed

Items = list[dict[str, Any]]
ASK = LIMIT | {"side": "Ask", "clientId": 7, "postOnly": True}


def request(items: Items | bytes, *headers: bytes, stamp: bytes = b"1700000000000") -> bytes:
    body = items if isinstance(items, bytes) else json.dumps(items).encode()
    given = [b"Host: localhost", b"X-API-Key: " + KEY, b"X-Timestamp: " + stamp, b"X-Signature: " + SIGNATURE]
    lines = [b"POST /api/v1/orders HTTP/1.1", *given, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def plain(data: bytes) -> tuple[bytes, bytes, int] | None:
    """(COMMANDs, signed text, bytes that count) as the kernel reads them."""
    made = batch_buffers()
    length = read_batch(data, rules_of(SETUP.markets.values()), made)
    commands = made.commands[: made.found[COUNT]].tobytes()
    return (commands, made.text[:length].tobytes(), int(made.found[CHARGED_BYTES])) if length else None


def general(data: bytes) -> tuple[bytes, bytes, int] | None:
    """The same as the parser and the rules see it; None if they refuse, or find anything but one whole request."""
    parsed = Parsed()
    try:
        parsed.parser.feed_data(data)
        if parsed.complete != 1 or parsed.url != b"/api/v1/orders" or parsed.parser.get_method() != b"POST":
            return None
        items = parse_objects(parsed.body)
        placed = [order_commands.place(SETUP, 0, members, lambda market, side: None).command for members in items]
    except (httptools.HttpParserError, httptools.HttpParserUpgrade, ApiError):
        return None
    stamp, window = (parsed.headers.get(name, b"").decode("latin-1") for name in (b"x-timestamp", b"x-window"))
    text = signing.batch_signing_text("orderExecute", [signed_pairs(each) for each in items], stamp, window or "5000")
    call = Call("POST", "/api/v1/orders", b"", parsed.headers, parsed.body)
    return b"".join(command.pack() for command in placed), text, call.size()


def agree(data: bytes) -> bool:
    read = plain(data)
    assert read is None or read == general(data)
    return read is not None


@settings(max_examples=300, deadline=None)
@given(st.lists(MEMBERS, min_size=1, max_size=3), HEADERS.filter(lambda given: len(set(given)) == len(given)))
def test_what_is_plain_means_the_same(items: Items, headers: list[bytes]) -> None:
    agree(request(items, *headers))


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 700), st.binary(max_size=2), st.integers(0, 3))
def test_damaged_requests(at: int, put: bytes, cut: int) -> None:
    data = request([LIMIT, ASK, LIMIT], b"X-Window: 5000")
    agree(data[:at] + put + data[at + cut :])


@pytest.mark.parametrize("items", [[LIMIT], [LIMIT, ASK], [ASK | {"clientId": number} for number in range(20)]])
@pytest.mark.parametrize("headers", [(), (b"X-Window: 60000", b"Connection: keep-alive", b"Cookie: a=b")])
def test_common_batches_are_plain(items: Items, headers: tuple[bytes, ...]) -> None:
    assert agree(request(items, *headers))
    assert agree(request(json.dumps(items, indent=2).encode(), *headers))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"[{}]", b"{}", b"null"),
        *(json.dumps(items).encode() for items in ([LIMIT] * 21, [LIMIT, LIMIT | {"price": 1}], [LIMIT, [LIMIT]])),
        *(json.dumps([LIMIT]).encode() + more for more in (b"]", b",", b" x", b"[]")),
        json.dumps([LIMIT, LIMIT]).encode().replace(b"}, {", b"} {"),
        json.dumps([LIMIT]).encode().replace(b"}]", b"},]"),
        json.dumps([LIMIT]).encode()[:-1],
    ],
)
def test_what_is_not(body: bytes) -> None:
    assert not agree(request(body))


def signed(items: Items, key: Any = TRADER) -> bytes:
    stamp = str(time.time_ns() // 1_000_000)
    pairs = [signed_pairs(each) for each in parse_objects(json.dumps(items).encode())]
    text = signing.batch_signing_text("orderExecute", pairs, stamp, "5000")
    data = request(items, stamp=stamp.encode()).replace(KEY, base64.b64encode(bytes(key.verify_key)))
    return data.replace(SIGNATURE, base64.b64encode(key.sign(text).signature))


ACCEPTED = event(EventKind.ACCEPTED, price_ticks=10_050, quantity_lots=125, status=OrderStatus.NEW)


@pytest.mark.parametrize(
    "answers",
    [
        [ACCEPTED, ACCEPTED],
        [event(EventKind.REJECTED, reason=Reason.INSUFFICIENT_FUNDS), ACCEPTED],
        [ACCEPTED, Overloaded("full")],
        [event(EventKind.BLOCK_REFUSED, reason=Reason.SEQUENCE_GAP)] * 2,
        [ACCEPTED, np.zeros_like(event(EventKind.FILL))],  # which cannot be shown
    ],
)
async def test_a_batch_is_answered_as_on_the_general_way(exchange: Exchange, answers: list[Any]) -> None:
    exchange.gateway.answers.extend([*answers, *answers])
    client = Client()
    items: Items = [LIMIT | {"clientId": 1}, ASK]  # which may be sent twice
    assert PlainOrders(exchange.service).begin(signed(items), client)
    response = await exchange.signed("POST", "/api/v1/orders", "orderExecute", items)
    (reply,) = client.replies
    assert (reply.status, reply.body) == (response.status_code, response.content)
    commands = np.array(exchange.gateway.commands, COMMAND)
    assert commands[:2].tobytes() == commands[2:].tobytes() and commands["account"].tolist() == [2] * 4


async def test_what_comes_again_is_left_to_the_general_way(exchange: Exchange) -> None:
    exchange.gateway.answers.extend([ACCEPTED, ACCEPTED])
    client, orders, data = Client(), PlainOrders(exchange.service), signed([LIMIT, ASK])
    assert orders.begin(data, client) and not orders.begin(data, client)
    assert len(client.replies) == 1 and len(exchange.gateway.commands) == 2


async def test_who_may_not_is_left_to_the_general_way(exchange: Exchange) -> None:
    orders, client, data = PlainOrders(exchange.service), Client(), signed([LIMIT, ASK])
    other = data.replace(b'"quantity": "1.25"', b'"quantity": "1.26"', 1)
    assert plain(other) and not orders.begin(other, client)
    assert not orders.begin(signed([LIMIT, ASK], READER), client)
    assert not client.begun and not exchange.gateway.commands
