"""The page behind a proxy: TLS ends there, its streams are at the same door, and demo sessions are for this machine."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine_core.config.addresses import TrustedProxies
from tests.ingress.fakes import Exchange, open_exchange

APP = Path(__file__).resolve().parents[3] / "frontend" / "src" / "app" / "App.tsx"
SESSION = "/api/v1/session"
TLS = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https", "Host": "trading.example"}


@pytest_asyncio.fixture
async def proxied(tmp_path: Path) -> AsyncIterator[Exchange]:
    """The test's client is the proxy."""
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "index.html").write_text("<title>page</title>")
    opened = await open_exchange(tmp_path / "dist", proxies=TrustedProxies(("127.0.0.1",)))
    yield opened
    await opened.close()


def streams_of(policy: str) -> str:
    return next(rule for rule in policy.split("; ") if rule.startswith("connect-src")).removeprefix("connect-src ")


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        (TLS, "wss://trading.example"),
        (TLS | {"Host": "trading.example:8443"}, "wss://trading.example:8443"),
        (TLS | {"X-Forwarded-Proto": "http"}, "ws://trading.example"),
        (TLS | {"Host": "[2001:db8::1]:8443"}, "wss://[2001:db8::1]:8443"),
    ],
)
async def test_streams_are_at_the_proxys_door(proxied: Exchange, headers: dict[str, str], url: str) -> None:
    config = (await proxied.client.get(f"{SESSION}/config", headers=headers)).json()
    assert config["wsUrl"] == f"{url}/ws"
    for path in ("/", "/docs/reference"):
        page = await proxied.client.get(path, headers=headers)
        source = "wss:" if "[" in url else url  # no source of a policy can name an IPv6 address
        assert streams_of(page.headers["content-security-policy"]) == f"'self' {source}"


async def test_each_address_of_the_page_is_served(proxied: Exchange) -> None:
    addresses = [*re.findall(r'<Route path="([^"]+)"', APP.read_text()), "/trade/SOL_USDC"]
    assert {"/", "/markets", "/status"} <= {*addresses}
    for path in addresses:
        answer = await proxied.client.get(path, headers=TLS)
        assert (answer.status_code, answer.text) == (200, "<title>page</title>"), path
        if path != "/":
            assert (await proxied.client.get(f"{path}/", headers=TLS)).text == answer.text, path


@pytest.mark.parametrize(
    "path",
    [
        *("/nowhere", "/trades", "/trade/a/b", "/trade/a.b", "/Markets", "/markets//", "/assets/none.js"),
        *("/trade/NOPE_USDC", "/trade/NOPE_USDC/"),
    ],
)
async def test_where_there_is_no_page_readers_are_told_by_it_and_programs_in_json(proxied: Exchange, path: str) -> None:
    read = await proxied.client.get(path, headers=TLS | {"Accept": "text/html,*/*;q=0.8"})
    assert (read.status_code, read.text) == (404, "<title>page</title>")
    assert "default-src 'none'" in read.headers["content-security-policy"]
    told = await proxied.client.get(path, headers=TLS)
    assert told.status_code == 404 and told.json()["code"] == "RESOURCE_NOT_FOUND"


@pytest.mark.parametrize("path", ["/docs/reference", "/docs/explained.json", "/openapi.json", "/asyncapi.json"])
async def test_what_is_beside_the_page_is_there_for_readers_too(proxied: Exchange, path: str) -> None:
    read = await proxied.client.get(path, headers=TLS | {"Accept": "text/html,*/*;q=0.8"})
    told = await proxied.client.get(path, headers=TLS)
    assert (read.status_code, read.headers["content-type"]) == (200, told.headers["content-type"])


async def test_without_a_proxy_they_have_a_port_of_their_own(exchange: Exchange) -> None:
    claims = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"}
    config = (await exchange.client.get(f"{SESSION}/config", headers=claims)).json()
    assert config["wsUrl"] == "ws://127.0.0.1:8081/ws"


@pytest.mark.parametrize("host", ["a b", "x'; script-src *", "[::1", "", "a.example:port"])
async def test_a_malformed_host_gets_no_streams(proxied: Exchange, host: str) -> None:
    page = await proxied.client.get("/", headers=TLS | {"Host": host})
    rules = page.headers["content-security-policy"]
    assert "script-src 'self';" in rules and ("x'" not in rules)


async def test_the_documentation_has_the_pages_headers(proxied: Exchange) -> None:
    page, docs = [await proxied.client.get(path, headers=TLS) for path in ("/", "/docs/reference")]
    for name in ("content-security-policy", "referrer-policy", "x-content-type-options", "strict-transport-security"):
        assert page.headers[name] == docs.headers[name], name
    assert "<script>" not in docs.text and "style=" not in docs.text, "the policy lets neither run"
    for path in (
        "/docs/reference/start.js",
        "/static-offline-docs/swagger-ui-bundle.js",
        "/static-offline-docs/swagger-ui.css",
    ):
        assert path in docs.text and (await proxied.client.get(path)).status_code == 200
    assert "strict-transport-security" not in (await proxied.client.get("/")).headers


async def test_each_address_of_the_page_is_its_document(proxied: Exchange) -> None:
    root = await proxied.client.get("/")
    for path in (
        "/markets",
        "/portfolio",
        "/orders",
        "/settings",
        "/trade",
        "/trade/SOL_USDC",
        "/trade/sol_usdc",
        "/docs",
        "/status",
    ):
        page = await proxied.client.get(path)
        assert (page.status_code, page.text) == (200, root.text), path
        for name in ("content-type", "content-security-policy", "cache-control", "etag"):
            assert page.headers[name] == root.headers[name], (path, name)
        again = await proxied.client.get(path, headers={"If-None-Match": page.headers["etag"]})
        assert again.status_code == 304, path
        refused = await proxied.client.post(path)
        assert (refused.status_code, "GET" in refused.headers["allow"]) == (405, True), path


async def demo(exchange: Exchange, **headers: str) -> Any:
    exchange.client.cookies.clear()
    return await exchange.client.post(f"{SESSION}/demo", headers=headers)


async def test_the_cookie_over_tls_is_nobody_elses(proxied: Exchange) -> None:
    local = {"X-Forwarded-For": "127.0.0.1", "Host": "localhost"}
    plain = await demo(proxied, **local)
    assert plain.headers["set-cookie"].startswith("session=")
    secure = (await demo(proxied, **local, **{"X-Forwarded-Proto": "https"})).headers["set-cookie"]
    assert secure.startswith("__Host-session=") and "; Secure" in secure and "Path=/" in secure
    token = secure.split(";")[0].partition("=")[2]
    for name, expected in (("__Host-session", 200), ("session", 401)):  # what a neighbour may set is not read
        cookie = {"Cookie": f"{name}={token}", "X-Forwarded-Proto": "https"}
        assert (await proxied.client.get("/api/v1/capital", headers=local | cookie)).status_code == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Forwarded-For": "127.0.0.1", "Host": "localhost"}, 200),
        ({"X-Forwarded-For": "::1", "Host": "[::1]"}, 200),
        ({"X-Forwarded-For": "198.51.100.7", "Host": "localhost"}, 403),
        ({"X-Forwarded-For": "127.0.0.1, 198.51.100.7", "Host": "localhost"}, 403),
        ({"Host": "localhost"}, 403),  # the proxy does not say for whom
        ({"X-Forwarded-For": "unknown", "Host": "localhost"}, 403),
        ({"X-Forwarded-For": "127.0.0.1", "Host": "trading.example"}, 403),
    ],
)
async def test_demo_sessions_behind_a_trusted_proxy(proxied: Exchange, headers: dict[str, str], expected: int) -> None:
    assert (await demo(proxied, **headers)).status_code == expected
    config = (await proxied.client.get(f"{SESSION}/config", headers=headers)).json()
    assert config["demo"] is (expected == 200)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host"])
async def test_demo_sessions_behind_a_proxy_that_nobody_configured(exchange: Exchange, name: str) -> None:
    assert (await demo(exchange, Host="localhost", **{name: "127.0.0.1"})).status_code == 403
    assert (await demo(exchange, Host="localhost")).status_code == 200


async def test_over_tls_the_page_of_plain_http_is_another_one(proxied: Exchange) -> None:
    credentials = {"name": "somebody", "password": "nine green bottles"}
    for scheme, expected in (("http", 403), ("https", 503)):  # there is no database here
        headers = TLS | {"Origin": f"{scheme}://trading.example"}
        assert (await proxied.client.post(SESSION, json=credentials, headers=headers)).status_code == expected
