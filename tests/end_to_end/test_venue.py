"""The profile `venue`: nobody is funded, no key is left on the disk, and its administrator is told of one key, once."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from nacl.signing import SigningKey

from tests.exchange import Exchange
from tests.ingress.fakes import Signer


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Exchange]:
    running = Exchange(tmp_path / "data", "--profile", "venue")
    yield running
    running.end()


def secret_in(output: list[str]) -> bytes:
    (text,) = (match[1] for line in output if (match := re.search(r"its secret +(\S+)", line)))
    return base64.b64decode(text)


def test_a_venue_from_its_first_day(venue: Exchange) -> None:
    venue.start()
    key = SigningKey(secret_in(venue.output))
    assert not list(venue.data.glob("*key*.json")), "no key is on the disk"
    secret = next(line for line in venue.output if "its secret" in line).split()[-1]
    for path in venue.data.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), f"{path} has the secret"
    assert "market_maker" not in venue.run["processes"]
    with httpx.Client(base_url=venue.run["http"], timeout=30) as client:
        signer = Signer(client)
        assert "x-ratelimit-limit" in client.get("/api/v1/ping").headers
        assert client.post("/api/v1/session/demo").status_code == 403
        page = {"name": "first-user", "password": "a good long password"}
        session = client.post("/api/v1/session/signup", json=page)
        assert session.status_code == 200, session.text
        account = session.json()["account"]
        assert account == 2, "the first user's number is not kept for anybody"
        balances = client.get("/api/v1/capital").json()
        assert all(set(balance.values()) == {"0"} for balance in balances.values()), balances
        body = {"account": account, "symbol": "USDC", "quantity": "1000"}
        paid = client.send(signer.request("POST", "/api/v1/admin/deposits", "adminDeposit", body, key))
        assert paid.status_code == 200, paid.text
    assert venue.stop() == 0
    venue.output.clear()
    venue.start()
    assert not any("secret" in line for line in venue.output), "it is shown once"
    assert venue.verified()["problems"] == []
    assert venue.stop() == 0
    _is_never_funded_and_what_was_funded_is_no_venue(venue)


def _is_never_funded_and_what_was_funded_is_no_venue(venue: Exchange) -> None:
    for profile in ("demo", "bare"):
        venue.options = ("--profile", profile)
        with pytest.raises(AssertionError, match="belongs to a venue"):
            venue.start()
        venue.wait()
    venue.options = ("--profile", "venue")
    (venue.data / "profile").unlink()
    (venue.data / "demo-keys.json").write_text("{}")
    with pytest.raises(AssertionError, match="funds that nobody paid in"):
        venue.start()
    venue.wait()


def test_the_banner_names_where_it_answers(venue: Exchange) -> None:
    venue.options = ("--profile", "venue", "--host", "::1")
    venue.start()
    text = "\n".join(venue.output)
    assert re.search(r"http://\[::1\]:\d+$", text, re.MULTILINE) and re.search(r"ws://\[::1\]:\d+$", text, re.MULTILINE)
    assert httpx.get(f"{venue.run['http']}/api/v1/ping").text == "pong"
    assert venue.stop() == 0
    venue.options = ("--profile", "venue", "--host", "0.0.0.0", "--i-know")
    venue.output.clear()
    venue.start()
    text = "\n".join(venue.output)
    assert "//0.0.0.0" not in text and re.search(r"http://127\.0\.0\.1:\d+$", text, re.MULTILINE)
    assert "warning, on 0.0.0.0: no TLS" in text
    assert venue.stop() == 0
