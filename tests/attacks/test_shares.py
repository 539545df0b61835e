"""What all accounts share: nobody takes the others' share, and who has his own is told so."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from engine_core.administration.client import admin
from engine_core.wire.codes import CommandKind
from tests.attacks.conftest import PROXY, client_at
from tests.attacks.test_users import KEYS, PASSWORD, SESSION, browser, enter, sign_up
from tests.exchange import eventually
from tests.folders import short_folder
from tests.ingress.fakes import READER, TRADER
from tests.ingress.sessions import Trader, logon, trading
from tests.venue import ADMIN, Venue, open_venue

pytestmark = pytest.mark.timeout(600)

ACCOUNTS, ORDERS, ENTRIES = 16, 1024, 64
ORDER = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "quantity": "1"}


def own(size: int) -> int:
    return size // (2 * ACCOUNTS)


def most(size: int) -> int:
    """Its own share and a sixteenth of the pool."""
    return own(size) + (size - own(size) * ACCOUNTS) // 16


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """An exchange with little room, which is divided."""
    sockets = short_folder()
    changes = {"accounts": ACCOUNTS, "orders": ORDERS, "keys": ENTRIES, "timers": ENTRIES, "logins_per_minute": 6_000}
    with open_venue(tmp_path_factory.mktemp("small"), sockets, 2, changes, EXCHANGE_TRUSTED_PROXIES=PROXY) as opened:
        opened.gateway.execute(admin(CommandKind.SHARES, code=1))
        yield opened
    shutil.rmtree(sockets, ignore_errors=True)


def place(venue: Venue, number: int, key: Any) -> httpx.Response:
    """At a price of its own."""
    return venue.send("POST", "/api/v1/order", "orderExecute", ORDER | {"price": f"{number + 1}"}, key)


def test_one_account_cannot_take_every_price(small: Venue) -> None:
    answers = [place(small, number, TRADER) for number in range(most(ORDERS) + 3)]
    assert [answer.status_code for answer in answers] == [200] * most(ORDERS) + [400] * 3
    told = answers[-1].json()
    assert (told["code"], "share of all open orders" in told["message"]) == ("ORDER_LIMIT", True)
    batch = [ORDER | {"price": f"{200 + number}"} for number in range(3)]
    refused = small.send("POST", "/api/v1/orders", "orderExecute", batch, TRADER).json()
    assert {item["code"] for item in refused} == {"ORDER_LIMIT"}
    assert [place(small, 500 + number, READER).status_code for number in range(own(ORDERS))] == [200] * own(ORDERS)


def make_key(page: httpx.Client) -> httpx.Response:
    return page.post(KEYS, json={"permissions": ["read"], "password": PASSWORD})


def test_one_account_cannot_take_every_key(small: Venue) -> None:
    """A revoked key gives its place back, to its account and to all."""
    with browser(small) as hoarder, browser(small) as other:
        sign_up(hoarder)
        made = [make_key(hoarder) for _ in range(most(ENTRIES) + 1)]
        assert [answer.status_code for answer in made] == [200] * most(ENTRIES) + [400]
        told = made[-1].json()
        assert (told["code"], "share of API keys" in told["message"]) == ("INVALID_CLIENT_REQUEST", True)
        for _ in range(ENTRIES):
            key = made[0].json()["apiKey"]
            assert hoarder.request("DELETE", KEYS, json={"apiKey": key}).status_code == 200
            made[0] = make_key(hoarder)
            assert made[0].status_code == 200
        sign_up(other)
        assert [make_key(other).status_code for _ in range(own(ENTRIES))] == [200] * own(ENTRIES)


async def test_one_account_cannot_take_every_timer(small: Venue) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(most(ENTRIES)):
            await stack.enter_async_context(trading(small.port, TRADER, cancelOnDisconnect=True))
        one_more: Trader = await stack.enter_async_context(trading(small.port, None))
        told = await one_more.ask("session.logon", logon(TRADER, cancelOnDisconnect=True))
        assert (told["status"], told["error"]["code"]) == (400, "ORDER_LIMIT"), told
        assert "share of timers" in told["error"]["message"]
        await stack.enter_async_context(trading(small.port, READER, cancelOnDisconnect=True))


def test_a_sign_up_that_is_refused_keeps_no_name(small: Venue) -> None:
    """All accounts but the last ones, which are for an administrator, are taken by sign-ups."""
    with client_at(small, PROXY) as client:
        for number in range(ACCOUNTS):
            client.headers["X-Forwarded-For"] = f"100.65.0.{number + 1}"
            answer = enter(client, f"{SESSION}/signup", f"shares{number}")
            if answer.status_code != 200:
                break
        assert (answer.status_code, answer.json()["code"]) == (503, "MAINTENANCE")
        again = enter(client, f"{SESSION}/signup", f"shares{number}")  # not "This name is taken"
        assert (again.status_code, "too many accounts" in again.json()["message"]) == (503, True)
        assert enter(client, SESSION, f"shares{number}").status_code == 401
        assert enter(client, SESSION, "shares0").status_code == 200
    made = small.send("POST", "/api/v1/admin/account", "adminAccountCreate", {}, ADMIN)
    assert made.status_code == 200
    assert place(small, 700, READER).status_code == 200, "who has an account goes on"


def operator(venue: Venue, *words: str) -> str:
    command = [sys.executable, "-m", "engine_core.cli", *words, "--data", str(venue.folder)]
    done = subprocess.run(command, env=os.environ | venue.environment, capture_output=True, text=True, timeout=120)
    assert done.stdout, done.stderr
    return done.stdout


def test_the_operator_is_warned(small: Venue) -> None:
    """After the sign-ups: the log of the engine and `exchange status` say what fills."""
    log, said = small.folder / "engine_core.runtime.log", "accounts are filling: "
    assert eventually(log.read_text, lambda text: said in text, "the log of the engine").count(said) == 1
    # An engine that takes long for an answer is not waited for, and its tables are left out.
    eventually(lambda: operator(small, "status"), lambda text: f"WARNING {said}" in text, "exchange status")
    tables = eventually(lambda: json.loads(operator(small, "status", "--json"))["tables"], bool, "the tables")
    assert tables["accounts"]["used"] >= 0.8 * tables["accounts"]["size"]
