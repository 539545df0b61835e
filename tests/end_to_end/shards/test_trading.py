"""One client, one API, two shards: SOL_USDC trades in shard 0, BTC_USDC in shard 1. Real processes."""

import asyncio
import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from nacl.signing import SigningKey
from websockets.asyncio.client import connect

from engine_core.administration.client import admin
from engine_core.wire.codes import CommandKind, MarketFlag, MarketState, QueryKind
from engine_core.wire.limits import shard_of_order
from tests.egress.rig import Listener, signature
from tests.folders import short_folder
from tests.ingress.fakes import READER, READER_ACCOUNT, TRADER, TRADER_ACCOUNT
from tests.ingress.sessions import trading
from tests.markets import BTC
from tests.shards import BTCS, DEPOSITED, SOLS, ShardedVenue, open_shards
from tests.venue import ADMIN

pytestmark = pytest.mark.timeout(600)  # an empty kernel cache has to be filled

MARKETS = ("SOL_USDC", "BTC_USDC")
SHARD = {"SOL_USDC": 0, "BTC_USDC": 1}
ORDER = {"orderType": "Limit", "side": "Bid", "price": "100", "quantity": "1"}
UNIT = 10**6
TRANSFER = "/api/v1/capital/transfer"


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShardedVenue]:
    sockets = short_folder()
    with open_shards(tmp_path_factory.mktemp("shards"), sockets, workers=1, streams=True) as opened:
        for key in (TRADER, READER):  # both have something in either shard
            for symbol in ("USDC", "SOL", "BTC"):
                asked = {"symbol": symbol, "quantity": "10000", "from": 0, "to": 1}
                assert opened.send("POST", TRANSFER, "transfer", asked, key).is_success
        yield opened
    shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture(autouse=True)
def _nothing_stays_and_nothing_is_lost(venue: ShardedVenue) -> Iterator[None]:
    yield
    for key in (TRADER, READER):
        for symbol in MARKETS:
            assert venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": symbol}, key).is_success
    for asset in (SOLS, BTCS):
        assert venue.total(asset) == (DEPOSITED, 0)


def place(venue: ShardedVenue, symbol: str, key: SigningKey = TRADER, **changes: Any) -> dict[str, Any]:
    answer = venue.send("POST", "/api/v1/order", "orderExecute", {"symbol": symbol, **ORDER, **changes}, key)
    assert answer.status_code == 200, answer.text
    order: dict[str, Any] = answer.json()
    return order


def eventually(get: Callable[[], Any], wanted: Any) -> None:
    deadline = time.monotonic() + 60
    while (found := get()) != wanted:
        assert time.monotonic() < deadline, f"{found} is not {wanted}"
        time.sleep(0.05)


def in_shards(orders: list[dict[str, Any]]) -> list[int]:
    return [shard_of_order(int(order["id"])) for order in orders]


@pytest.mark.parametrize("symbol", MARKETS)
def test_an_order_is_placed_changed_and_cancelled(venue: ShardedVenue, symbol: str) -> None:
    order = place(venue, symbol, clientId=7)
    assert shard_of_order(int(order["id"])) == SHARD[symbol]
    again = place(venue, symbol, clientId=7)
    assert again["id"] == order["id"], "a repeat is the existing order"
    ref = {"symbol": symbol, "orderId": order["id"]}
    changed = venue.send("PATCH", "/api/v1/order", "orderModify", ref | {"quantity": "0.5"}).json()
    assert (changed["id"], changed["quantity"]) == (order["id"], "0.5")
    assert venue.get("/api/v1/order", "orderQuery", ref)["quantity"] == "0.5"
    replaced = {"symbol": symbol, "cancelOrderId": order["id"], **ORDER, "price": "101"}
    new = venue.send("POST", "/api/v1/order/replace", "orderReplace", replaced).json()
    assert new["relatedOrderId"] == order["id"]
    gone = venue.send("DELETE", "/api/v1/order", "orderCancel", {"symbol": symbol, "orderId": new["id"]}).json()
    assert gone["status"] == "Cancelled"


def test_a_batch_over_both_shards(venue: ShardedVenue) -> None:
    items = [{"symbol": MARKETS[n % 2], **ORDER, "clientId": 100 + n} for n in range(6)]
    items.append({"symbol": "BTC_USDC", **ORDER, "quantity": "1000000"})
    answer = venue.send("POST", "/api/v1/orders", "orderExecute", items)
    *placed, refused = answer.json()
    assert in_shards(placed) == [0, 1, 0, 1, 0, 1]
    assert (refused["operation"], refused["code"]) == ("Err", "INVALID_QUANTITY")
    opened = venue.get("/api/v1/orders", "orderQueryAll")
    assert {order["id"] for order in opened} == {order["id"] for order in placed}
    times = [order["createdAt"] for order in opened]
    assert times == sorted(times), "oldest first"
    assert in_shards(venue.get("/api/v1/orders", "orderQueryAll", {"symbol": "BTC_USDC"})) == [1, 1, 1]
    ids = {"symbol": "BTC_USDC", "clientIds": [101, 103, 105]}
    assert len(venue.send("POST", "/api/v1/orders/cancel", "orderCancel", ids).json()) == 3
    assert venue.get("/api/v1/account", "accountQuery")["limitOrders"] == 3


async def test_order_entry_by_websocket(venue: ShardedVenue) -> None:
    async with trading(venue.port) as trader:
        placed = [await trader.result("order.place", {"symbol": symbol, **ORDER}) for symbol in MARKETS]
        assert in_shards(placed) == [0, 1]
        for order in placed:
            ref = {"symbol": order["symbol"], "orderId": order["id"]}
            assert (await trader.result("order.cancel", ref))["status"] == "Cancelled"
        await trader.result("order.place", {"symbol": "BTC_USDC", **ORDER})
        assert len(await trader.result("order.cancelAll", {"symbol": "BTC_USDC"})) == 1


async def test_a_session_that_ends_cancels_in_both_shards(venue: ShardedVenue) -> None:
    async with trading(venue.port, cancelOnDisconnect=True) as trader:
        for symbol in MARKETS:
            await trader.result("order.place", {"symbol": symbol, **ORDER})
    await asyncio.to_thread(eventually, lambda: venue.get("/api/v1/orders", "orderQueryAll"), [])


def test_a_dead_man_switch_of_all_markets(venue: ShardedVenue) -> None:
    for symbol in MARKETS:
        place(venue, symbol)
    answer = venue.send("POST", "/api/v1/orders/cancelAfter", "orderCancelAllAfter", {"timeoutMs": 300})
    assert answer.status_code == 200, answer.text
    eventually(lambda: venue.get("/api/v1/orders", "orderQueryAll"), [])


def test_trades_and_history_are_of_both(venue: ShardedVenue) -> None:
    made = []
    for number in range(3):
        for symbol in MARKETS:
            maker = place(venue, symbol, price=str(100 + number))
            taker = place(venue, symbol, READER, side="Ask", price=str(100 + number))
            assert taker["status"] == "Filled"
            made.append(maker["id"])
    orders = venue.get("/wapi/v1/history/orders", "orderHistoryQueryAll", {"limit": "6"})
    assert [order["id"] for order in orders] == made[::-1]
    assert {order["status"] for order in orders} == {"Filled"}
    fills = venue.get("/wapi/v1/history/fills", "fillHistoryQueryAll", {"limit": "6"})
    assert [fill["orderId"] for fill in fills] == made[::-1]
    for place_ in range(3):
        page = {"limit": "2", "offset": str(2 * place_)}
        found = venue.get("/wapi/v1/history/orders", "orderHistoryQueryAll", page)
        assert [order["id"] for order in found] == made[::-1][2 * place_ : 2 * place_ + 2]
    after = venue.get("/wapi/v1/history/orders", "orderHistoryQueryAll", {"limit": "2", "fromId": made[4]})
    assert [order["id"] for order in after] == [made[3], made[2]]
    for symbol in MARKETS:
        assert [trade["price"] for trade in venue.tell(f"/api/v1/trades?symbol={symbol}&limit=3")] == [
            "102",
            "101",
            "100",
        ]
        assert venue.tell(f"/api/v1/ticker?symbol={symbol}")["lastPrice"] == "102"
        candles = venue.tell(f"/api/v1/klines?symbol={symbol}&interval=1d&startTime={int(time.time()) - 86_400}")
        assert int(candles[-1]["trades"]) >= 3
        assert venue.tell(f"/api/v1/depth?symbol={symbol}")["bids"] == []


def test_balances_say_where_money_is(venue: ShardedVenue) -> None:
    shown = venue.get("/api/v1/capital", "balanceQuery")["USDC"]
    held = venue.held(TRADER_ACCOUNT)
    assert shown["available"] == str(sum(held) // UNIT) or float(shown["available"]) == sum(held) / UNIT
    assert [part["shard"] for part in shown["shards"]] == [0, 1] and shown["inFlight"] == "0"
    place(venue, "BTC_USDC")
    shown = venue.get("/api/v1/capital", "balanceQuery")["USDC"]
    assert [part["locked"] for part in shown["shards"]] == ["0", "100"] and shown["locked"] == "100"


def test_a_move_is_done_once_and_listed(venue: ShardedVenue) -> None:
    before = venue.held(TRADER_ACCOUNT, SOLS)
    asked = {"symbol": "SOL", "quantity": "2.5", "from": 1, "to": 0, "clientId": "there and back"}
    for _ in range(3):
        answer = venue.send("POST", TRANSFER, "transfer", asked)
        assert answer.status_code == 200, answer.text
    other = {"symbol": "SOL", "quantity": "1", "from": 1, "to": 0}
    assert venue.send("POST", TRANSFER, "transfer", other).status_code == 200
    assert venue.send("POST", TRANSFER, "transfer", asked).status_code == 200, (
        "also when it is not the last one any more"
    )
    moved = 3_500_000_000
    assert venue.held(TRADER_ACCOUNT, SOLS) == [before[0] + moved, before[1] - moved]
    newest, one = venue.get(TRANSFER, "transferQueryAll")[:2]
    assert (newest["quantity"], one["quantity"], one["status"]) == ("1", "2.5", "complete")
    named = venue.get(TRANSFER, "transferQueryAll", {"clientId": "there and back"})
    assert [move["id"] for move in named] == [one["id"]]
    refused = venue.send("POST", TRANSFER, "transfer", asked | {"quantity": "3"})
    assert refused.status_code == 400


def auto_transfer(venue: ShardedVenue, wanted: bool) -> None:
    assert venue.send("PATCH", "/api/v1/account", "accountUpdate", {"autoTransfer": wanted}).is_success
    eventually(lambda: venue.get("/api/v1/account", "accountQuery")["autoTransfer"], wanted)


@pytest.fixture
def lacking(venue: ShardedVenue) -> Iterator[None]:
    """The account has no USDC where BTC_USDC trades, until the end of the test; and has asked for help."""
    there = venue.held(TRADER_ACCOUNT)[1]
    asked = {"symbol": "USDC", "quantity": f"{there // UNIT}.{there % UNIT:06}", "from": 1, "to": 0}
    assert venue.send("POST", TRANSFER, "transfer", asked).is_success
    assert venue.held(TRADER_ACCOUNT)[1] == 0
    auto_transfer(venue, True)
    yield
    auto_transfer(venue, False)
    assert venue.send("POST", TRANSFER, "transfer", asked | {"from": 0, "to": 1}).is_success


@pytest.mark.usefixtures("lacking")
async def test_orders_bring_their_funds_on_every_way(venue: ShardedVenue) -> None:
    order = {"symbol": "BTC_USDC", **ORDER}
    await asyncio.to_thread(place, venue, "BTC_USDC")
    batch = await asyncio.to_thread(venue.send, "POST", "/api/v1/orders", "orderExecute", [order] * 5)
    assert [item["operation"] for item in batch.json()] == ["Ok"] * 5
    async with trading(venue.port) as trader:
        for number in range(8):
            await trader.socket.send(json.dumps({"id": number, "method": "order.place", "params": order}))
        assert [(await trader.answer())["status"] for _ in range(8)] == [200] * 8
    assert venue.held(TRADER_ACCOUNT)[1] == 0
    assert len(venue.get("/api/v1/orders", "orderQueryAll", {"symbol": "BTC_USDC"})) == 14
    assert venue.get("/api/v1/capital", "balanceQuery")["USDC"]["locked"] == "1400"


@pytest.mark.usefixtures("lacking")
def test_a_market_order_and_what_is_too_much(venue: ShardedVenue) -> None:
    place(venue, "BTC_USDC", READER, side="Ask", price="50", quantity="2")
    bought = place(venue, "BTC_USDC", orderType="Market", price="", quantity="1.5")
    assert (bought["status"], bought["executedQuoteQuantity"]) == ("Filled", "75")
    lots = sum(venue.held(TRADER_ACCOUNT)) // (100_000 * UNIT) + 1
    order = {"symbol": "BTC_USDC", **ORDER, "price": "100000", "quantity": str(lots)}
    before = venue.held(TRADER_ACCOUNT)
    refused = venue.send("POST", "/api/v1/order", "orderExecute", order)
    assert refused.json()["code"] == "INSUFFICIENT_FUNDS"
    assert venue.held(TRADER_ACCOUNT) == before


def test_who_has_not_asked_for_it_is_refused(venue: ShardedVenue) -> None:
    there = venue.held(TRADER_ACCOUNT)[1] // UNIT
    order = {"symbol": "BTC_USDC", **ORDER, "price": str(there + 1)}
    assert venue.send("POST", "/api/v1/order", "orderExecute", order).json()["code"] == "INSUFFICIENT_FUNDS"
    assert venue.send("POST", "/api/v1/order/test", "orderTest", order).json()["code"] == "INSUFFICIENT_FUNDS"


def test_a_withdrawal_fetches_what_home_lacks(venue: ShardedVenue) -> None:
    before = venue.held(READER_ACCOUNT, BTCS)
    whole, part = divmod(sum(before) - 5, 10**8)
    address = {"symbol": "BTC", "address": f"account-{TRADER_ACCOUNT}", "blockchain": "Internal"}
    asked = address | {"quantity": f"{whole}.{part:08}", "clientId": f"all {before}"}
    for _ in range(2):
        answer = venue.send("POST", "/wapi/v1/capital/withdrawals", "withdraw", asked, READER)
        assert answer.status_code == 200, answer.text
    assert sum(venue.held(READER_ACCOUNT, BTCS)) == 5
    back = address | {"address": f"account-{READER_ACCOUNT}", "quantity": asked["quantity"]}
    assert venue.send("POST", "/wapi/v1/capital/withdrawals", "withdraw", back).is_success
    there = {"symbol": "BTC", "quantity": "10000", "from": 0, "to": 1}
    assert venue.send("POST", TRANSFER, "transfer", there, READER).is_success


def test_an_administrator_closes_a_market_where_it_trades(venue: ShardedVenue) -> None:
    path, named = "/api/v1/admin/market", {"symbol": "BTC_USDC"}
    closed = venue.send("PATCH", path, "adminMarketUpdate", named | {"state": "Closed"}, ADMIN)
    assert closed.json()["orderBookState"] == "Closed"
    refused = venue.send("POST", "/api/v1/order", "orderExecute", {"symbol": "BTC_USDC", **ORDER})
    assert (refused.status_code, refused.json()["code"]) == (503, "TRADING_PAUSED")
    assert venue.send("PATCH", path, "adminMarketUpdate", named | {"state": "Open"}, ADMIN).is_success
    place(venue, "BTC_USDC")


def test_a_frozen_account_is_frozen_in_every_shard(venue: ShardedVenue) -> None:
    path, account = "/api/v1/admin/account", {"account": READER_ACCOUNT}
    frozen = venue.send("PATCH", path, "adminAccountUpdate", account | {"frozen": True}, ADMIN)
    assert frozen.json()["frozen"] is True
    for symbol in MARKETS:
        refused = venue.send("POST", "/api/v1/order", "orderExecute", {"symbol": symbol, **ORDER}, READER)
        assert refused.json()["code"] == "ACCOUNT_DEACTIVATED"
    assert venue.send("PATCH", path, "adminAccountUpdate", account | {"frozen": False}, ADMIN).is_success
    for symbol in MARKETS:
        place(venue, symbol, READER)


def test_a_new_account_trades_in_both_at_once(venue: ShardedVenue) -> None:
    key = SigningKey(b"n" * 32)
    number = venue.send("POST", "/api/v1/admin/account", "adminAccountCreate", {}, ADMIN).json()["account"]
    public = base64.b64encode(bytes(key.verify_key)).decode()
    made = {"account": number, "apiKey": public, "permissions": ["read", "trade"]}
    assert venue.send("POST", "/api/v1/admin/keys", "adminKeyCreate", made, ADMIN).is_success
    for symbol in MARKETS:
        refused = venue.send("POST", "/api/v1/order", "orderExecute", {"symbol": symbol, **ORDER}, key)
        assert refused.json()["code"] == "INSUFFICIENT_FUNDS", "it is known there"


async def test_streams_of_both(venue: ShardedVenue) -> None:
    async with connect(f"ws://127.0.0.1:{venue.ws_port}/", proxy=None, open_timeout=60) as socket:
        listener = Listener(socket)
        await listener.subscribe(*(f"depth.{symbol}" for symbol in MARKETS), *(f"trade.{symbol}" for symbol in MARKETS))
        await listener.subscribe(
            "account.orderUpdate", "account.balanceUpdate", signature=signature(TRADER_ACCOUNT, key=TRADER)
        )
        total = sum(venue.held(TRADER_ACCOUNT))
        for symbol in MARKETS:
            await asyncio.to_thread(place, venue, symbol)
            seen = [await listener.event() for _ in range(3)]
            kinds = {event["data"]["e"]: event["data"] for event in seen}
            assert set(kinds) == {"depth", "orderAccepted", "balanceUpdate"}
            assert kinds["depth"]["s"] == kinds["orderAccepted"]["s"] == symbol
            total -= 100 * UNIT
            assert float(kinds["balanceUpdate"]["A"]) == total / UNIT, "of both shards together"
            await asyncio.to_thread(place, venue, symbol, READER, side="Ask")
            while (event := await listener.event())["stream"] != f"trade.{symbol}":
                pass
            assert event["data"]["p"] == "100"
            while not await listener.silent():
                listener.kept.clear()


def test_a_market_moves_and_clients_notice_nothing(venue: ShardedVenue) -> None:
    """As `exchange market move` does it: closed, emptied, away, here; and back."""
    first = place(venue, "BTC_USDC", clientId=4711)
    place(venue, "BTC_USDC", READER, side="Ask")
    trades = venue.tell("/api/v1/trades?symbol=BTC_USDC&limit=1")[0]["id"]
    for source, target in ((1, 0), (0, 1)):
        move_market(venue, source, target)
        assert place(venue, "BTC_USDC", clientId=4711)["id"] == first["id"], "a repeat is no new order"
        order = place(venue, "BTC_USDC")
        assert shard_of_order(int(order["id"])) == target
        assert place(venue, "BTC_USDC", READER, side="Ask")["status"] == "Filled"
        trades += 1
        assert venue.tell("/api/v1/trades?symbol=BTC_USDC&limit=1")[0]["id"] == trades
        listed = venue.get("/wapi/v1/history/orders", "orderHistoryQueryAll", {"symbol": "BTC_USDC", "limit": "1000"})
        assert listed[0]["id"] == order["id"] and first["id"] in [each["id"] for each in listed]
        place(venue, "BTC_USDC", price="99")
        assert venue.tell("/api/v1/depth?symbol=BTC_USDC")["bids"] == [["99", "1"]]
        venue.send("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": "BTC_USDC"})


def move_market(venue: ShardedVenue, source: int, target: int) -> None:
    venue.append(source, admin(CommandKind.MARKET_STATE, market=BTC, code=MarketState.CLOSED))
    venue.append(source, admin(CommandKind.MARKET_STATE, market=BTC, code=MarketState.ELSEWHERE))
    venue.append(target, arrival(venue, source))


def arrival(venue: ShardedVenue, source: int) -> np.ndarray:
    """The command that lets the market go on where it comes to."""
    header, records = venue.gateways[source].query(QueryKind.SETUP)
    [left] = records[(records["kind"] == CommandKind.MARKET_STATE) & (records["market"] == BTC)]
    numbers = {name: int(left[name]) for name in ("trades", "update_id", "last_ticks")}
    here = admin(CommandKind.MARKET_STATE, market=BTC, code=MarketState.OPEN, flags=MarketFlag.MOVES_HERE, **numbers)
    here["asset"], here["d"] = source, int(header["entry_ms"])
    return here


def test_an_order_on_its_way_waits_for_the_market(venue: ShardedVenue) -> None:
    """It was sent while the market was nowhere."""
    venue.append(1, admin(CommandKind.MARKET_STATE, market=BTC, code=MarketState.ELSEWHERE))
    refused = venue.send("POST", "/api/v1/order", "orderExecute", {"symbol": "BTC_USDC", **ORDER})
    assert (refused.status_code, refused.json()["code"]) == (503, "MAINTENANCE")
    markets = {market["symbol"]: market["orderBookState"] for market in venue.tell("/api/v1/markets")}
    assert markets["BTC_USDC"] == "Closed"
    venue.append(1, arrival(venue, 1))
    place(venue, "BTC_USDC")
