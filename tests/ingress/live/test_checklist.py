"""The REST items of the conformance list that other modules do not have, on real processes.

Elsewhere: signatures that do not verify (tests/ingress/access/test_authenticator.py), batches of all sizes
(test_orders.py), every error body (test_edge.py, tests/attacks/test_charge.py for 429, test_real_processes.py for 413
and 431), a retry with the same clientId (test_real_processes.py), clients and streams (test_ccxt.py, test_clients.py
and test_depth.py in tests/end_to_end/live).
"""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from ingress.api.route import Route
from ingress.api.routes import ROUTES
from tests.ingress.fakes import READER, TRADER
from tests.ingress.payload import forbidden
from tests.venue import ADMIN, Venue

pytestmark = pytest.mark.timeout(300)  # an empty kernel cache has to be filled

ORDER, ORDERS = "/api/v1/order", "/api/v1/orders"
LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "90", "quantity": "1"}
HISTORY = "/wapi/v1/history/orders"


@pytest.fixture(scope="module", autouse=True)
def _empty_books(venue: Venue) -> Iterator[None]:
    yield
    for key in (TRADER, READER):
        for symbol in ("SOL_USDC", "BTC_USDC"):
            assert venue.send("DELETE", ORDERS, "orderCancelAll", {"symbol": symbol}, key).status_code == 200


def signed_headers(venue: Venue, text: str, stamp: int) -> dict[str, str]:
    request = venue.signer.request("GET", "/", "x", text=text.encode(), timestamp=stamp)
    return {name: value for name, value in request.headers.items() if name.startswith("x-")}


def test_a_query_verifies_in_any_order_raw_and_percent_encoded(venue: Venue) -> None:
    """What is signed is sorted and raw, or sorted and percent-encoded; what is sent is as the client likes it."""
    address, path = "a b/c:d+e", "/wapi/v1/capital/withdrawals"
    parts = {"limit": "5", "clientId": address, "offset": "0"}
    for sent in (list(parts), sorted(parts), sorted(parts, reverse=True)):
        for encode in (str, lambda value: quote(value, safe="")):
            stamp = time.time_ns() // 1_000_000
            pairs = "&".join(f"{name}={encode(parts[name])}" for name in sorted(parts))
            text = f"instruction=withdrawalQueryAll&{pairs}&timestamp={stamp}&window={venue.signer.window_ms}"
            query = "&".join(f"{name}={quote(parts[name], safe='')}" for name in sent)
            answer = venue.client.get(f"{path}?{query}", headers=signed_headers(venue, text, stamp))
            assert answer.status_code == 200, answer.text
            tampered = query.replace("limit=5", "limit=6")
            refused = venue.client.get(f"{path}?{tampered}", headers=signed_headers(venue, text, stamp))
            assert (refused.status_code, refused.json()["code"]) == (401, "INVALID_SIGNATURE")


@pytest.mark.parametrize("reverse", [False, True])
def test_a_body_verifies_in_any_order(venue: Venue, reverse: bool) -> None:
    body = dict(sorted(LIMIT.items(), reverse=reverse))
    content = json.dumps(body, indent=3 if reverse else None).encode()
    assert venue.send("POST", ORDER, "orderExecute", LIMIT, content=content).status_code == 200


@pytest.mark.parametrize("count", [1, 2, 20])
def test_a_batch_has_a_result_for_each_item_good_or_bad(venue: Venue, count: int) -> None:
    items = [LIMIT | ({"price": "0.001"} if number % 3 == 1 else {"price": "90"}) for number in range(count)]
    answer = venue.send("POST", ORDERS, "orderExecute", items)
    assert answer.status_code == 200
    wanted = ["Err" if number % 3 == 1 else "Ok" for number in range(count)]
    assert [each["operation"] for each in answer.json()] == wanted
    for each in answer.json():
        if each["operation"] == "Err":
            assert set(each) == {"operation", "code", "message"} and each["code"] == "INVALID_PRICE"


PARAMETERS: dict[str, Any] = {
    "symbol": "SOL_USDC",
    "interval": "1m",
    "side": "Bid",
    "blockchain": "Internal",
    "account": "2",
}


def reads() -> list[Route]:
    return [route for route in ROUTES if route.method == "GET"]


@pytest.mark.parametrize(
    ("symbol", "price", "quantity"), [("SOL_USDC", "100.01", "0.1"), ("BTC_USDC", "0.7", "0.0001")]
)
def test_no_payload_has_a_float_an_exponent_or_a_zone(venue: Venue, symbol: str, price: str, quantity: str) -> None:
    """After a trade of the smallest quantity every GET route is read, and its text looked at."""
    small = {"symbol": symbol, "price": price, "quantity": quantity}
    made = venue.send("POST", ORDER, "orderExecute", LIMIT | small | {"side": "Ask"}, READER)
    taken = venue.send("POST", ORDER, "orderExecute", LIMIT | small)
    rest = venue.send("POST", ORDER, "orderExecute", LIMIT | small | {"clientId": 4_000_000_000 + len(quantity)}).json()
    answers = [made, taken]
    with httpx.Client(base_url=venue.client.base_url, timeout=30) as page:
        page.post("/api/v1/session/demo")
        for route in reads():
            required = {param.name for param in route.params if param.required}
            parameters = {name: PARAMETERS[name] for name in required if name in PARAMETERS}
            if "startTime" in required:
                parameters["startTime"] = str(int(time.time()) - 600)
            if "symbol" in parameters and "/limits/" not in route.path:
                parameters["symbol"] = symbol
            if route.path.endswith(("limits/withdrawal", "limits/borrow")):
                parameters["symbol"] = symbol[:3]
            if route.path == ORDER:
                parameters |= {"orderId": rest["id"]}
            answers.append(read(venue, page, route, parameters))
    shown = 0
    for answer in answers:
        assert answer.status_code == 200, f"{answer.request.url}: {answer.text}"
        assert not (found := forbidden(answer.text)), f"{answer.request.url}: {found!r} in {answer.text[:2000]}"
        shown += f'"{price}"' in answer.text
    assert shown > 5, "the trade is in many of them"


def read(venue: Venue, page: httpx.Client, route: Route, parameters: dict[str, str]) -> httpx.Response:
    credentials = route.endpoint.credentials
    if credentials is None or not credentials.instruction:
        return page.get(route.path, params=parameters)
    key = ADMIN if route.tag == "Administrator" else TRADER
    return venue.send("GET", route.path, credentials.instruction, parameters or None, key)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a":"1.5","b":[1,-2,null,true],"c":"2026-03-04T05:06:07.123","d":"1e5x"}', ""),
        ('{"a":1.5}', "1.5"),
        ('{"a":1E3}', "1E3"),
        ('["1E-7"]', "1E-7"),
        ('["2026-03-04T05:06:07Z"]', "2026-03-04T05:06:07Z"),
        ('["2026-03-04 05:06:07+00:00"]', "2026-03-04 05:06:07+00:00"),
    ],
)
def test_what_is_forbidden_is_found(text: str, found: str) -> None:
    assert forbidden(text) == found
