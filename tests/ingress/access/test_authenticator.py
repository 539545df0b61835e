"""Who may do what: signatures over the wire, the window, permissions, replays, browser sessions."""

import base64
import json
import time
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from engine_core.edge import session_tokens
from engine_core.edge.session_tokens import Purpose
from engine_core.wire.codes import EventKind, KeyPermission
from ingress.api.routes import ROUTES
from ingress.config import DEMO_ACCOUNT
from tests.ingress.answers import error_of
from tests.ingress.fakes import READER, SECRET, TRADER_ACCOUNT, Exchange, event, open_exchange
from tests.markets import key_record

LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100.5", "quantity": "1.25"}
ORDER = ("POST", "/api/v1/order", "orderExecute")
ACCEPTED = event(EventKind.ACCEPTED, price_ticks=10_050, quantity_lots=125)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(LIMIT),
        json.dumps(dict(reversed(LIMIT.items())), indent=2),
        '{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"100.5","quantity":"1.25" }\n',
    ],
)
async def test_order_and_spacing_of_the_body_do_not_matter(exchange: Exchange, content: str) -> None:
    exchange.gateway.answers.append(ACCEPTED)
    request = exchange.request(*ORDER, LIMIT, content=content.encode())
    assert (await exchange.client.send(request)).status_code == 200


async def test_numbers_verify_over_their_literal_text(exchange: Exchange) -> None:
    exchange.gateway.answers.append(ACCEPTED)
    stamp = now_ms()
    pairs = "orderType=Limit&price=100.50&quantity=1.250&side=Bid&symbol=SOL_USDC"
    text = f"instruction=orderExecute&{pairs}&timestamp={stamp}&window={exchange.window_ms}"
    content = b'{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":100.50,"quantity":1.250}'
    request = exchange.request(*ORDER, LIMIT, text=text.encode(), content=content, timestamp=stamp)
    assert (await exchange.client.send(request)).status_code == 200


async def test_percent_encoded_values_verify(exchange: Exchange) -> None:
    stamp = now_ms()
    text = f"instruction=orderQuery&orderId=1&symbol=SOL%2FUSDC&timestamp={stamp}&window={exchange.window_ms}"
    params = {"symbol": "SOL/USDC", "orderId": "1"}
    request = exchange.request("GET", "/api/v1/order", "orderQuery", params, text=text.encode(), timestamp=stamp)
    assert error_of(await exchange.client.send(request)) == (400, "INVALID_MARKET")  # so the signature was right


async def test_a_null_member_is_signed_and_absent(exchange: Exchange) -> None:
    stamp = now_ms()
    content = json.dumps(LIMIT | {"clientId": None}).encode()
    for null in ("null", "None"):
        pairs = f"clientId={null}&orderType=Limit&price=100.5&quantity=1.25&side=Bid&symbol=SOL_USDC"
        text = f"instruction=orderExecute&{pairs}&timestamp={stamp}&window={exchange.window_ms}"
        exchange.gateway.answers.append(ACCEPTED)
        request = exchange.request(*ORDER, LIMIT, text=text.encode(), content=content, timestamp=stamp)
        assert (await exchange.client.send(request)).status_code == 200


async def test_without_a_window_header_5000_is_signed(exchange: Exchange) -> None:
    exchange.gateway.answers.append(ACCEPTED)
    assert (await exchange.signed(*ORDER, LIMIT, window=None)).status_code == 200


@pytest.mark.parametrize(
    ("offset", "window", "words"),
    [(-6000, 5000, "Request has expired"), (7000, 5000, "timestamp"), (0, 60_001, "window")],
)
async def test_outside_the_window(exchange: Exchange, offset: int, window: int, words: str) -> None:
    response = await exchange.signed(*ORDER, LIMIT, timestamp=now_ms() + offset, window=window)
    assert error_of(response) == (400, "INVALID_CLIENT_REQUEST")
    assert words in response.json()["message"]


@pytest.mark.parametrize(
    ("header", "value", "expected"),
    [
        ("X-Signature", base64.b64encode(bytes(64)).decode(), (401, "INVALID_SIGNATURE")),
        ("X-Signature", "not base64", (401, "INVALID_SIGNATURE")),
        ("X-Signature", "", (401, "INVALID_SIGNATURE")),
        ("X-API-Key", base64.b64encode(bytes(32)).decode(), (401, "UNAUTHORIZED")),
        ("X-API-Key", "?", (401, "UNAUTHORIZED")),
        ("X-API-Key", "", (401, "UNAUTHORIZED")),
        ("X-Timestamp", "now", (400, "INVALID_CLIENT_REQUEST")),
        ("X-Window", "wide", (400, "INVALID_CLIENT_REQUEST")),
        ("X-Window", "4999", (401, "INVALID_SIGNATURE")),
    ],
)
async def test_a_changed_header(exchange: Exchange, header: str, value: str, expected: tuple[int, str]) -> None:
    request = exchange.request(*ORDER, LIMIT)
    request.headers[header] = value
    assert error_of(await exchange.client.send(request)) == expected
    assert exchange.gateway.commands == []


@pytest.mark.parametrize("header", ["X-Signature", "X-API-Key", "X-Timestamp"])
async def test_a_missing_header(exchange: Exchange, header: str) -> None:
    request = exchange.request(*ORDER, LIMIT)
    del request.headers[header]
    assert (await exchange.client.send(request)).status_code in (400, 401)
    assert exchange.gateway.commands == []


async def test_a_changed_body_and_another_instruction_do_not_verify(exchange: Exchange) -> None:
    tampered = exchange.request(*ORDER, LIMIT, content=json.dumps(LIMIT | {"quantity": "9"}).encode())
    assert error_of(await exchange.client.send(tampered)) == (401, "INVALID_SIGNATURE")
    added = exchange.request(*ORDER, LIMIT, content=json.dumps(LIMIT | {"postOnly": True}).encode())
    assert error_of(await exchange.client.send(added)) == (401, "INVALID_SIGNATURE")
    elsewhere = exchange.request("POST", "/api/v1/order", "orderCancel", LIMIT)
    assert error_of(await exchange.client.send(elsewhere)) == (401, "INVALID_SIGNATURE")


async def test_unknown_members_are_covered_by_the_signature_and_then_refused(exchange: Exchange) -> None:
    body = LIMIT | {"stopLossPrice": "1"}
    response = await exchange.signed(*ORDER, body)
    assert error_of(response) == (400, "INVALID_CLIENT_REQUEST")
    assert "stopLossPrice" in response.json()["message"]
    unsigned = exchange.request(*ORDER, LIMIT, content=json.dumps(body).encode())
    assert error_of(await exchange.client.send(unsigned)) == (401, "INVALID_SIGNATURE")


async def test_a_key_that_may_only_read(exchange: Exchange) -> None:
    assert error_of(await exchange.signed(*ORDER, LIMIT, READER)) == (403, "FORBIDDEN")
    assert (await exchange.signed("GET", "/api/v1/orders", "orderQueryAll", None, READER)).status_code == 200


async def test_a_key_revoked_in_the_log_stops_at_once(exchange: Exchange) -> None:
    key = SigningKey(b"k" * 32)
    records = key_record(TRADER_ACCOUNT, bytes(key.verify_key), KeyPermission.READ)
    assert error_of(await exchange.signed("GET", "/api/v1/capital", "balanceQuery", None, key)) == (401, "UNAUTHORIZED")
    exchange.service.setup.apply(records)
    assert (await exchange.signed("GET", "/api/v1/capital", "balanceQuery", None, key)).status_code == 200
    exchange.service.setup.keys.clear()
    assert error_of(await exchange.signed("GET", "/api/v1/capital", "balanceQuery", None, key)) == (401, "UNAUTHORIZED")


async def test_every_private_route_refuses_strangers(exchange: Exchange) -> None:
    private = [route for route in ROUTES if route.endpoint.credentials]
    assert len(private) > 20
    for route in private:
        content = {"GET": None}.get(route.method, b"[{}]" if route.endpoint.body.name == "ARRAY" else b"{}")
        response = await exchange.client.request(route.method, route.path, content=content)
        assert error_of(response) == (401, "UNAUTHORIZED"), route.path


async def test_a_placement_without_client_id_is_executed_once(exchange: Exchange) -> None:
    exchange.gateway.answers += [ACCEPTED, ACCEPTED, ACCEPTED]
    request = exchange.request(*ORDER, LIMIT)
    assert (await exchange.client.send(request)).status_code == 200
    repeated = await exchange.client.send(request)
    assert error_of(repeated) == (409, "DUPLICATE_REQUEST")
    assert "use clientId or another timestamp" in repeated.json()["message"]
    assert len(exchange.gateway.commands) == 1


async def test_a_placement_with_client_id_may_be_repeated(exchange: Exchange) -> None:
    exchange.gateway.answers += [ACCEPTED, ACCEPTED]
    request = exchange.request(*ORDER, LIMIT | {"clientId": 1})
    assert [(await exchange.client.send(request)).status_code for _ in range(2)] == [200, 200]


async def demo(exchange: Exchange) -> dict[str, str]:
    response = await exchange.client.post("/api/v1/session/demo")
    assert response.status_code == 200
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    answer: dict[str, str] = response.json()
    return answer


async def test_the_demo_session_trades_with_cookie_and_csrf_token(exchange: Exchange) -> None:
    answer = await demo(exchange)
    assert answer["wsUrl"] == "ws://127.0.0.1:8081/ws"
    assert session_tokens.read(answer["streamToken"], SECRET) == DEMO_ACCOUNT == answer["account"]
    exchange.gateway.answers.append(event(EventKind.ACCEPTED, quantity_lots=100, account=DEMO_ACCOUNT))
    placed = await exchange.client.post("/api/v1/order", json=LIMIT, headers={"X-CSRF-Token": answer["csrfToken"]})
    assert placed.status_code == 200
    assert exchange.gateway.commands[0]["account"] == DEMO_ACCOUNT
    assert (await exchange.client.get("/api/v1/capital")).status_code == 200  # reading needs no token


async def test_a_session_without_the_csrf_token_changes_nothing(exchange: Exchange) -> None:
    await demo(exchange)
    for headers in ({}, {"X-CSRF-Token": "0" * 64}):
        response = await exchange.client.post("/api/v1/order", json=LIMIT, headers=headers)
        assert error_of(response) == (403, "FORBIDDEN")
    assert exchange.gateway.commands == []


async def test_a_stream_token_is_no_cookie_and_a_forged_one_is_nobody(exchange: Exchange) -> None:
    stream = session_tokens.issue(DEMO_ACCOUNT, SECRET, 60)
    forged = session_tokens.issue(DEMO_ACCOUNT, bytes(32), 60, Purpose.COOKIE)
    for token in (stream, forged, "", "x"):
        response = await exchange.client.get("/api/v1/capital", headers={"Cookie": f"session={token}"})
        assert error_of(response) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
        {"Host": "rebound.example:8080"},
        {"Host": "[bad"},
    ],
)
async def test_pages_of_others_get_no_demo_session(exchange: Exchange, headers: dict[str, str]) -> None:
    response = await exchange.client.post("/api/v1/session/demo", headers=headers)
    assert error_of(response) == (403, "FORBIDDEN")
    assert "set-cookie" not in response.headers


async def test_the_page_learns_where_the_streams_are(exchange: Exchange) -> None:
    answer = await exchange.client.get("/api/v1/session/config")
    assert answer.json() == {"wsUrl": "ws://127.0.0.1:8081/ws", "demo": True, "signedIn": False}
    foreign = await exchange.client.get("/api/v1/session/config", headers={"Host": "rebound.example:8080"})
    assert foreign.json() == {"wsUrl": "ws://rebound.example:8081/ws", "demo": False, "signedIn": False}


async def test_there_is_no_demo_session_outside_the_demo(tmp_path: Path) -> None:
    exchange = await open_exchange(tmp_path, demo_session=False)
    assert (await exchange.client.get("/api/v1/session/config")).json()["demo"] is False
    assert error_of(await exchange.client.post("/api/v1/session/demo")) == (403, "FORBIDDEN")
    await exchange.close()
