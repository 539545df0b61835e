"""The short way of an order accepts only what the general way understands, and understands it as that does."""

import base64
import json
import time
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httptools
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine_core.config.edge_limits import RateLimits
from engine_core.edge import signing
from engine_core.replica.setup import Setup
from engine_core.transport.gateway import OutcomeUnknown, Overloaded
from engine_core.wire.codes import EventKind, OrderStatus, Reason
from ingress.access import rate_limits
from ingress.access.rate_limits import Cost
from ingress.errors import ApiError
from ingress.fast_path.http_orders import PlainOrders
from ingress.fast_path.order_kernel import buffers, read_order, rules_of
from ingress.fast_path.plain_requests import PlainRequest
from ingress.http import head
from ingress.messages import Reply
from ingress.requests import order_commands
from ingress.requests.signed_json import parse_object, signed_pairs
from tests.ingress.fakes import READER, TRADER, TRADER_ACCOUNT, Exchange, event, open_exchange
from tests.markets import setup

SETUP = setup()
KEY, SIGNATURE = base64.b64encode(b"k" * 32), base64.b64encode(b"s" * 64)
LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100.5", "quantity": "1.25"}


def request(members: dict[str, Any] | bytes, *headers: bytes, stamp: bytes = b"1700000000000") -> bytes:
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    given = [b"Host: localhost", b"X-API-Key: " + KEY, b"X-Timestamp: " + stamp, b"X-Signature: " + SIGNATURE]
    lines = [b"POST /api/v1/order HTTP/1.1", *given, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def plain(data: bytes, known: Setup = SETUP) -> tuple[bytes, bytes] | None:
    """(COMMAND, signed text) as the kernel reads them."""
    rules, made = rules_of(known.markets.values()), buffers()
    length = read_order(data, rules.symbols, rules.words, *made)
    return (made.command.tobytes(), made.text[:length].tobytes()) if length else None


class Parsed:
    def __init__(self) -> None:
        self.url, self.body, self.complete = b"", b"", 0
        self.all: list[tuple[bytes, bytes]] = []
        self.parser = httptools.HttpRequestParser(self)
        self.headers: dict[bytes, bytes] = {}

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value
        self.all.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_headers_complete(self) -> None:
        head.read(self.parser.get_method(), self.url, self.parser.get_http_version(), list(self.all))

    def on_message_complete(self) -> None:
        self.complete += 1


def general(data: bytes) -> tuple[bytes, bytes] | None:
    """The same as the parser and the rules see it; None if they refuse, or find anything but one whole request."""
    parsed = Parsed()
    try:
        parsed.parser.feed_data(data)
        if parsed.complete != 1 or parsed.url != b"/api/v1/order" or parsed.parser.get_method() != b"POST":
            return None
        members = parse_object(parsed.body)
        command = order_commands.place(SETUP, 0, members, lambda market, side: None).command.pack()
    except (httptools.HttpParserError, httptools.HttpParserUpgrade, ApiError):
        return None
    stamp, window = (parsed.headers.get(name, b"").decode("latin-1") for name in (b"x-timestamp", b"x-window"))
    return command, signing.signing_text("orderExecute", signed_pairs(members), stamp, window or "5000")


DECIMAL = st.one_of(
    st.decimals("0.001", "999999", places=2).map(str),
    st.text("0123456789.", min_size=1, max_size=24),
    st.sampled_from(
        ["1", "0.10", "0100.50", "1e3", "-1", "+1", "0", "0.00", ".5", "5.", "1_0", "2147483647.00", "9" * 30]
    ),
)
ODD = st.one_of(st.none(), st.booleans(), st.integers(-1, 2**40), st.text(max_size=4), st.just([]), st.floats(0, 9))
MEMBERS = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["SOL_USDC", "BTC_USDC", "sol_usdc", "SOL_USD", ""]),
        "side": st.sampled_from(["Bid", "Ask", "Buy"]),
        "orderType": st.sampled_from(["Limit", "Limit", "Limit", "Market"]),
        "price": DECIMAL,
        "quantity": DECIMAL,
    },
    optional={
        "clientId": st.one_of(st.integers(-1, 2**32), st.integers(0, 10).map(str)),
        "timeInForce": st.sampled_from(["GTC", "IOC", "FOK", "gtc"]),
        "postOnly": st.sampled_from([True, False, "true", 1]),
        "selfTradePrevention": st.sampled_from(["RejectTaker", "RejectMaker", "RejectBoth", "Allow"]),
        "triggerPrice": DECIMAL,
        "brokerId": st.integers(0, 9),
        "colour": ODD,
    },
)
HEADERS = st.lists(
    st.sampled_from(
        [
            *(b"Accept: */*", b"Connection: keep-alive", b"Connection: close", b"X-Window: 5000", b"x-window:60000"),
            *(b"X-Window: abc", b"Cookie: session=x", b"Expect: 100-continue", b"Transfer-Encoding: chunked"),
            *(
                b"Content-Type: application/json",
                b"Content-Type: application/json; charset=utf-16",
                b"Content-Encoding: gzip",
            ),
            *(b"Content-Type: application/json; charset=utf-8", b"Host: other", b"Content-Encoding: identity"),
            *(b"X-API-KEY: other", b"User-Agent: some bot/1.0 (\xe4)", b"Upgrade: websocket", b"X-Empty:", b" folded"),
        ]
    ),
    max_size=3,
)


def agree(data: bytes) -> bool:
    read = plain(data)
    assert read is None or read == general(data)
    return read is not None


@settings(max_examples=400, deadline=None)
@given(MEMBERS, HEADERS, st.sampled_from([None, 1]), st.randoms())
def test_what_is_plain_means_the_same(
    members: dict[str, Any], headers: list[bytes], indent: int | None, random: Any
) -> None:
    names = list(members)
    random.shuffle(names)
    agree(request(json.dumps({name: members[name] for name in names}, indent=indent).encode(), *headers))


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 400), st.binary(max_size=2), st.integers(0, 3))
@example(0, b"", 0)
def test_damaged_requests(at: int, put: bytes, cut: int) -> None:
    data = request(LIMIT | {"clientId": 7, "postOnly": False}, b"X-Window: 5000")
    agree(data[:at] + put + data[at + cut :])


@pytest.mark.parametrize(
    "members",
    [
        LIMIT,
        LIMIT | {"clientId": 0},
        LIMIT | {"clientId": 2**32 - 1, "timeInForce": "IOC", "selfTradePrevention": "RejectBoth"},
        LIMIT | {"symbol": "BTC_USDC", "side": "Ask", "price": "0100.50", "quantity": "0.00010000", "postOnly": True},
    ],
)
@pytest.mark.parametrize("headers", [(), (b"X-Window: 60000", b"Connection: keep-alive", b"Cookie: a=b")])
def test_common_orders_are_plain(members: dict[str, Any], headers: tuple[bytes, ...]) -> None:
    assert agree(request(members, *headers))
    assert agree(request(json.dumps(members, indent=2).encode(), *headers))


@pytest.mark.parametrize(
    "members",
    [
        LIMIT | {"price": 100.5},
        LIMIT | {"orderType": "Market"},
        LIMIT | {"displayQuantity": "1"},
        LIMIT | {"price": "21474836.48"},  # above the largest price
        LIMIT | {"price": "21474836.47", "quantity": "100000.01"},  # above the largest quantity
        LIMIT | {"postOnly": True, "timeInForce": "IOC"},
        b'{"symbol":"SOL_USDC","symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"1","quantity":"1"}',
        b"{}",
        b"",
    ],
)
def test_what_is_not(members: dict[str, Any] | bytes) -> None:
    assert not agree(request(members))


def test_two_requests_at_once_and_half_a_one_are_left_to_the_parser() -> None:
    data = request(LIMIT)
    assert plain(data) and not plain(data + data) and not plain(data[:-1]) and not plain(data + b" ")


class Client:
    """A connection that notes its answers."""

    def __init__(self) -> None:
        self.begun: list[PlainRequest] = []
        self.replies: list[Reply] = []

    def address(self, data: bytes) -> str | None:
        return ""

    def begin_plain(self, request: PlainRequest) -> None:
        self.begun.append(request)

    def answer_plain(self, request: PlainRequest, reply: Reply) -> None:
        assert request is self.begun[-1]
        request.response_complete = True
        self.replies.append(reply)


def signed(members: dict[str, Any], key: Any = TRADER, age_ms: int = 0, **changes: bytes) -> bytes:
    stamp = str(time.time_ns() // 1_000_000 - age_ms)
    text = signing.signing_text("orderExecute", signed_pairs(parse_object(json.dumps(members).encode())), stamp, "5000")
    parts = {KEY: base64.b64encode(bytes(key.verify_key)), SIGNATURE: base64.b64encode(key.sign(text).signature)}
    data = request(members, stamp=stamp.encode())
    for old, new in parts.items():
        data = data.replace(old, changes.get("signature", new) if old is SIGNATURE else new)
    return data


async def test_an_order_is_answered_as_on_the_general_way(exchange: Exchange) -> None:
    accepted = event(EventKind.ACCEPTED, price_ticks=10_050, quantity_lots=125, status=OrderStatus.NEW)
    exchange.gateway.answers.extend([accepted, accepted])
    client = Client()
    members = LIMIT | {"clientId": 1}  # which may be sent twice
    assert PlainOrders(exchange.service).begin(signed(members), client)
    response = await exchange.signed("POST", "/api/v1/order", "orderExecute", members)
    assert client.replies[0].status == response.status_code == 200
    assert client.replies[0].body == response.content
    short, long = exchange.gateway.commands
    assert short == long and short["account"] == 2


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (event(EventKind.REJECTED, reason=Reason.INSUFFICIENT_FUNDS), 400),
        (event(EventKind.BLOCK_REFUSED, reason=Reason.SEQUENCE_GAP), 500),
        (np.zeros_like(event(EventKind.FILL)), 500),
        (OutcomeUnknown("lost"), 504),
        (Overloaded("full"), 429),
    ],
)
async def test_refusals_and_failures(exchange: Exchange, answer: Any, status: int) -> None:
    exchange.gateway.answers.extend([answer, answer])
    client = Client()
    members = LIMIT | {"clientId": 1}  # which may be sent twice
    assert PlainOrders(exchange.service).begin(signed(members), client)
    response = await exchange.signed("POST", "/api/v1/order", "orderExecute", members)
    assert [reply.status for reply in client.replies] == [response.status_code] == [status]
    assert client.replies[0].body == response.content


@pytest.mark.parametrize("members", [LIMIT, LIMIT | {"clientId": 5}])
async def test_what_comes_again_is_left_to_the_general_way(exchange: Exchange, members: dict[str, Any]) -> None:
    exchange.gateway.answers.append(event(EventKind.ACCEPTED))
    client, orders, data = Client(), PlainOrders(exchange.service), signed(members)
    assert orders.begin(data, client) and not orders.begin(data, client)
    assert [reply.status for reply in client.replies] == [200]
    assert len(exchange.gateway.commands) == 1


async def test_what_comes_again_is_counted_once(tmp_path: Path) -> None:
    """By the general way, to which it is left."""
    made = RateLimits(**dict.fromkeys((each.name for each in fields(RateLimits)), 20))
    exchange = await open_exchange(tmp_path / "dist", rate_limits=made)
    limits = exchange.service.limits
    assert limits is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate_limits, "time", SimpleNamespace(monotonic_ns=lambda: 10**15))  # nothing comes back
        exchange.gateway.answers.append(event(EventKind.ACCEPTED))
        client, orders, data = Client(), PlainOrders(exchange.service), signed(LIMIT)
        assert orders.begin(data, client)
        left = limits.charge(Cost.ORDERS, TRADER_ACCOUNT, "", 0), limits.allowance("")
        assert [dict(headers)[b"X-RateLimit-Remaining"] for headers in left] == [b"19", b"19"]
        assert not orders.begin(data, client)
        assert (limits.charge(Cost.ORDERS, TRADER_ACCOUNT, "", 0), limits.allowance("")) == left
    await exchange.close()


async def test_who_may_not_is_left_to_the_general_way(exchange: Exchange) -> None:
    orders, client = PlainOrders(exchange.service), Client()
    wrong = signed(LIMIT, signature=base64.b64encode(b"x" * 64))
    for data in (wrong, signed(LIMIT, READER), signed(LIMIT, age_ms=6_000), signed(LIMIT, age_ms=-6_000)):
        assert not orders.begin(data, client)
    assert not client.begun and not exchange.gateway.commands
