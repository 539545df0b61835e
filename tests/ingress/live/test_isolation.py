"""No account can see or touch what is another's: every private route, tried by an intruder on a real exchange.

The routes come from the table of routes, so one that is added without an attack here fails.
"""

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from engine_core.administration.client import admin
from engine_core.wire.codes import CommandKind
from ingress.api.route import EMPTY, Route
from ingress.api.routes import ROUTES
from ingress.dispatch import Body
from tests.ingress.fakes import READER, READER_ACCOUNT, TRADER
from tests.venue import Venue

pytestmark = pytest.mark.timeout(300)

VICTIM, INTRUDER = READER, TRADER
CLIENT_ID = 4_000_000_123
SYMBOL = {"symbol": "SOL_USDC"}
LIMIT = {**SYMBOL, "side": "Bid", "orderType": "Limit", "price": "89", "quantity": "1"}
VICTIM_KEY = base64.b64encode(bytes(VICTIM.verify_key)).decode()
ANY = {**SYMBOL, "orderId": "{order}"}
NEW_KEY = base64.b64encode(bytes(31) + b"k").decode()
MOVE = {"account": READER_ACCOUNT, "symbol": "USDC", "quantity": "1"}
WITHDRAWAL = {"symbol": "USDC", "quantity": "1", "address": "my-own-bank-account", "blockchain": "Internal"}

# What an intruder sends; {order} is an order of the victim. Where nothing names anybody's, asking is the attack.
ATTACKS: dict[tuple[str, str], list[Any]] = {
    ("POST", "/api/v1/order"): [LIMIT | {"clientId": CLIENT_ID}],
    ("GET", "/api/v1/order"): [ANY, {**SYMBOL, "clientId": str(CLIENT_ID)}],
    ("DELETE", "/api/v1/order"): [ANY, {**SYMBOL, "clientId": CLIENT_ID}],
    ("PATCH", "/api/v1/order"): [ANY | {"quantity": "0.5"}, {**SYMBOL, "clientId": CLIENT_ID, "price": "88"}],
    ("POST", "/api/v1/orders"): [[LIMIT | {"clientId": CLIENT_ID}, LIMIT]],
    ("GET", "/api/v1/orders"): [{}, SYMBOL],
    ("DELETE", "/api/v1/orders"): [SYMBOL, SYMBOL | {"orderType": "RestingLimitOrder"}],
    ("POST", "/api/v1/orders/cancel"): [
        {**SYMBOL, "orderIds": ["{order}"]},
        {**SYMBOL, "clientIds": [CLIENT_ID]},
    ],
    ("POST", "/api/v1/order/replace"): [LIMIT | {"cancelOrderId": "{order}"}],
    ("POST", "/api/v1/order/test"): [LIMIT | {"clientId": CLIENT_ID}],
    ("POST", "/api/v1/orders/cancelAfter"): [{"timeoutMs": 1}, {"timeoutMs": 1, **SYMBOL}],
    ("GET", "/api/v1/capital"): [{}],
    ("GET", "/api/v1/capital/collateral"): [{}],
    ("GET", "/api/v1/account"): [{}],
    ("PATCH", "/api/v1/account"): [{"autoLend": False}],
    ("GET", "/api/v1/account/limits/order"): [SYMBOL | {"side": "Ask"}],
    ("GET", "/api/v1/account/limits/withdrawal"): [{"symbol": "USDC"}],
    ("GET", "/api/v1/account/limits/borrow"): [{"symbol": "USDC"}],
    ("GET", "/wapi/v1/history/orders"): [{}, {"orderId": "{order}"}, SYMBOL | {"sortDirection": "Asc"}],
    ("GET", "/wapi/v1/history/fills"): [{}, {"orderId": "{order}"}, SYMBOL | {"fillType": "User"}],
    ("GET", "/wapi/v1/capital/deposits"): [{}],
    ("GET", "/wapi/v1/capital/withdrawals"): [{}, {"clientId": "victim"}],
    ("POST", "/wapi/v1/capital/withdrawals"): [WITHDRAWAL | {"clientId": "victim"}],
    ("GET", "/wapi/v1/capital/deposit/address"): [{"blockchain": "Internal"}],
    ("POST", "/api/v1/capital/transfer"): [{"symbol": "USDC", "quantity": "1", "from": 0, "to": 1}],
    ("GET", "/api/v1/capital/transfer"): [{}, {"clientId": "victim"}],
    ("GET", "/api/v1/session"): [{}],
    ("DELETE", "/api/v1/session"): [{}],
    ("PATCH", "/api/v1/session/password"): [{"password": "a wrong one", "newPassword": "nine green bottles"}],
    ("GET", "/api/v1/session/all"): [{}],
    ("DELETE", "/api/v1/session/all"): [{}, {"id": "00" * 16}],
    ("POST", "/api/v1/session/totp"): [{}, {"password": "a wrong one"}],
    ("PATCH", "/api/v1/session/totp"): [{"code": "123456"}],
    ("DELETE", "/api/v1/session/totp"): [{}, {"password": "a wrong one"}],
    ("GET", "/api/v1/keys"): [{}],
    ("POST", "/api/v1/keys"): [{"permissions": ["read"], "publicKey": VICTIM_KEY}],
    ("DELETE", "/api/v1/keys"): [{"apiKey": VICTIM_KEY}],
    ("GET", "/api/v1/admin/status"): [{}],
    ("GET", "/api/v1/admin/account"): [{"account": str(READER_ACCOUNT)}],
    ("POST", "/api/v1/admin/account"): [{}],
    ("PATCH", "/api/v1/admin/account"): [{"account": READER_ACCOUNT, "frozen": True, "feeTier": 2}],
    ("POST", "/api/v1/admin/keys"): [{"account": READER_ACCOUNT, "apiKey": NEW_KEY, "permissions": ["read"]}],
    ("DELETE", "/api/v1/admin/keys"): [{"apiKey": VICTIM_KEY}],
    ("POST", "/api/v1/admin/deposits"): [MOVE],
    ("POST", "/api/v1/admin/withdrawals"): [MOVE],
    ("PATCH", "/api/v1/admin/market"): [SYMBOL | {"state": "Closed"}],
    ("PATCH", "/api/v1/admin/fees"): [SYMBOL | {"tier": 1, "makerPpm": 1, "takerPpm": 1}],
    **{
        ("GET", path): [{}]
        for path in (
            *("/api/v1/borrowLend/positions", "/api/v1/position", "/api/v1/rfqs"),
            *(f"/wapi/v1/history/{name}" for name in ("rfq", "rfq/fill", "settlement", "dust", "funding", "interest")),
        )
    },
}
PUBLIC_TAGS = {"Public", "Session", EMPTY}
_numbers = itertools.count(1)
PRIVATE = [route for route in ROUTES if route.endpoint.credentials is not None]


def test_every_private_route_is_attacked_and_only_known_kinds_are_public() -> None:
    assert {(route.method, route.path) for route in PRIVATE} == set(ATTACKS)
    public = [route for route in ROUTES if route.endpoint.credentials is None]
    assert {route.tag for route in public} <= PUBLIC_TAGS
    opening = {(route.method, route.path) for route in public if route.tag == "Session"}
    assert opening == {
        ("GET", "/api/v1/session/config"),
        ("POST", "/api/v1/session/demo"),
        ("POST", "/api/v1/session/signup"),
        ("POST", "/api/v1/session"),
    }


@pytest.fixture(scope="module")
def order(venue: Venue) -> Iterator[str]:
    """An order of the victim that rests, after a trade with a third party, and a deposit and a withdrawal."""
    third = admin(CommandKind.DEPOSIT, account=READER_ACCOUNT, asset=1, a=777, b=10**12)
    venue.gateway.execute(third)
    withdrawal = WITHDRAWAL | {"address": "bank-of-the-victim", "clientId": "victim"}
    assert venue.send("POST", "/wapi/v1/capital/withdrawals", "withdraw", withdrawal, VICTIM).status_code == 200
    placed = venue.send("POST", "/api/v1/order", "orderExecute", LIMIT | {"clientId": CLIENT_ID}, VICTIM)
    assert placed.status_code == 200, placed.text
    yield placed.json()["id"]
    cancel = {**SYMBOL, "orderId": placed.json()["id"]}
    assert venue.send("DELETE", "/api/v1/order", "orderCancel", cancel, VICTIM).status_code == 200


def belongings(venue: Venue) -> dict[str, Any]:
    """All that the victim has, as the victim sees it."""
    reads = {
        "/api/v1/orders": "orderQueryAll",
        "/api/v1/capital": "balanceQuery",
        "/api/v1/account": "accountQuery",
        "/wapi/v1/history/orders": "orderHistoryQueryAll",
        "/wapi/v1/history/fills": "fillHistoryQueryAll",
        "/wapi/v1/capital/deposits": "depositQueryAll",
        "/wapi/v1/capital/withdrawals": "withdrawalQueryAll",
    }
    return {path: venue.send("GET", path, instruction, None, VICTIM).json() for path, instruction in reads.items()}


@pytest.mark.parametrize("route", PRIVATE, ids=lambda route: f"{route.method} {route.path}")
def test_an_intruder_sees_and_changes_nothing(venue: Venue, order: str, route: Route) -> None:
    before = belongings(venue)
    assert before["/api/v1/orders"], "the victim has an order"
    for attack in ATTACKS[route.method, route.path]:
        filled = json.loads(json.dumps(attack).replace("{order}", order))
        response = _attack(venue, route, filled)
        text = response.text
        for secret in (f'"{order}"', "bank-of-the-victim", VICTIM_KEY):
            assert secret not in text, f"{response.status_code}: {text[:500]}"
        if route.tag == "Administrator":
            assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")
        else:
            assert response.status_code < 500, text
    assert belongings(venue) == before
    if route.endpoint.body is Body.OBJECT and "orders/cancelAfter" in route.path:
        assert belongings(venue)["/api/v1/orders"] == before["/api/v1/orders"]


@pytest.mark.parametrize("route", PRIVATE, ids=lambda route: f"{route.method} {route.path}")
def test_nobody_gets_in_without_credentials(venue: Venue, order: str, route: Route) -> None:
    for attack in ATTACKS[route.method, route.path]:
        filled = json.loads(json.dumps(attack).replace("{order}", order))
        if route.endpoint.body is Body.QUERY:
            response = venue.client.request(route.method, route.path, params=filled)
        else:
            response = venue.client.request(route.method, route.path, json=filled)
        assert (response.status_code, response.json()["code"]) == (401, "UNAUTHORIZED")


def _attack(venue: Venue, route: Route, members: Any) -> httpx.Response:
    """Send it as the intruder: signed, or with a session of a user of its own where only that will do."""
    credentials = route.endpoint.credentials
    assert credentials is not None
    if credentials.instruction:
        if route.endpoint.body is Body.QUERY:
            return venue.send(route.method, route.path, credentials.instruction, members, INTRUDER)
        signed = members
        if isinstance(members, dict):
            signed = {name: _text(value) for name, value in members.items()}
        content = json.dumps(members).encode()
        return venue.send(route.method, route.path, credentials.instruction, signed, INTRUDER, content=content)
    with httpx.Client(base_url=venue.client.base_url, timeout=30, verify=False) as page:
        credentials_of_page = {"name": f"intruder.{next(_numbers)}", "password": "let me in!"}
        opened = page.post("/api/v1/session/signup", json=credentials_of_page)
        assert opened.status_code == 200, opened.text
        headers = {"X-CSRF-Token": opened.json()["csrfToken"]}
        return page.request(route.method, route.path, json=members, headers=headers)


def _text(value: Any) -> Any:
    """A list as it is signed."""
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list) else value
