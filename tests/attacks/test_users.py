"""Users: nobody locks anybody out, and an open browser is not the account."""

import base64
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pyotp
import pytest
from nacl.signing import SigningKey

from tests.attacks.conftest import PROXY, TRIES, WITHDRAW_DELAY_MINUTES, client_at, tried_out
from tests.ingress.fakes import Signer
from tests.venue import ADMIN, Venue

pytestmark = pytest.mark.timeout(300)
SESSION, KEYS, TOTP = "/api/v1/session", "/api/v1/keys", "/api/v1/session/totp"
PASSWORD = "nine green bottles"
_numbers = itertools.count(1)


@contextmanager
def browser(venue: Venue, worker: int = 0) -> Iterator[httpx.Client]:
    """A visitor with an address of its own, behind the proxy."""
    number = next(_numbers)
    with client_at(venue, PROXY, worker) as client:
        client.headers.update(
            {"X-Forwarded-For": f"100.64.{number // 250}.{number % 250 + 1}", "User-Agent": f"b{number}"}
        )
        yield client


def enter(client: httpx.Client, path: str, name: str, **members: Any) -> httpx.Response:
    response = client.post(path, json={"name": name, "password": PASSWORD} | members)
    if response.status_code == 200:
        client.headers["X-CSRF-Token"] = response.json()["csrfToken"]
    return response


def sign_up(client: httpx.Client) -> str:
    name = f"u{next(_numbers)}.{time.time_ns() % 10**9}"
    assert enter(client, f"{SESSION}/signup", name).status_code == 200
    return name


def code_of(totp: pyotp.TOTP, step: int) -> str:
    return str(totp.at(int(time.time()) + 30 * step))


def _around(totp: pyotp.TOTP) -> set[str]:
    return {code_of(totp, step) for step in range(-3, 12)}


def second_factor(client: httpx.Client) -> tuple[pyotp.TOTP, list[str]]:
    """It, and three codes, each good once: of the step before, which confirmed it, of this one, and of the next."""
    begun = client.post(TOTP, json={"password": PASSWORD})
    assert begun.status_code == 200, begun.text
    totp = pyotp.TOTP(begun.json()["secret"])
    assert begun.json()["uri"].startswith("otpauth://totp/")
    wrong = next(code for code in ("123123", "456456", "789789", "321321") if code not in _around(totp))
    assert client.patch(TOTP, json={"code": wrong}).status_code == 401
    while time.time() % 30 > 15:  # the code of the step before is good as long as this one lasts; the others longer
        time.sleep(0.1)
    codes = [code_of(totp, step) for step in (-1, 0, 1)]
    assert client.patch(TOTP, json={"code": codes[0]}).status_code == 200
    return totp, codes


def test_nobody_locks_a_user_out_from_elsewhere(venue: Venue) -> None:
    with browser(venue) as owner, browser(venue) as attacker, browser(venue) as distributed:
        name = sign_up(owner)
        tried_out(lambda _: enter(attacker, SESSION, name, password="a wrong one"))
        for number in range(TRIES):
            distributed.headers["X-Forwarded-For"] = f"100.65.0.{number + 1}"
            assert enter(distributed, SESSION, name, password="a wrong one").status_code == 401
        assert enter(owner, SESSION, name).status_code == 200


def test_wrong_attempts_are_a_penalty_of_the_address_and_right_ones_are_not(venue: Venue) -> None:
    with browser(venue) as office, browser(venue) as other:
        names = [sign_up(other) for _ in range(3)]
        for _ in range(3):  # more than an address may try, if they were wrong
            for name in names * 3:
                assert enter(office, SESSION, name).status_code == 200
        tried_out(lambda number: enter(office, SESSION, f"nobody-{number}"))


@pytest.mark.parametrize("password", ["password123", "Password1!", "aaaaaaaaaaaa"])
def test_passwords_that_are_tried_first_are_refused(venue: Venue, password: str) -> None:
    with browser(venue) as page:
        refused = page.post(f"{SESSION}/signup", json={"name": f"n{next(_numbers)}", "password": password})
        assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_CLIENT_REQUEST")
        named = page.post(f"{SESSION}/signup", json={"name": "frederike", "password": "Frederike-77"})
        assert named.status_code == 400 and "name" in named.json()["message"]


def test_a_session_alone_makes_no_key(venue: Venue) -> None:
    with browser(venue) as page:
        sign_up(page)
        for proof in ({}, {"password": ""}, {"password": "a wrong one"}, {"password": "x" * 300}):
            refused = page.post(KEYS, json={"permissions": ["read"]} | proof)
            assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHORIZED")
        assert page.get(KEYS).json() == []
        assert page.post(KEYS, json={"permissions": ["read"], "password": PASSWORD}).status_code == 200


def test_guesses_with_a_found_session_are_limited(venue: Venue) -> None:
    with browser(venue) as page:
        sign_up(page)
        tried_out(lambda n: page.post(KEYS, json={"permissions": ["read"], "password": f"wrong {n}"}))


def test_a_new_key_may_withdraw_only_after_the_delay(venue: Venue) -> None:
    with browser(venue) as page, browser(venue, 1) as bot:
        sign_up(page)
        own = SigningKey.generate()
        public = {"publicKey": base64.b64encode(bytes(own.verify_key)).decode()}
        made = page.post(KEYS, json={"permissions": ["read", "withdraw"], "password": PASSWORD} | public).json()
        assert made["withdrawsFrom"] > time.time() * 1000 + (WITHDRAW_DELAY_MINUTES - 1) * 60_000
        body = {"symbol": "USDC", "quantity": "1", "address": "account-2", "blockchain": "Internal"}
        for client in (page, bot):
            signed = Signer(client).request(
                "POST", "/wapi/v1/capital/withdrawals", "withdraw", body, own, window=60_000
            )
            refused = client.send(signed)
            assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN"), refused.text
            assert "minutes" in refused.json()["message"]


def test_a_frozen_account_makes_no_keys(venue: Venue) -> None:
    with browser(venue) as page:
        name = sign_up(page)
        account = page.get(SESSION).json()["account"]
        freeze = {"account": account, "frozen": True}
        assert venue.send("PATCH", "/api/v1/admin/account", "adminAccountUpdate", freeze, ADMIN).status_code == 200
        refused = page.post(KEYS, json={"permissions": ["read"], "password": PASSWORD})
        assert (refused.status_code, refused.json()["code"]) == (403, "ACCOUNT_DEACTIVATED"), name


def test_the_second_factor(venue: Venue) -> None:
    with browser(venue) as page, browser(venue, 1) as elsewhere:
        name = sign_up(page)
        assert page.post(TOTP, json={}).status_code == 401, "it asks for the password"
        assert page.get(SESSION).json()["secondFactor"] is False
        _, (confirmed, code, soon) = second_factor(page)
        assert page.get(SESSION).json()["secondFactor"] is True
        without = enter(elsewhere, SESSION, name)
        assert (without.status_code, without.json()["code"]) == (401, "SECOND_FACTOR_REQUIRED")
        unknown = enter(elsewhere, SESSION, name, password="a wrong one", code=code)
        assert unknown.json() == {"code": "UNAUTHORIZED", "message": "Wrong name or password"}
        used = enter(elsewhere, SESSION, name, code=confirmed)
        assert used.status_code == 401, "the code that confirmed it was used"
        assert enter(elsewhere, SESSION, name, code=code).status_code == 200
        assert enter(elsewhere, SESSION, name, code=code).status_code == 401, "each code works once, in all workers"
        assert page.post(KEYS, json={"permissions": ["read"], "password": PASSWORD}).json()["code"] == (
            "SECOND_FACTOR_REQUIRED"
        )
        assert page.request("DELETE", TOTP, json={"password": PASSWORD}).status_code == 401
        assert page.request("DELETE", TOTP, json={"password": PASSWORD, "code": soon}).status_code == 200
        assert enter(elsewhere, SESSION, name).status_code == 200


def test_codes_cannot_be_guessed(venue: Venue) -> None:
    with browser(venue) as page, browser(venue) as thief:
        name = sign_up(page)
        totp, _ = second_factor(page)
        wrong = next(code for code in ("123123", "456456", "789789", "321321") if code not in _around(totp))

        def guess(number: int) -> httpx.Response:
            thief.headers["X-Forwarded-For"] = f"100.66.0.{number % 250}"  # however many addresses the thief has
            return enter(thief, SESSION, name, code=wrong)

        tried_out(guess)


def test_guesses_elsewhere_do_not_lock_the_owner_out(venue: Venue) -> None:
    """Of codes and of passwords, by somebody who knows the password or has a session."""
    with browser(venue) as page, browser(venue) as thief, browser(venue) as another:
        name = sign_up(page)
        totp, _ = second_factor(page)
        wrong = next(code for code in ("123123", "456456", "789789", "321321") if code not in _around(totp))
        tried_out(lambda _: enter(thief, SESSION, name, code=wrong))
        another.headers["X-Forwarded-For"] = page.headers["X-Forwarded-For"]  # where the owner has a session
        assert enter(another, SESSION, name, code=totp.now()).status_code == 200
        thief.cookies.update(page.cookies)
        thief.headers["X-CSRF-Token"] = page.headers["X-CSRF-Token"]
        body = {"permissions": ["read"], "password": "not this one"}
        tried_out(lambda _: thief.post(KEYS, json=body))
        changed = {"password": PASSWORD, "newPassword": f"{PASSWORD} more", "code": code_of(totp, 1)}
        assert page.patch(f"{SESSION}/password", json=changed).status_code == 200


def test_sessions_are_listed_and_ended(venue: Venue) -> None:
    with browser(venue) as first, browser(venue, 1) as second, browser(venue) as third:
        name = sign_up(first)
        for client in (second, third):
            assert enter(client, SESSION, name).status_code == 200
        listed = first.get(f"{SESSION}/all").json()
        assert [each["current"] for each in listed] == [False, False, True]
        assert [each["userAgent"] for each in listed] == [c.headers["User-Agent"] for c in (third, second, first)]
        assert listed[0]["address"] == third.headers["X-Forwarded-For"]
        assert first.request("DELETE", f"{SESSION}/all", json={"id": listed[0]["id"]}).status_code == 200
        assert [client.get(SESSION).status_code for client in (first, second, third)] == [200, 200, 401]
        assert second.request("DELETE", f"{SESSION}/all", json={"id": "00" * 16}).status_code == 404
        assert second.request("DELETE", f"{SESSION}/all", json={}).status_code == 200
        assert [client.get(SESSION).status_code for client in (first, second, third)] == [401, 200, 401]
        assert [each["current"] for each in second.get(f"{SESSION}/all").json()] == [True]


def test_nobody_ends_another_users_session(venue: Venue) -> None:
    with browser(venue) as one, browser(venue) as other:
        sign_up(one)
        sign_up(other)
        (own,) = one.get(f"{SESSION}/all").json()
        assert other.request("DELETE", f"{SESSION}/all", json={"id": own["id"]}).status_code == 404
        assert one.get(SESSION).status_code == 200


def test_a_new_password_ends_the_other_sessions(venue: Venue) -> None:
    with browser(venue) as page, browser(venue, 1) as stolen:
        name = sign_up(page)
        assert enter(stolen, SESSION, name).status_code == 200
        new = "ten green bottles"
        change = {"password": PASSWORD, "newPassword": new}
        assert page.patch(f"{SESSION}/password", json=change | {"password": "a wrong one"}).status_code == 401
        assert page.patch(f"{SESSION}/password", json=change | {"newPassword": "password123"}).status_code == 400
        assert page.patch(f"{SESSION}/password", json=change).status_code == 200
        assert (page.get(SESSION).status_code, stolen.get(SESSION).status_code) == (200, 401)
        assert enter(stolen, SESSION, name).status_code == 401
        assert enter(stolen, SESSION, name, password=new).status_code == 200


def test_visitors_of_the_demo_have_accounts_of_their_own(venue: Venue) -> None:
    def visit(client: httpx.Client) -> int:
        answer = client.post(f"{SESSION}/demo")
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrfToken"]
        return int(answer.json()["account"])

    with browser(venue) as one, browser(venue, 1) as other, browser(venue) as neighbour:
        accounts = {client: visit(client) for client in (one, other)}
        assert len(set(accounts.values())) == 2 and min(accounts.values()) > 6
        assert one.get(SESSION).json()["name"] is None, "nobody signed up with the name of its row"
        assert one.get("/api/v1/capital").json()["USDC"]["available"] == "100000"
        assert visit(one) == accounts[one], "the same visitor has the same account"
        neighbour.headers["X-Forwarded-For"] = one.headers["X-Forwarded-For"]
        given = []
        for _ in range(8):
            neighbour.cookies.clear()
            given.append(visit(neighbour))
        assert given[0] != accounts[one], "a neighbour behind the same address has another one"
        assert len({*given, accounts[one]}) == 4, "an address has few of them, and gets the same again"
        login = {"name": f"demo/{one.headers['X-Forwarded-For']}/0", "password": ""}
        assert one.post(SESSION, json=login).status_code in (400, 401)
        assert one.post(KEYS, json={"permissions": ["read"]}).status_code == 200, "what nobody owns needs no password"
