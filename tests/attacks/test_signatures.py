"""Signatures that are none, words that mean two things, keys for which anybody could sign: each is refused."""

import base64
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from nacl.bindings import crypto_core_ed25519_add
from nacl.signing import SigningKey

from engine_core.edge import signing
from engine_core.wire.codes import EventKind, KeyPermission
from ingress.requests.signed_json import parse_object, signed_pairs
from tests.ingress.fakes import TRADER, TRADER_ACCOUNT, Exchange, event, open_exchange
from tests.markets import key_record

ORDER = "/api/v1/order"
LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "99", "quantity": "1"}
L = 2**252 + 27742317777372353535851937790883648493  # the order of the curve's main subgroup
SMALL_ORDER = [  # points for which a signature can be made without a secret
    bytes(32),
    (1).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest_asyncio.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    opened = await open_exchange(tmp_path / "dist")
    yield opened
    await opened.close()


async def refused(exchange: Exchange, request: httpx.Request) -> tuple[int, str]:
    response = await exchange.client.send(request)
    assert exchange.gateway.commands == [], "nothing reaches the engine"
    assert response.status_code in (400, 401), response.text
    return response.status_code, response.json()["code"]


def resigned(request: httpx.Request, signature: bytes) -> httpx.Request:
    request.headers["X-Signature"] = base64.b64encode(signature).decode()
    return request


def altered(signature: bytes, how: str) -> bytes:
    r, s = signature[:32], signature[32:]
    if how == "S+L":
        return r + (int.from_bytes(s, "little") + L).to_bytes(32, "little")
    if how == "-S":
        return r + (L - int.from_bytes(s, "little")).to_bytes(32, "little")
    if how == "flipped R":
        return r[:31] + bytes([r[31] ^ 0x80]) + s
    if how == "zero":
        return bytes(64)
    return s + r


@pytest.mark.parametrize("how", ["S+L", "-S", "flipped R", "zero", "halves exchanged"])
async def test_a_signature_has_one_form(exchange: Exchange, how: str) -> None:
    request = exchange.request("POST", ORDER, "orderExecute", LIMIT)
    signature = altered(base64.b64decode(request.headers["X-Signature"]), how)
    assert await refused(exchange, resigned(request, signature)) == (401, "INVALID_SIGNATURE")


@pytest.mark.parametrize("form", ["urlsafe", "no padding", "newline", "space", "trailing", "doubled", "hex"])
async def test_base64_has_one_form(exchange: Exchange, form: str) -> None:
    request = exchange.request("POST", ORDER, "orderExecute", LIMIT)
    text = request.headers["X-Signature"]
    forms = {
        "urlsafe": base64.urlsafe_b64encode(b"\xff" * 64).decode(),
        "no padding": text.rstrip("="),
        "newline": text[:20] + "\t" + text[20:],
        "space": text[:20] + " " + text[20:],
        "trailing": text + "AAAA",
        "doubled": text + text,
        "hex": base64.b64decode(text).hex(),
    }
    request.headers["X-Signature"] = forms[form]
    assert (await refused(exchange, request))[0] == 401


@pytest.mark.parametrize("point", SMALL_ORDER, ids=lambda point: point.hex()[:8])
def test_a_weak_key_is_nobodys(point: bytes) -> None:
    assert not signing.is_public_key(point)
    for message in (b"", b"instruction=orderExecute"):
        for r in SMALL_ORDER:
            assert not signing.verify(point, message, r + bytes(32))


def test_a_key_of_mixed_order_is_nobodys() -> None:
    """The sum of a real point and one of small order: two signatures, of which verifiers disagree."""
    mixed = crypto_core_ed25519_add(bytes(TRADER.verify_key), SMALL_ORDER[3])
    assert not signing.is_public_key(mixed)


@pytest.mark.parametrize(
    "content",
    [
        '{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"99","quantity":"1","quantity":"1000"}',
        '{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"99","quantity":"1000","quantity":"1"}',
        '{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"99","quantity":"1","\\u0071uantity":"1000"}',
        '{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"99&quantity=1","quantity":"1"}',
        '{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"99","quantity":"\uff11"}',
        '{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"99","quantity":["1"]}',
        '{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"99","quantity":{"1":1}}',
        '[{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"99","quantity":"1"}]',
    ],
)
async def test_no_body_means_two_things(exchange: Exchange, content: str) -> None:
    """Signed as the plain order, sent as something that another reader might take for it."""
    request = exchange.request("POST", ORDER, "orderExecute", LIMIT, content=content.encode())
    await refused(exchange, request)


async def test_injected_pairs_do_not_move_the_borders(exchange: Exchange) -> None:
    """One text, two ways to cut it into pairs: a value may not swallow what was signed as a member of its own."""
    stamp = time.time_ns() // 1_000_000
    pairs = "orderType=Limit&price=99&quantity=1&side=Bid&symbol=SOL_USDC"
    text = f"instruction=orderExecute&{pairs}&timestamp={stamp}&window=5000"
    body = {"orderType": "Limit&price=99&quantity=1", "side": "Bid", "symbol": "SOL_USDC"}
    request = exchange.request("POST", ORDER, "orderExecute", body, text=text.encode(), timestamp=stamp)
    await refused(exchange, request)


@pytest.mark.parametrize("timestamp", ["\uff11\uff17" + "\uff10" * 11, "1e12", "+1", "0x10", "-1", " 1", "1" * 16, ""])
async def test_numbers_of_headers_are_plain_digits(exchange: Exchange, timestamp: str) -> None:
    request = exchange.request("POST", ORDER, "orderExecute", LIMIT)
    request.headers["X-Timestamp"] = httpx.Headers([(b"a", timestamp.encode())])["a"]
    await refused(exchange, request)


@pytest.mark.parametrize(
    ("path", "method", "instruction"),
    [
        (ORDER, "POST", "orderCancel"),
        (ORDER, "DELETE", "orderExecute"),
        ("/api/v1/orders", "DELETE", "orderCancel"),
        ("/wapi/v1/capital/withdrawals", "POST", "orderExecute"),
        ("/api/v1/orders/cancelReplace", "POST", "orderExecute"),
    ],
)
async def test_an_instruction_is_good_for_its_route(
    exchange: Exchange, path: str, method: str, instruction: str
) -> None:
    response = await exchange.signed(method, path, instruction, {"symbol": "SOL_USDC"})
    assert response.status_code in (401, 404) and exchange.gateway.commands == []


async def test_permissions_are_the_keys_own(exchange: Exchange) -> None:
    """A key that may trade cannot withdraw; one that may only withdraw cannot trade; neither is an administrator."""
    only = SigningKey(b"w" * 32)
    exchange.service.setup.apply(key_record(TRADER_ACCOUNT, bytes(only.verify_key), KeyPermission.WITHDRAW))
    body = {"symbol": "USDC", "quantity": "1", "address": "account-3", "blockchain": "Internal"}
    calls: list[tuple[Any, ...]] = [
        ("POST", "/wapi/v1/capital/withdrawals", "withdraw", body, TRADER),
        ("POST", ORDER, "orderExecute", LIMIT, only),
        ("GET", "/api/v1/capital", "balanceQuery", None, only),
        ("POST", "/api/v1/admin/account", "adminAccountCreate", {}, TRADER),
        ("PATCH", "/api/v1/admin/account", "adminAccountUpdate", {"account": 2, "frozen": False}, TRADER),
    ]
    for call in calls:
        response = await exchange.signed(*call)
        assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN"), call
    assert exchange.gateway.commands == []


async def test_a_revoked_key_is_refused_on_the_short_way_too(exchange: Exchange) -> None:
    exchange.gateway.answers.append(event(EventKind.ACCEPTED))
    assert (await exchange.signed("POST", ORDER, "orderExecute", LIMIT)).status_code == 200
    del exchange.service.setup.keys[bytes(TRADER.verify_key)]
    again = await exchange.signed("POST", ORDER, "orderExecute", LIMIT | {"price": "98"})
    assert (again.status_code, again.json()["code"]) == (401, "UNAUTHORIZED")


def test_what_is_signed_is_what_is_read() -> None:
    """The text for a body is made of what was parsed, so a member that is signed is a member that is used."""
    body = json.dumps(LIMIT | {"clientId": 5}).encode()
    text = signing.signing_text("orderExecute", signed_pairs(parse_object(body)), "1", "5000").decode()
    assert text.count("=") == len(LIMIT) + 1 + 3
