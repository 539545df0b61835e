"""Order entry over WebSocket, and the market-by-order feed, on the real processes."""

import asyncio
import json
import random
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from nacl.signing import SigningKey
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from engine_core.administration.client import admin
from engine_core.wire.codes import CommandKind, QueryKind, Side
from tests.egress.order_replica import OrderReplica
from tests.egress.rig import Listener
from tests.ingress.fakes import READER, TRADER, TRADER_ACCOUNT
from tests.ingress.sessions import WINDOW, Trader, logon, trading
from tests.markets import SOL, key_record
from tests.processes import free_port, process
from tests.venue import Venue

pytestmark = pytest.mark.timeout(300)  # an empty kernel cache has to be filled

LIMIT = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100", "quantity": "1"}
TEMPORARY = SigningKey(b"w" * 32)  # a key that a test revokes


@pytest.fixture(autouse=True)
def _empty_book(venue: Venue) -> Iterator[None]:
    yield
    for key in (TRADER, READER):
        assert venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "SOL_USDC"}, key).is_success


def open_orders(venue: Venue, key: SigningKey = TRADER) -> list[dict[str, Any]]:
    orders: list[dict[str, Any]] = venue.send("GET", "/api/v1/orders", "orderQueryAll", None, key).json()
    return orders


async def until_none_is_open(venue: Venue) -> None:
    async with asyncio.timeout(60):
        while len(venue.gateway.query(QueryKind.ORDERS, account=TRADER_ACCOUNT, market=SOL)[1]):
            await asyncio.sleep(0.05)


async def test_orders_are_those_of_rest(venue: Venue) -> None:
    async with trading(venue.port) as trader:
        placed = await trader.result("order.place", {**LIMIT, "clientId": 7})
        assert placed["status"] == "New" and open_orders(venue) == [placed]
        again = await trader.result("order.place", {**LIMIT, "clientId": 7})
        assert again == placed, "a retry with the same clientId places nothing"
        modified = await trader.result(
            "order.modify", {"symbol": "SOL_USDC", "orderId": placed["id"], "quantity": "0.5"}
        )
        assert modified["quantity"] == "0.5" and open_orders(venue) == [modified]
        sold = await trader.result("order.place", {**LIMIT, "side": "Ask", "price": "101"})
        cancelled = await trader.result("order.cancel", {"symbol": "SOL_USDC", "clientId": 7})
        assert cancelled["status"] == "Cancelled" and cancelled["id"] == placed["id"]
        assert [order["id"] for order in await trader.result("order.cancelAll", {"symbol": "SOL_USDC"})] == [sold["id"]]
        assert open_orders(venue) == []


async def test_refusals_have_the_codes_of_rest(venue: Venue) -> None:
    async with trading(venue.port) as trader:
        assert await trader.error("order.place", {**LIMIT, "price": "100.001"}) == (400, "INVALID_PRICE")
        assert await trader.error("order.place", {**LIMIT, "stopLossPrice": "1"}) == (400, "INVALID_CLIENT_REQUEST")
        dear = {"symbol": "BTC_USDC", "quantity": "100", "price": "200000000"}
        assert await trader.error("order.place", LIMIT | dear) == (400, "INSUFFICIENT_FUNDS")
        assert await trader.error("order.cancel", {"symbol": "SOL_USDC", "orderId": "1"}) == (404, "RESOURCE_NOT_FOUND")
        assert await trader.error("order.modify", {"symbol": "SOL_USDC", "orderId": "1", "quantity": "1"}) == (
            404,
            "RESOURCE_NOT_FOUND",
        )
        assert await trader.error("order.fly") == (400, "INVALID_CLIENT_REQUEST")
        assert await trader.error("order.place", ["no", "object"]) == (400, "INVALID_CLIENT_REQUEST")
        for text in (
            "",
            "{",
            "[]",
            '{"id": {}}',
            '{"id": 1, "id": 1}',
            '{"method": 1}',
            "\ud800".encode("utf-8", "ignore"),
        ):
            await trader.socket.send(text or " ", text=True)
            answer = await trader.answer()
            assert (answer["status"], answer["error"]["code"]) == (400, "INVALID_CLIENT_REQUEST")
        assert open_orders(venue) == []


async def test_commands_take_effect_in_the_order_in_which_they_were_sent(venue: Venue) -> None:
    """Hundreds of messages without waiting: each cancel finds what was placed before it, each id has its answer."""
    async with trading(venue.port) as trader:
        messages = []
        for number in range(1_001, 1_301):
            place = {**LIMIT, "clientId": number, "price": str(90 + number % 7)}
            refer = {"symbol": "SOL_USDC", "clientId": number}
            messages += [("order.place", place), ("order.modify", {**refer, "quantity": "2"}), ("order.cancel", refer)]
        for request_id, (method, params) in enumerate(messages):
            await trader.socket.send(json.dumps({"id": f"m-{request_id}", "method": method, "params": params}))
        answers = [await trader.answer() for _ in messages]
        assert all(answer["status"] == 200 for answer in answers), next(a for a in answers if a["status"] != 200)
        assert {answer["id"] for answer in answers} == {f"m-{number}" for number in range(len(messages))}
        assert open_orders(venue) == []


async def test_nobody_trades_without_a_valid_logon(venue: Venue) -> None:
    async with trading(venue.port, None) as trader:
        assert await trader.error("order.place", LIMIT) == (401, "UNAUTHORIZED")
        assert await trader.error("session.logon", {}) == (401, "UNAUTHORIZED")
        stranger = SigningKey(b"?" * 32)
        assert await trader.error("session.logon", logon(stranger)) == (401, "UNAUTHORIZED")
        signed = logon(TRADER)
        assert await trader.error("session.logon", {**signed, "cancelOnDisconnect": True}) == (401, "INVALID_SIGNATURE")
        late = signed | {"timestamp": signed["timestamp"] - 2 * int(WINDOW)}
        assert await trader.error("session.logon", late) == (400, "INVALID_CLIENT_REQUEST")
        assert (await trader.ask("session.logon", signed))["status"] == 200
        assert await trader.error("session.logon", logon(TRADER)) == (400, "INVALID_CLIENT_REQUEST"), "once a session"
        async with trading(venue.port, None) as thief:
            assert await thief.error("session.logon", signed) == (409, "DUPLICATE_REQUEST"), "a logon works once"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{venue.port}/ws/other", proxy=None):
            pass
    assert refused.value.response.status_code == 404


async def test_a_revoked_key_ends_its_session(venue: Venue) -> None:
    venue.gateway.execute(key_record(TRADER_ACCOUNT, bytes(TEMPORARY.verify_key), 7))
    async with asyncio.timeout(60):
        while not venue.send("GET", "/api/v1/orders", "orderQueryAll", None, TEMPORARY).is_success:
            await asyncio.sleep(0.02)
    async with trading(venue.port, TEMPORARY, cancelOnDisconnect=True) as trader:
        await trader.result("order.place", LIMIT)
        revoke = admin(CommandKind.KEY_REVOKE, account=TRADER_ACCOUNT)
        revoke["public_key"] = key_record(TRADER_ACCOUNT, bytes(TEMPORARY.verify_key), 7)["public_key"]
        venue.gateway.execute(revoke)
        with pytest.raises(ConnectionClosed) as closed:
            await trader.answer()  # it says nothing more itself
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1008
    await until_none_is_open(venue)


async def test_orders_stay_unless_cancel_on_disconnect_was_asked_for(venue: Venue) -> None:
    async with trading(venue.port) as trader:
        await trader.result("order.place", LIMIT)
    assert len(open_orders(venue)) == 1
    async with trading(venue.port, cancelOnDisconnect=True) as trader:
        await trader.result("order.place", LIMIT)
        trader.socket.transport.abort()  # no goodbye
    await until_none_is_open(venue)


async def test_cancel_on_disconnect_holds_when_ingress_dies(venue: Venue, tmp_path: Path) -> None:
    """A second ingress is killed with a session on it; the engine lets the lease run out."""
    port = free_port()
    environment = venue.environment | {"EXCHANGE_HTTP_PORT": str(port), "EXCHANGE_WORKER": "7"}
    with process("ingress", environment, tmp_path) as ingress:
        async with trading(port, cancelOnDisconnect=True) as trader:
            await trader.result("order.place", LIMIT)
            assert len(open_orders(venue)) == 1
            ingress.send_signal(signal.SIGKILL)
            with pytest.raises(ConnectionClosed):
                await trader.answer()
        await until_none_is_open(venue)


async def test_a_clean_stop_says_goodbye_and_cancels(venue: Venue, tmp_path: Path) -> None:
    port = free_port()
    environment = venue.environment | {"EXCHANGE_HTTP_PORT": str(port), "EXCHANGE_WORKER": "8"}
    with process("ingress", environment, tmp_path) as ingress:
        async with trading(port, cancelOnDisconnect=True) as trader:
            await trader.result("order.place", LIMIT)
            ingress.terminate()
            with pytest.raises(ConnectionClosed) as closed:
                await trader.answer()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
        await asyncio.to_thread(ingress.wait)  # a second signal would end it at once, and not with 0
    await until_none_is_open(venue)


async def test_its_connections_are_counted_and_slow_clients_still_dropped(venue: Venue, tmp_path: Path) -> None:
    port, config = free_port(), tmp_path / "exchange.toml"
    text = Path(venue.environment["EXCHANGE_CONFIG"]).read_text()
    few = re.sub(r"of_one_address = [\d_]+", "of_one_address = 3", text)
    config.write_text(re.sub(r"slow_client_seconds = \d+", "slow_client_seconds = 1", few))
    own = {"EXCHANGE_HTTP_PORT": str(port), "EXCHANGE_WORKER": "9", "EXCHANGE_CONFIG": str(config)}
    with process("ingress", venue.environment | own, tmp_path):
        async with trading(port) as first, trading(port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /api/v1/ping HTTP/1.1\r\nHost: x\r\n")
            async with asyncio.timeout(60):
                assert await reader.read() == b"", "the half request is dropped"
            writer.close()
            async with trading(port):
                with pytest.raises(InvalidStatus) as refused:
                    async with connect(f"ws://127.0.0.1:{port}/ws/orders", proxy=None):
                        pass
                assert refused.value.response.status_code == 429
            assert (await first.ask("order.cancelAll", {"symbol": "SOL_USDC"}))["status"] == 200
        for _ in range(6):
            async with asyncio.timeout(60), trading(port):
                pass


def engine_orders(venue: Venue, side: Side) -> list[tuple[str, str, str]]:
    _, orders = venue.gateway.query(QueryKind.BOOK_ORDERS, market=SOL)
    return [
        (str(row["order_id"]), f"{int(row['price_ticks']) / 100:.2f}", f"{int(row['level_lots']) / 100:.2f}")
        for row in orders[orders["side"] == side]
    ]


def replica_orders(replica: OrderReplica, side: str) -> list[tuple[str, str, str]]:
    return [(order, f"{float(price):.2f}", f"{float(quantity):.2f}") for order, price, quantity in replica.rows(side)]


async def test_the_feed_of_single_orders_and_its_snapshot_give_the_engines_book(venue: Venue, tmp_path: Path) -> None:
    port = free_port()
    environment = venue.environment | {"EXCHANGE_WS_PORT": str(port)}
    flow = random.Random(5)
    with process("egress", environment, tmp_path):
        async with (
            connect(f"ws://127.0.0.1:{port}/", proxy=None, max_queue=None, open_timeout=60) as socket,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{venue.port}", timeout=30, verify=False) as rest,
            trading(venue.port) as trader,
            trading(venue.port, READER) as other,
        ):
            listener, replica, placed = Listener(socket), OrderReplica(), list[str]()
            await place_some(flow, trader, other, 40, placed)
            await listener.subscribe("order@SOL_USDC")
            await place_some(flow, trader, other, 40, placed)
            first = await listener.data("order@SOL_USDC")
            snapshot = await snapshot_from(rest, first["U"] - 1)
            replica.load(snapshot)
            replica.take(first)
            for count in (1, 30, 90):
                await place_some(flow, trader, other, count, placed)
                header, _ = venue.gateway.query(QueryKind.BOOK_ORDERS, market=SOL)
                while replica.last_id < header["update_id"]:
                    replica.take(await listener.data("order@SOL_USDC"))
                assert replica_orders(replica, "Bid") == engine_orders(venue, Side.BID)
                assert replica_orders(replica, "Ask") == engine_orders(venue, Side.ASK)
            assert len(replica.queues["Bid"]) + len(replica.queues["Ask"]) > 20
            again = OrderReplica()
            again.load(await snapshot_from(rest, replica.last_id))
            assert (again.rows("Bid"), again.rows("Ask")) == (replica.rows("Bid"), replica.rows("Ask"))
        assert (await asyncio.to_thread(venue.client.get, "/api/v1/depth/orders?symbol=NO_SUCH")).status_code == 400


async def snapshot_from(rest: httpx.AsyncClient, update_id: int) -> dict[str, Any]:
    """A snapshot that contains at least this number: one that is older is asked again."""
    async with asyncio.timeout(60):
        while True:
            snapshot: dict[str, Any] = (await rest.get("/api/v1/depth/orders", params={"symbol": "SOL_USDC"})).json()
            if int(snapshot["lastUpdateId"]) >= update_id:
                return snapshot
            await asyncio.sleep(0.05)


async def place_some(flow: random.Random, trader: Trader, other: Trader, count: int, placed: list[str]) -> None:
    """Orders of two accounts around a price, icebergs among them, and now and then a cancel or a change."""
    for _ in range(count):
        who, side = flow.choice((trader, other)), flow.choice(("Bid", "Ask"))
        kind = flow.random()
        if kind < 0.2 and placed:
            order = {"symbol": "SOL_USDC", "orderId": flow.choice(placed)}
            if kind < 0.1:
                await who.ask("order.cancel", order)
            else:
                await who.ask("order.modify", {**order, "quantity": f"{flow.randrange(100, 300) / 100}"})
            continue
        away = flow.randrange(-3, 15)
        price = 10_000 - away if side == "Bid" else 10_000 + away
        order = {**LIMIT, "side": side, "price": f"{price / 100:.2f}", "quantity": f"{flow.randrange(50, 400) / 100}"}
        if flow.random() < 0.3:
            order |= {"quantity": "5", "displayQuantity": "1"}
        answer = await who.ask("order.place", {**order, "selfTradePrevention": "RejectMaker"})
        if answer["status"] == 200:
            placed.append(answer["result"]["id"])
