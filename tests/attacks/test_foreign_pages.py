"""A page of another site changes nothing with a browser's session, whatever cookie and token it has got hold of."""

import httpx
import pytest

from ingress.api.routes import ROUTES
from tests.attacks.test_users import SESSION, browser, sign_up
from tests.ingress.fakes import TRADER
from tests.venue import Venue

pytestmark = pytest.mark.timeout(300)
FOREIGN = ("http://evil.com", "null", "", "http://127.0.0.1", "http://[")
CHANGES = [
    (route.method, route.path) for route in ROUTES if route.method not in ("GET", "HEAD") and route.endpoint.credentials
]


def test_every_change_with_a_session_is_of_our_own_page(venue: Venue) -> None:
    assert len(CHANGES) > 10
    with browser(venue) as page:
        sign_up(page)
        for method, path in CHANGES:
            for origin in FOREIGN:
                answer = page.request(method, path, json={}, headers={"Origin": origin})
                assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN"), (method, path, origin)
                assert "Origin" in answer.json()["message"], (method, path, origin)
        assert page.get(SESSION, headers={"Origin": "null"}).status_code == 200  # reading changes nothing


def test_our_own_page_and_who_signs_are_not_concerned(venue: Venue) -> None:
    with browser(venue) as page:
        sign_up(page)
        order = f"{page.base_url}/api/v1/orders/cancelAfter"
        own = {"Origin": str(page.base_url).rstrip("/")}
        answers: list[httpx.Response] = [
            page.post(order, json={"symbol": "SOL_USDC", "timeout": 0}, headers=headers) for headers in (own, {})
        ]
        assert all("Origin" not in answer.text and answer.status_code != 403 for answer in answers)
    request = venue.signer.request("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"}, TRADER)
    request.headers["Origin"] = "http://evil.com"
    assert venue.client.send(request).status_code == 200
