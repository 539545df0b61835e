"""Users, their keys and withdrawals, and the administrator, on real processes with two ingress workers."""

import asyncio
import base64
import itertools
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from nacl.signing import SigningKey
from websockets.asyncio.client import connect

from tests.egress.rig import signature
from tests.ingress.answers import error_of
from tests.ingress.fakes import READER_ACCOUNT, TRADER, Signer
from tests.processes import free_port, process
from tests.venue import ADMIN, Venue

pytestmark = pytest.mark.timeout(300)

SESSION, KEYS, ADMINISTRATION = "/api/v1/session", "/api/v1/keys", "/api/v1/admin"
PASSWORD = "correct horse"
_names = itertools.count(1)


@pytest.fixture
def page(venue: Venue) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{venue.port}", timeout=30, verify=False) as client:
        yield client
        leave_nothing_open(client)


@pytest.fixture
def other_page(venue: Venue) -> Iterator[httpx.Client]:
    """A browser that talks to the other worker."""
    with httpx.Client(base_url=f"http://127.0.0.1:{venue.ports[1]}", timeout=30, verify=False) as client:
        yield client
        leave_nothing_open(client)


def leave_nothing_open(client: httpx.Client) -> None:
    """The exchange is shared with other modules, which look at its book."""
    if "session" in client.cookies:
        assert client.request("DELETE", "/api/v1/orders", json={"symbol": "SOL_USDC"}).status_code in (200, 401, 403)


def new_name() -> str:
    return f"user{next(_names)}.{time.time_ns() % 10**9}"


def enter(client: httpx.Client, path: str, name: str, password: str = PASSWORD) -> dict[str, Any]:
    response = client.post(path, json={"name": name, "password": password})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    client.headers["X-CSRF-Token"] = answer["csrfToken"]
    return answer


def sign_up(client: httpx.Client) -> tuple[str, dict[str, Any]]:
    name = new_name()
    return name, enter(client, f"{SESSION}/signup", name)


def eventually(ask: Callable[[], bool]) -> None:
    """Within a second as a rule; a machine that is full of tests may take longer."""
    deadline = time.monotonic() + 30
    while not ask():
        assert time.monotonic() < deadline, "still not so after 30 s"


def administer(venue: Venue, method: str, path: str, instruction: str, body: Any, key: SigningKey = ADMIN) -> Any:
    response = venue.send(method, f"{ADMINISTRATION}/{path}", instruction, body, key)
    assert response.status_code == 200, response.text
    return response.json()


def test_sign_up_trade_log_out_and_in_again_on_the_other_worker(page: httpx.Client, other_page: httpx.Client) -> None:
    name, session = sign_up(page)
    assert session["name"] == name
    assert page.get("/api/v1/capital").json()["USDC"]["available"] == "100000"  # a gift of the demo profile
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "90", "quantity": "1"}
    placed = page.post("/api/v1/order", json=order)
    assert placed.status_code == 200, placed.text
    stolen = {"Cookie": f"session={page.cookies['session']}"}
    assert page.request("DELETE", SESSION).status_code == 200
    assert not page.cookies
    for client in (page, other_page):  # the cookie is worth nothing any more, wherever a copy is
        assert error_of(client.get("/api/v1/capital", headers=stolen)) == (401, "UNAUTHORIZED")
    again = enter(other_page, SESSION, name.upper())
    assert again["account"] == session["account"]
    assert [each["id"] for each in other_page.get("/api/v1/orders").json()] == [placed.json()["id"]]
    known = other_page.get(SESSION).json()
    assert (known["name"], known["csrfToken"]) == (name, again["csrfToken"])


def test_each_user_has_an_account_of_its_own(page: httpx.Client, other_page: httpx.Client) -> None:
    accounts = {sign_up(client)[1]["account"] for client in (page, other_page, page, other_page)}
    assert len(accounts) == 4
    assert min(accounts) > 6


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(page: httpx.Client) -> None:
    credentials = {"name": new_name(), "password": PASSWORD}
    here = page.post(f"{SESSION}/signup", json=credentials)
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(here.headers["set-cookie"].split("; "))
    assert "Secure" not in here.headers["set-cookie"]  # plain HTTP never leaves this machine
    abroad = page.post(SESSION, json=credentials, headers={"Host": "exchange.example"})
    assert "Secure" in abroad.headers["set-cookie"].split("; ")
    foreign = page.post(SESSION, json=credentials, headers={"Origin": "https://evil.example"})
    assert error_of(foreign) == (403, "FORBIDDEN")


@pytest.mark.parametrize("path", [SESSION, KEYS])
def test_a_change_needs_the_csrf_token(page: httpx.Client, path: str) -> None:
    sign_up(page)
    for token in (None, "", "0" * 64):
        page.headers.pop("X-CSRF-Token", None)
        headers = {} if token is None else {"X-CSRF-Token": token}
        assert error_of(page.request("DELETE", path, headers=headers, json={"apiKey": "x"})) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "ab", "password": PASSWORD},
        {"name": "a b c", "password": PASSWORD},
        {"name": "_abc", "password": PASSWORD},
        {"name": "x" * 33, "password": PASSWORD},
        {"name": "abcdef", "password": "short"},
        {"name": "abcdef", "password": "x" * 257},
        {"name": "abcdef", "password": 12345678},
        {"name": "abcdef"},
        {"name": "abcdef", "password": PASSWORD, "account": 2},
        {"name": "abc\u0000def", "password": PASSWORD},
    ],
)
def test_what_no_user_can_be(page: httpx.Client, body: dict[str, Any]) -> None:
    assert error_of(page.post(f"{SESSION}/signup", json=body)) == (400, "INVALID_CLIENT_REQUEST")


def test_wrong_passwords_unknown_names_and_taken_ones(page: httpx.Client) -> None:
    name, _ = sign_up(page)
    wrong = page.post(SESSION, json={"name": name, "password": "something else"})
    unknown = page.post(SESSION, json={"name": new_name(), "password": PASSWORD})
    assert error_of(wrong) == error_of(unknown) == (401, "UNAUTHORIZED")
    assert wrong.json() == unknown.json()
    taken = page.post(f"{SESSION}/signup", json={"name": name.upper(), "password": PASSWORD})
    assert error_of(taken) == (400, "INVALID_CLIENT_REQUEST")


def test_a_key_of_the_user_works_and_is_revoked_in_every_worker(
    venue: Venue, page: httpx.Client, other_page: httpx.Client
) -> None:
    _, session = sign_up(page)
    made = page.post(KEYS, json={"permissions": ["read"], "password": PASSWORD}).json()
    own = SigningKey(b"own key of user 7" + b"." * 15)
    given = page.post(
        KEYS, json={"permissions": ["trade", "read"], "publicKey": _public(own), "password": PASSWORD}
    ).json()
    assert given == {
        **{"apiKey": _public(own), "permissions": ["read", "trade"], "name": ""},
        **{"secret": None, "withdrawsFrom": None},
    }
    assert {key["apiKey"] for key in page.get(KEYS).json()} == {made["apiKey"], given["apiKey"]}
    key = SigningKey(_bytes(made["secret"]))

    def answers(client: httpx.Client) -> int:
        return client.send(Signer(client).request("GET", "/api/v1/capital", "balanceQuery", None, key)).status_code

    with (
        httpx.Client(base_url=page.base_url, timeout=30, verify=False) as one,
        httpx.Client(base_url=other_page.base_url, timeout=30, verify=False) as two,
    ):
        for client in (one, two):
            eventually(lambda client=client: answers(client) == 200)  # type: ignore[misc]
        order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "90", "quantity": "1"}
        refused = one.send(Signer(one).request("POST", "/api/v1/order", "orderExecute", order, key))
        assert error_of(refused) == (403, "FORBIDDEN")
        assert page.request("DELETE", KEYS, json={"apiKey": made["apiKey"]}).status_code == 200
        for client in (one, two):
            eventually(lambda client=client: answers(client) == 401)  # type: ignore[misc]
    assert [each["apiKey"] for each in page.get(KEYS).json()] == [given["apiKey"]]
    again = page.post(KEYS, json={"permissions": ["read"], "publicKey": made["apiKey"], "password": PASSWORD})
    assert error_of(again) == (400, "INVALID_CLIENT_REQUEST")
    assert session["account"] > 6


def test_a_key_has_a_name_and_times(venue: Venue, page: httpx.Client, other_page: httpx.Client) -> None:
    began_ms = int(time.time() * 1000)
    name, _ = sign_up(page)
    enter(other_page, SESSION, name)
    made = page.post(KEYS, json={"name": "grid bot 🤖", "permissions": ["read"], "password": PASSWORD}).json()
    unnamed = page.post(KEYS, json={"permissions": ["read"], "password": PASSWORD}).json()
    assert (made["name"], unnamed["name"]) == ("grid bot 🤖", "")
    key = SigningKey(_bytes(made["secret"]))

    def known(client: httpx.Client, member: str) -> int | None:
        (found,) = [each for each in client.get(KEYS).json() if each["apiKey"] == made["apiKey"]]
        assert found["name"] == "grid bot 🤖"
        value = found[member]
        assert value is None or began_ms - 1000 <= value <= time.time() * 1000
        return value

    for client in (page, other_page):
        eventually(lambda client=client: known(client, "createdAt") is not None)  # type: ignore[misc]
        assert known(client, "lastUsedAt") is None, "it was not used"
    with httpx.Client(base_url=other_page.base_url, timeout=30, verify=False) as bot:
        signed = Signer(bot).request("GET", "/api/v1/capital", "balanceQuery", None, key)
        eventually(lambda: bot.send(signed).status_code == 200)
    for client in (page, other_page):
        eventually(lambda client=client: known(client, "lastUsedAt") is not None)  # type: ignore[misc]
    others = [each for each in page.get(KEYS).json() if each["apiKey"] == unnamed["apiKey"]]
    assert [(each["name"], each["lastUsedAt"]) for each in others] == [("", None)]


@pytest.mark.parametrize("name", ["x" * 41, " bot", "bot ", "a\nb", "a\u202eb", "\u0000", " ", 7, ["bot"]])
def test_what_no_key_is_called(page: httpx.Client, name: object) -> None:
    sign_up(page)
    refused = page.post(KEYS, json={"name": name, "permissions": ["read"], "password": PASSWORD})
    assert error_of(refused) == (400, "INVALID_CLIENT_REQUEST")
    assert page.get(KEYS).json() == []


def test_nobody_renames_or_delays_the_key_of_another(page: httpx.Client, other_page: httpx.Client) -> None:
    """Public keys are no secret: whoever knows one may try to register it, too."""
    sign_up(page)
    made = page.post(KEYS, json={"name": "mine", "permissions": ["read"], "password": PASSWORD}).json()
    sign_up(other_page)
    body = {"publicKey": made["apiKey"], "name": "yours", "permissions": ["read"], "password": PASSWORD}
    eventually(lambda: error_of(other_page.post(KEYS, json=body)) == (400, "INVALID_CLIENT_REQUEST"))
    assert [each["name"] for each in page.get(KEYS).json()] == ["mine"]
    assert other_page.get(KEYS).json() == []


def test_a_key_cannot_make_keys(venue: Venue) -> None:
    for method, body in (("GET", None), ("POST", {"permissions": ["read"]}), ("DELETE", {"apiKey": "x"})):
        assert error_of(venue.send(method, KEYS, "keys", body)) == (401, "UNAUTHORIZED")


def _public(key: SigningKey) -> str:
    return base64.b64encode(bytes(key.verify_key)).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def test_a_request_is_executed_by_one_worker_only(venue: Venue) -> None:
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "91", "quantity": "1"}
    request = venue.signer.request("POST", "/api/v1/order", "orderExecute", order)
    first = venue.client.send(request)
    url = f"http://127.0.0.1:{venue.ports[1]}/api/v1/order"
    replayed = httpx.post(url, headers=request.headers, content=request.content, timeout=30, verify=False)
    assert first.status_code == 200
    assert error_of(replayed) == (409, "DUPLICATE_REQUEST")
    gone = venue.send("DELETE", "/api/v1/order", "orderCancel", {"symbol": "SOL_USDC", "orderId": first.json()["id"]})
    assert gone.status_code == 200


def test_an_administrator_makes_an_account_that_trades(venue: Venue) -> None:
    number = administer(venue, "POST", "account", "adminAccountCreate", {})["account"]
    key = SigningKey(number.to_bytes(32, "little"))
    body = {"account": number, "apiKey": _public(key), "permissions": ["read", "trade"], "name": "desk 3"}
    assert administer(venue, "POST", "keys", "adminKeyCreate", body)["name"] == "desk 3"
    (shown,) = administer(venue, "PATCH", "account", "adminAccountUpdate", {"account": number})["keys"]
    assert (shown["apiKey"], shown["name"]) == (_public(key), "desk 3")
    reference = time.time_ns() % 2**62
    moved = {"account": number, "symbol": "USDC", "quantity": "500", "reference": reference}
    assert administer(venue, "POST", "deposits", "adminDeposit", moved)["available"] == "500"
    repeat = venue.send("POST", f"{ADMINISTRATION}/deposits", "adminDeposit", moved, ADMIN)
    assert error_of(repeat) == (400, "INVALID_CLIENT_REQUEST")
    assert administer(venue, "POST", "withdrawals", "adminWithdraw", moved | {"quantity": "100"})["available"] == "400"
    (deposit,) = venue.send("GET", "/wapi/v1/capital/deposits", "depositQueryAll", None, key).json()
    assert (deposit["quantity"], deposit["source"]) == ("500", "administrator")
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "92", "quantity": "1"}
    placed = venue.send("POST", "/api/v1/order", "orderExecute", order, key)
    assert placed.status_code == 200
    shown = administer(venue, "PATCH", "account", "adminAccountUpdate", {"account": number, "frozen": True})
    assert (shown["frozen"], shown["balances"]["USDC"]["locked"]) == (True, "92")
    assert error_of(venue.send("POST", "/api/v1/order", "orderExecute", order, key)) == (403, "ACCOUNT_DEACTIVATED")
    cancel = {"symbol": "SOL_USDC", "orderId": placed.json()["id"]}
    assert venue.send("DELETE", "/api/v1/order", "orderCancel", cancel, key).status_code == 200
    administer(venue, "PATCH", "account", "adminAccountUpdate", {"account": number, "frozen": False})
    administer(venue, "DELETE", "keys", "adminKeyDelete", {"apiKey": _public(key)})
    eventually(lambda: venue.send("GET", "/api/v1/capital", "balanceQuery", None, key).status_code == 401)


def test_fee_tiers_and_market_states(venue: Venue) -> None:
    fees = {"symbol": "BTC_USDC", "tier": 3, "makerPpm": 10, "takerPpm": 40}
    assert administer(venue, "PATCH", "fees", "adminFeesUpdate", fees) == fees
    tier = {"account": READER_ACCOUNT, "feeTier": 3}
    assert administer(venue, "PATCH", "account", "adminAccountUpdate", tier)["feeTier"] == 3
    administer(venue, "PATCH", "account", "adminAccountUpdate", tier | {"feeTier": 0})
    order = {"symbol": "BTC_USDC", "side": "Bid", "orderType": "Limit", "price": "100", "quantity": "1"}
    state = {"symbol": "BTC_USDC", "state": "CancelOnly"}
    assert administer(venue, "PATCH", "market", "adminMarketUpdate", state)["orderBookState"] == "CancelOnly"
    assert error_of(venue.send("POST", "/api/v1/order", "orderExecute", order)) == (503, "TRADING_PAUSED")
    market = venue.client.get("/api/v1/market?symbol=BTC_USDC").json()
    assert market["orderBookState"] == "CancelOnly"
    administer(venue, "PATCH", "market", "adminMarketUpdate", state | {"state": "Open"})


@pytest.mark.parametrize(
    ("method", "path", "instruction", "body"),
    [
        ("POST", "deposits", "adminDeposit", {"account": 99_999, "symbol": "USDC", "quantity": "1"}),
        ("GET", "account", "adminAccountQuery", {"account": "99999"}),
        ("DELETE", "keys", "adminKeyDelete", {"apiKey": "A" * 43 + "="}),
    ],
)
def test_what_an_administrator_looks_for_in_vain(
    venue: Venue, method: str, path: str, instruction: str, body: dict[str, Any]
) -> None:
    response = venue.send(method, f"{ADMINISTRATION}/{path}", instruction, body, ADMIN)
    assert error_of(response) == (404, "RESOURCE_NOT_FOUND")


def test_several_orders_are_cancelled_by_their_ids(venue: Venue) -> None:
    order = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "93", "quantity": "1"}
    batch = [order | {"clientId": number} for number in (9001, 9002, 9003)]
    placed = venue.send("POST", "/api/v1/orders", "orderExecute", batch).json()
    body = {"symbol": "SOL_USDC", "orderIds": [placed[0]["id"], "999999999"], "clientIds": [9002]}
    text = json.dumps(body, separators=(",", ":"))
    signed = {**body, "orderIds": _compact(body["orderIds"]), "clientIds": _compact(body["clientIds"])}
    cancel = ("POST", "/api/v1/orders/cancel", "orderCancel")
    request = venue.signer.request(*cancel, signed, TRADER, content=text.encode())
    answers = venue.client.send(request).json()
    assert [answer["operation"] for answer in answers] == ["Ok", "Err", "Ok"]
    assert [answer.get("status") for answer in answers] == ["Cancelled", None, "Cancelled"]
    assert answers[1]["code"] == "RESOURCE_NOT_FOUND"
    left = venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"}).json()
    assert [each["clientId"] for each in left] == [9003]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


async def test_a_log_out_and_a_revoked_key_end_the_streams_of_every_egress(
    venue: Venue, page: httpx.Client, tmp_path: Path
) -> None:
    _, session = sign_up(page)
    made = page.post(KEYS, json={"permissions": ["read"], "password": PASSWORD}).json()
    key, port = SigningKey(_bytes(made["secret"])), free_port()
    with process("egress", venue.environment | {"EXCHANGE_WS_PORT": str(port)}, tmp_path):
        url = f"ws://127.0.0.1:{port}/ws"
        opened = partial(connect, url, proxy=None, open_timeout=60)
        async with opened() as of_page, opened() as of_key:
            streams = {"method": "SUBSCRIBE", "params": ["account.orderUpdate"], "id": 1}
            await of_page.send(json.dumps(streams | {"session": session["streamToken"]}))
            await of_key.send(json.dumps(streams | {"signature": signature(0, key=key)}))
            for socket in (of_page, of_key):
                assert json.loads(await socket.recv()) == {"id": 1, "result": None}
            assert page.request("DELETE", KEYS, json={"apiKey": made["apiKey"]}).status_code == 200
            assert page.request("DELETE", SESSION).status_code == 200
            for socket in (of_page, of_key):
                async with asyncio.timeout(30):
                    await socket.wait_closed()
                assert "revoked, its session ended, or its account frozen" in str(socket.close_reason)
        async with opened() as again:
            await again.send(json.dumps(streams | {"session": session["streamToken"]}))
            assert json.loads(await again.recv())["error"]["code"] == 4005
