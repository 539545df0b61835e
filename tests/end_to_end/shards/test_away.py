"""One of two engines is away: the markets of the other trade on, and what cannot be told is refused at once."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from engine_core.process.metrics import socket_path
from engine_core.process.sockets import ask
from tests.egress.rig import Listener, signature
from tests.folders import short_folder
from tests.ingress.fakes import TRADER, TRADER_ACCOUNT
from tests.ingress.sessions import Trader, trading
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


def send_money(venue: ShardedVenue) -> None:
    """For an order in the shard of BTC_USDC."""
    asked = {"symbol": "USDC", "quantity": "10", "from": 0, "to": 1}
    assert venue.send("POST", "/api/v1/capital/transfer", "transfer", asked).is_success


@pytest.mark.parametrize(("lost", "waits", "trades"), [(1, "BTC_USDC", "SOL_USDC"), (0, "SOL_USDC", "BTC_USDC")])
def test_an_engine_is_away(venue: ShardedVenue, sockets: Path, lost: int, waits: str, trades: str) -> None:
    if lost == 0:
        send_money(venue)
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


@pytest.mark.parametrize(("lost", "trades"), [(1, "SOL_USDC"), (0, "BTC_USDC")])
async def test_who_subscribes_meanwhile_hears_of_orders_at_once_and_of_balances_later(
    venue: ShardedVenue, lost: int, trades: str
) -> None:
    if lost == 0:
        send_money(venue)
    until(venue, {"status": "Ok", "message": None})
    venue.engines[lost].kill()
    async with connect(f"ws://127.0.0.1:{venue.ws_port}/", proxy=None, open_timeout=60) as socket:
        listener = Listener(socket)
        try:
            own = signature(TRADER_ACCOUNT, key=TRADER)
            await listener.subscribe("account.orderUpdate", "account.balanceUpdate", signature=own)
            made = await asyncio.to_thread(place, venue, trades)
            assert made.is_success, made.text
            assert (await listener.data("account.orderUpdate"))["i"] == made.json()["id"]
            assert await listener.silent()
        finally:
            await venue.engines[lost].start_beside()
        told = await listener.data("account.balanceUpdate")
    held = (await asyncio.to_thread(venue.get, "/api/v1/capital", "balanceQuery"))["USDC"]
    assert told["a"] == "USDC" and (told["A"], told["L"]) == (held["available"], held["locked"])
    cancelled = venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": trades})
    assert len(cancelled.json()) == 1, cancelled.text


def until_best_bid(venue: ShardedVenue, symbol: str, price: str) -> None:
    """Of a book that is read again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := venue.tell(f"/api/v1/depth?symbol={symbol}")["bids"][-1:]) != [[price, "1"]]:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_ingress_and_egress_start_while_an_engine_is_away(venue: ShardedVenue, sockets: Path) -> None:
    """They serve the markets of the others, and the rest as soon as it is back."""
    send_money(venue)
    for symbol in ("BTC_USDC", "SOL_USDC"):
        assert place(venue, symbol).is_success
    venue.engines[1].kill()
    try:
        for role in (*venue.ingress, *venue.egress):
            role.kill()
            role.start()
        until_best_bid(venue, "SOL_USDC", "1")
        cancelled = venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"})
        assert len(cancelled.json()) == 1, cancelled.text
        until(venue, {"status": "Ok", "message": "Waiting: shard 1 (BTC_USDC): The engine does not answer"})
        assert isinstance(venue.client, httpx.Client)
        assert venue.client.get("/api/v1/depth?symbol=BTC_USDC").status_code == 503
        assert all(is_ready(sockets, role) for role in ("ingress", "egress"))
    finally:
        venue.engines[1].start()
    until(venue, {"status": "Ok", "message": None})
    until_best_bid(venue, "BTC_USDC", "1")
    cancelled = venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "BTC_USDC"})
    assert len(cancelled.json()) == 1, cancelled.text


async def placed(trader: Trader, symbol: str) -> str:
    """The order's id, as soon as this session may place one there."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (answer := await trader.ask("order.place", {"symbol": symbol, **ORDER}))["status"] != 200:
            assert answer["status"] in (503, 504), answer
            await asyncio.sleep(0.1)
    return str(answer["result"]["id"])


async def until_open(venue: ShardedVenue, wanted: set[str]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while {o["id"] for o in await asyncio.to_thread(venue.get, "/api/v1/orders", "orderQueryAll")} != wanted:
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("lost", [1, 0])
async def test_a_session_that_cancels_on_disconnect_outlives_an_engine(venue: ShardedVenue, lost: int) -> None:
    """Its orders in the other shard stay; where the engine was killed they may be cancelled, for want of a lease. New
    ones go there once it is back; and when the session ends, none is left in either."""
    symbols = ("SOL_USDC", "BTC_USDC")
    await asyncio.to_thread(until, venue, {"status": "Ok", "message": None})
    await asyncio.to_thread(send_money, venue)
    async with trading(venue.port, cancelOnDisconnect=True) as trader:
        kept = [await placed(trader, symbol) for symbol in symbols][1 - lost]
        venue.engines[lost].kill()
        try:
            refused = await trader.ask("order.place", {"symbol": symbols[lost], **ORDER})
            assert refused["status"] in (503, 504), refused
            during = await placed(trader, symbols[1 - lost])
        finally:
            await venue.engines[lost].start_beside()
        await placed(trader, symbols[lost])
        is_open = {o["id"] for o in await asyncio.to_thread(venue.get, "/api/v1/orders", "orderQueryAll")}
        assert {kept, during} <= is_open
    await until_open(venue, set())
