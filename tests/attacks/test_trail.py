"""Every administrator's action stands in the log, and `exchange trail` tells it."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from typing import Any

import pytest
from nacl.signing import SigningKey

from tests.exchange import eventually
from tests.ingress.fakes import READER_ACCOUNT
from tests.venue import ADMIN, Venue

pytestmark = pytest.mark.timeout(300)


def trail(venue: Venue, *options: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "engine_core.cli", "trail", "--json", "--data", str(venue.folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | venue.environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_administrators_actions_and_refusals_are_in_the_trail(venue: Venue) -> None:
    def act(method: str, path: str, instruction: str, body: dict[str, Any]) -> int:
        return venue.send(method, f"/api/v1/admin/{path}", instruction, body, ADMIN).status_code

    account = READER_ACCOUNT
    key = SigningKey.generate().verify_key
    assert act("PATCH", "account", "adminAccountUpdate", {"account": account, "frozen": True}) == 200
    assert act("PATCH", "account", "adminAccountUpdate", {"account": account, "frozen": False, "feeTier": 3}) == 200
    move = {"account": account, "symbol": "USDC", "quantity": "7", "reference": 987_654_321}
    assert act("POST", "deposits", "adminDeposit", move) == 200
    assert act("POST", "deposits", "adminDeposit", move | {"quantity": "8"}) == 400
    made = {"account": account, "apiKey": b64encode(bytes(key)).decode(), "permissions": ["read"]}
    assert act("POST", "keys", "adminKeyCreate", made) == 200
    told = eventually(
        lambda: trail(venue, "--account", str(account))[-6:],
        lambda found: found[-1]["action"] == "KEY",  # the log has it a moment after the answer
        "the newest action",
    )
    assert [(each["action"], each["outcome"]) for each in told] == [
        ("ACCOUNT_STATE", "applied"),
        ("FEE_TIER", "applied"),
        ("ACCOUNT_STATE", "applied"),
        ("DEPOSIT", "applied"),
        ("DEPOSIT", "DUPLICATE_REFERENCE"),
        ("KEY", "applied"),
    ]
    assert (told[0]["state"], told[2]["state"], told[1]["tier"]) == ("FROZEN", "OK", 3)
    assert (told[3]["amount_atoms"], told[3]["reference"]) == (7_000_000, 987_654_321)
    assert (told[5]["key"], told[5]["permissions"]) == (bytes(key).hex(), "READ")
    assert {each["by"] for each in told} == {"ingress 0"}
    signed_by = b64encode(bytes(ADMIN.verify_key)).decode()
    assert f"administrator {signed_by} at 127.0.0.1: POST" in (venue.folder / "ingress.log").read_text()
