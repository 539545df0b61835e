"""The profile `venue`: nobody is funded, no key is left on the disk, and its administrator is told of one key, once.

On an IPv6 address first, then on all addresses: what is printed names where it answers.
"""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from nacl.signing import SigningKey

from tests.exchange import Exchange, texts_in
from tests.ingress.fakes import Signer


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Exchange]:
    running = Exchange(tmp_path / "data", "--profile", "venue", "--host", "::1", ingress_workers=1)
    yield running
    running.end()


def secret_in(output: list[str]) -> bytes:
    (text,) = (match[1] for line in output if (match := re.search(r"its secret +(\S+)", line)))
    return base64.b64decode(text)


@pytest.mark.timeout(300)
def test_a_venue_from_its_first_day(venue: Exchange) -> None:
    venue.start()
    text = "\n".join(venue.output)
    assert re.search(r"http://\[::1\]:\d+$", text, re.MULTILINE) and re.search(r"ws://\[::1\]:\d+$", text, re.MULTILINE)
    key = SigningKey(secret_in(venue.output))
    assert not list(venue.data.glob("*key*.json")), "no key is on the disk"
    secret = next(line for line in venue.output if "its secret" in line).split()[-1]
    for path, content in texts_in(venue.data):
        assert secret.encode() not in content, f"{path} has the secret"
    assert "market_maker" not in venue.run["processes"]
    with httpx.Client(base_url=venue.run["http"], timeout=30) as client:
        signer = Signer(client)
        signer.window_ms = 60_000
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
    venue.options = ("--host", "0.0.0.0", "--i-know")  # it stays a venue without being told
    venue.start()
    text = "\n".join(venue.output)
    assert "secret" not in text, "it is shown once"
    assert "//0.0.0.0" not in text and re.search(r"http://127\.0\.0\.1:\d+$", text, re.MULTILINE)
    assert "warning, on 0.0.0.0: no TLS" in text
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
