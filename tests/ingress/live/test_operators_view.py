"""What an administrator sees of the processes, and what /docs explains, on real processes."""

import base64
from typing import Any

import httpx
import pytest
from nacl.signing import SigningKey

from ingress.api import explained
from tests.exchange import eventually
from tests.ingress.fakes import READER, READER_ACCOUNT
from tests.venue import ADMIN, Venue

pytestmark = pytest.mark.timeout(300)
ADMIN_PATH = "/api/v1/admin"


def status_of(venue: Venue) -> dict[str, Any]:
    answer = venue.send("GET", f"{ADMIN_PATH}/status", "adminStatusQuery", key=ADMIN)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def number(status: dict[str, Any], role: str, name: str) -> float:
    """The sum over a role's processes and over labels; -1 if none has it."""
    looks = [look for look in status["processes"] if look["role"] == role]
    values = [float(each["value"]) for look in looks for each in look["numbers"] if each["name"] == name]
    return float(sum(values)) if values else -1.0


def test_an_administrator_sees_all_processes_and_their_numbers_move(venue: Venue) -> None:
    before = status_of(venue)
    roles = sorted((look["role"], look["worker"]) for look in before["processes"])
    assert roles == [("engine", 0), ("ingress", 0), ("ingress", 1), ("writer", 0)]
    assert set(before["silent"]) <= {"egress.0"}, "other tests of this venue start one, and end it"
    assert number(before, "engine", "engine_active") == 1
    assert all(look["memoryBytes"] > 1_000_000 and look["notReady"] == "" for look in before["processes"])
    order = {"symbol": "SOL_USDC", "side": "Ask", "orderType": "Limit", "price": "100", "quantity": "1"}
    assert venue.send("POST", "/api/v1/order", "orderExecute", order).status_code == 200
    taken = {**order, "side": "Bid", "timeInForce": "IOC"}
    assert venue.send("POST", "/api/v1/order", "orderExecute", taken, READER).json()["status"] == "Filled"

    def has_moved(now: dict[str, Any]) -> bool:
        names = ("matched_commands_total", "trades_total")
        return number(now, "ingress", "log_entries") > 0 and all(
            number(now, "engine", name) > number(before, "engine", name) for name in names
        )

    now = eventually(lambda: status_of(venue), has_moved, "numbers of the engine that have moved")
    assert number(now, "ingress", "http_connections") > 0
    (matched,) = [
        times for look in now["processes"] for times in look["times"] if times["labels"] == {"stage": "match"}
    ]
    assert len(matched["counts"]) == len(now["boundsUs"]) + 1 and sum(matched["counts"]) > 0


def test_it_is_for_nobody_else(venue: Venue) -> None:
    refused = venue.send("GET", f"{ADMIN_PATH}/status", "adminStatusQuery")
    assert (refused.status_code, refused.json()["code"]) == (403, "FORBIDDEN")
    assert venue.client.get(f"{ADMIN_PATH}/status").status_code == 401


def test_the_worked_example_is_an_order_that_the_exchange_takes(venue: Venue) -> None:
    """Byte for byte as it stands there, once somebody has registered its key."""
    facts = venue.client.get(explained.PATH).json()
    example = facts["example"]
    key = SigningKey(base64.b64decode(example["seed"]))
    assert bytes.fromhex(example["hex"]) == example["text"].encode()
    assert key.verify_key.verify(example["text"].encode(), base64.b64decode(example["signature"]))
    public = base64.b64encode(bytes(key.verify_key)).decode()
    registered = {"account": READER_ACCOUNT, "apiKey": public, "permissions": ["trade"]}
    added = venue.send("POST", f"{ADMIN_PATH}/keys", "adminKeyCreate", registered, ADMIN)
    assert added.status_code == 200, added.text
    try:
        headers = {header["name"]: header["value"] for header in example["headers"]}
        sent = httpx.Request(
            example["method"],
            f"http://127.0.0.1:{venue.port}{example['path']}",
            headers=headers,
            content=example["body"],
        )
        placed = venue.client.send(sent)
        assert placed.status_code == 200, placed.text
        cancel = {"symbol": "SOL_USDC", "orderId": placed.json()["id"]}
        assert venue.send("DELETE", "/api/v1/order", "orderCancel", cancel, READER).status_code == 200
        changed = venue.client.send(venue.client.build_request("POST", example["path"], headers=headers, content="{}"))
        assert changed.json()["code"] == "INVALID_SIGNATURE"
    finally:
        venue.send("DELETE", f"{ADMIN_PATH}/keys", "adminKeyDelete", {"apiKey": public}, ADMIN)
