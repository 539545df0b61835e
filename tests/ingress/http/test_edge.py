"""Whatever is sent, an answer that is not 2xx has a code and a message, and nothing else happened."""

import gzip
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine_core.edge.refusals import Code, code_of_status
from engine_core.wire.codes import QueryKind
from ingress.api.routes import ROUTES
from ingress.http.asgi import MAX_BODY
from tests.ingress.answers import error_of
from tests.ingress.fakes import Exchange


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "RESOURCE_NOT_FOUND"),
        ("POST", "/api/v1/nothing", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/nothing", 404, "RESOURCE_NOT_FOUND"),
        ("GET", "/api/v1/order/", 404, "RESOURCE_NOT_FOUND"),
        ("PUT", "/api/v1/order", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/api/v1/time", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1/depth", 400, "INVALID_CLIENT_REQUEST"),
        ("GET", "/api/v1/depth?symbol=X_Y", 400, "INVALID_MARKET"),
        ("GET", "/api/v1/market?symbol=X_Y", 400, "INVALID_SYMBOL"),
        ("GET", "/api/v1/depth?symbol=SOL_USDC&limit=0", 400, "INVALID_CLIENT_REQUEST"),
        ("GET", "/api/v1/depth?symbol=SOL_USDC&limit=ten", 400, "INVALID_CLIENT_REQUEST"),
        ("GET", "/api/v1/depth?symbol=SOL_USDC&symbol=BTC_USDC", 400, "INVALID_CLIENT_REQUEST"),
        ("GET", "/api/v1/depth?symbol=%ff", 400, "INVALID_CLIENT_REQUEST"),
        ("GET", "/api/v1/trades?symbol=SOL_USDC&limit=1001", 400, "INVALID_CLIENT_REQUEST"),
        ("GET", "/api/v1/ticker?symbol=SOL_USDC&interval=2d", 400, "INVALID_CLIENT_REQUEST"),
        ("GET", "/api/v1/klines?symbol=SOL_USDC&interval=1m", 400, "INVALID_CLIENT_REQUEST"),
        ("GET", "/api/v1/klines?symbol=SOL_USDC&interval=7m&startTime=1", 400, "INVALID_CLIENT_REQUEST"),
        ("GET", "/api/v1/klines?symbol=SOL_USDC&interval=1m&startTime=99999999999999", 400, "INVALID_CLIENT_REQUEST"),
        ("GET", "/api/v1/klines?symbol=SOL_USDC&interval=1m&startTime=9&endTime=8", 400, "INVALID_RANGE"),
        ("GET", "/api/v1/markets?marketType=SHOES", 400, "INVALID_CLIENT_REQUEST"),
    ],
)
async def test_errors(exchange: Exchange, method: str, path: str, status: int, code: str) -> None:
    assert error_of(await exchange.client.request(method, path)) == (status, code)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"{" * 50_000, b'{"a":1,"a":2}', b"NaN"]
)
@pytest.mark.parametrize("route", [("POST", "/api/v1/order"), ("DELETE", "/api/v1/orders"), ("PATCH", "/api/v1/order")])
async def test_bodies_that_are_none(exchange: Exchange, route: tuple[str, str], body: bytes) -> None:
    """Of somebody with a key; a stranger's body is not read."""
    assert error_of(await exchange.signed(*route, "any", content=body)) == (400, "INVALID_CLIENT_REQUEST")
    assert error_of(await exchange.client.request(*route, content=body)) == (401, "UNAUTHORIZED")
    assert exchange.gateway.commands == []


@pytest.mark.parametrize("path", ["/api/v1/order", "/api/v1/orders/cancelAfter", "/api/v1/nothing"])
async def test_a_body_over_the_limit(exchange: Exchange, path: str) -> None:
    response = await exchange.client.post(path, content=b"x" * (MAX_BODY + 1))
    assert error_of(response) == (413, "REQUEST_TOO_LARGE")
    assert response.headers["connection"] == "close"


async def test_a_bug_is_a_500_that_tells_nothing(exchange: Exchange) -> None:
    exchange.gateway.records[QueryKind.BALANCES] = RuntimeError("secret detail")
    response = await exchange.signed("GET", "/api/v1/capital", "balanceQuery")
    assert error_of(response) == (500, "SERVER_ERROR")
    assert "secret" not in response.text


async def test_history_that_is_down_is_a_503(exchange: Exchange) -> None:
    exchange.history.available = False
    response = await exchange.client.get("/api/v1/klines?symbol=SOL_USDC&interval=1m&startTime=1")
    assert error_of(response) == (503, "MAINTENANCE")
    assert response.headers["retry-after"] == "1"


def test_every_code_has_a_status_in_the_error_range() -> None:
    assert all(400 <= code.status < 600 for code in Code)
    assert code_of_status(418) is Code.INVALID_CLIENT_REQUEST
    assert code_of_status(502) is Code.SERVER_ERROR
    assert code_of_status(404) is Code.RESOURCE_NOT_FOUND


@pytest.mark.parametrize("path", ["/api/v1/order", "/api/v1/capital", "/api/v1/depth"])
async def test_cors(exchange: Exchange, path: str) -> None:
    preflight = await exchange.client.options(
        path,
        headers={
            "Origin": "https://bot.example",
            "Access-Control-Request-Method": "DELETE",
            "Access-Control-Request-Headers": "x-api-key, x-signature, x-timestamp, x-window, content-type",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "x-signature" in preflight.headers["access-control-allow-headers"].lower()
    assert "DELETE" in preflight.headers["access-control-allow-methods"]
    asked = {"origin": "https://x.example", "access-control-request-method": "PUT"}
    refused = await exchange.client.options("/api/v1/order", headers=asked)
    assert refused.status_code == 400 and "Disallowed CORS method" in refused.json()["message"]
    answer = await exchange.client.get(path, headers={"Origin": "https://bot.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert "X-TOTAL" in answer.headers["access-control-expose-headers"]


async def test_the_document_describes_every_route(exchange: Exchange) -> None:
    document: dict[str, Any] = (await exchange.client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.method, route.path) for route in ROUTES}
    references = str(document).split("#/components/schemas/")[1:]
    assert {reference.partition("'")[0] for reference in references} <= set(document["components"]["schemas"])


async def test_the_documentation_needs_no_other_host(exchange: Exchange) -> None:
    page = await exchange.client.get("/docs/reference")
    assert page.status_code == 200
    assert "https://" not in page.text
    assert (await exchange.client.get("/static-offline-docs/swagger-ui-bundle.js")).status_code == 200


@pytest.fixture
def dist(exchange: Exchange) -> Path:
    folder = exchange.service.config.page
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets" / "index-1a2b.js").write_text("export {}")
    (folder.parent / "secret.txt").write_text("secret")
    return folder


async def test_without_a_page_a_plain_message_says_how_to_build_it(exchange: Exchange) -> None:
    response = await exchange.client.get("/")
    assert response.status_code == 200
    assert "npm run build" in response.text


@pytest.mark.usefixtures("dist")
async def test_the_page(exchange: Exchange) -> None:
    page = await exchange.client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self' ws://127.0.0.1:8081" in policy
    assert "unsafe" not in policy
    ipv6 = await exchange.client.get("/", headers={"Host": "[::1]:8080"})  # which no source of a policy can name
    assert "connect-src 'self' ws:;" in ipv6.headers["content-security-policy"]
    again = await exchange.client.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    script = await exchange.client.get("/assets/index-1a2b.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["cache-control"]


async def test_a_compressed_copy_goes_to_who_takes_it(exchange: Exchange, dist: Path) -> None:
    (dist / "assets" / "index-1a2b.js.gz").write_bytes(gzip.compress(b"export {}"))
    for accepted, encoding in (("gzip, br", "gzip"), ("identity", None)):
        script = await exchange.client.get("/assets/index-1a2b.js", headers={"Accept-Encoding": accepted})
        assert script.headers.get("content-encoding") == encoding
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert script.headers["vary"] == "Accept-Encoding"
        assert script.text == "export {}"


@pytest.mark.usefixtures("dist")
@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/assets", "/a%00b", "/" + "x" * 5000],
)
async def test_only_the_pages_own_files_are_served(exchange: Exchange, path: str) -> None:
    response = await exchange.client.get(httpx.URL("http://127.0.0.1:8080").copy_with(raw_path=path.encode()))
    assert error_of(response) == (404, "RESOURCE_NOT_FOUND")


@pytest.mark.usefixtures("dist")
async def test_a_strange_host_adds_nothing_to_the_policy(exchange: Exchange) -> None:
    page = await exchange.client.get("/", headers={"Host": "x; script-src *"})
    assert "connect-src 'self';" in page.headers["content-security-policy"]
    assert "script-src *" not in page.headers["content-security-policy"]
