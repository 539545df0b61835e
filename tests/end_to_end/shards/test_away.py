"""One of two engines is away: the markets of the other trade on, and what cannot be told is refused at once."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine_core.process.metrics import socket_path
from engine_core.process.sockets import ask
from tests.folders import short_folder
from tests.shards import PATIENCE_SECONDS, ShardedVenue, open_shards

pytestmark = pytest.mark.timeout(600)
AT_ONCE_SECONDS = 1.0  # of the three that a shard is waited for, on a busy machine
ORDER = {"side": "Bid", "orderType": "Limit", "price": "1", "quantity": "1"}


@pytest.fixture(scope="module")
def sockets() -> Iterator[Path]:
    folder = short_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory, sockets: Path) -> Iterator[ShardedVenue]:
    with open_shards(tmp_path_factory.mktemp("away"), sockets, streams=True) as opened:
        yield opened


def status(venue: ShardedVenue) -> Any:
    return venue.tell("/api/v1/status")


def until(venue: ShardedVenue, wanted: dict[str, Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := status(venue)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def refused_at_once(venue: ShardedVenue, path: str, instruction: str) -> None:
    """Once it is known."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        began = time.monotonic()
        answer = venue.send("GET", path, instruction)
        assert answer.status_code == 503, answer.text
        if time.monotonic() - began < AT_ONCE_SECONDS:
            return
        assert time.monotonic() < deadline


def is_ready(sockets: Path, role: str) -> bool:
    return (ask(socket_path(sockets, role, 0), "/ready") or [0])[0] == 200


def place(venue: ShardedVenue, symbol: str) -> httpx.Response:
    return venue.send("POST", "/api/v1/order", "orderExecute", {"symbol": symbol, **ORDER})


@pytest.mark.parametrize(("lost", "waits", "trades"), [(1, "BTC_USDC", "SOL_USDC"), (0, "SOL_USDC", "BTC_USDC")])
def test_an_engine_is_away(venue: ShardedVenue, sockets: Path, lost: int, waits: str, trades: str) -> None:
    if lost == 0:
        asked = {"symbol": "USDC", "quantity": "10", "from": 0, "to": 1}
        assert venue.send("POST", "/api/v1/capital/transfer", "transfer", asked).is_success
    until(venue, {"status": "Ok", "message": None})
    venue.engines[lost].kill()
    try:
        told = f"Waiting: shard {lost} ({waits}): The engine does not answer"
        until(venue, {"status": "Ok", "message": told})
        for path, instruction in (
            ("/api/v1/capital", "balanceQuery"),
            ("/api/v1/orders", "orderQueryAll"),
            ("/api/v1/account", "accountQuery"),
        ):
            refused_at_once(venue, path, instruction)
        made = place(venue, trades)
        assert made.status_code == 200, made.text
        of_one = {"symbol": trades, "orderId": made.json()["id"]}
        assert venue.get("/api/v1/order", "orderQuery", of_one)["status"] == "New"
        assert [order["id"] for order in venue.get("/api/v1/orders", "orderQueryAll", {"symbol": trades})] == [
            made.json()["id"]
        ]
        assert venue.get("/api/v1/capital", "balanceQuery", {"shard": str(1 - lost)})["USDC"]["locked"] == "1"
        assert all(is_ready(sockets, role) for role in ("ingress", "egress"))
    finally:
        venue.engines[lost].start()
    until(venue, {"status": "Ok", "message": None})
    venue.get("/api/v1/capital", "balanceQuery")
    cancelled = venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": trades})
    assert len(cancelled.json()) == 1, cancelled.text
