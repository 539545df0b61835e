"""The reads: shapes and formats."""

import re
from typing import Any

import numpy as np
import pytest

from engine_core.replica.records import TRADE
from engine_core.transport.gateway import OutcomeUnknown
from engine_core.wire.codes import EventKind, OrderFlag, QueryKind
from engine_core.wire.layout import join
from engine_core.wire.query_records import BALANCE
from tests.ingress.fakes import Exchange, event
from tests.markets import BTC, SOL


async def get(exchange: Exchange, path: str) -> Any:
    response = await exchange.client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def test_status(exchange: Exchange) -> None:
    assert await get(exchange, "/api/v1/status") == {"status": "Ok", "message": None}


async def test_status_asks_the_engine_at_most_once_a_second(exchange: Exchange) -> None:
    for _ in range(5):
        await get(exchange, "/api/v1/status")
    assert [kind for kind, _ in exchange.gateway.queries] == [QueryKind.STATUS]


@pytest.mark.parametrize("problem", [TimeoutError(), OutcomeUnknown("?"), ConnectionError("refused")])
async def test_status_is_not_ok_when_the_engine_does_not_answer(exchange: Exchange, problem: Exception) -> None:
    exchange.gateway.records[QueryKind.STATUS] = problem
    assert (await get(exchange, "/api/v1/status"))["status"] == "Maintenance"


async def test_status_is_not_ok_without_the_log(exchange: Exchange) -> None:
    exchange.gateway.healthy = False
    assert (await get(exchange, "/api/v1/status"))["status"] == "Maintenance"


async def test_status_is_not_ok_while_new_orders_are_refused(exchange: Exchange) -> None:
    exchange.gateway.pressure = "20001 blocks are not executed yet"
    status = await get(exchange, "/api/v1/status")
    assert status["status"] == "Maintenance"
    assert "20001" in status["message"]


async def test_ping_and_time_are_plain_text(exchange: Exchange) -> None:
    ping, now = await exchange.client.get("/api/v1/ping"), await exchange.client.get("/api/v1/time")
    assert (ping.text, ping.headers["content-type"]) == ("pong", "text/plain; charset=utf-8")
    assert re.fullmatch(r"\d{13}", now.text)
    assert now.headers["content-type"].startswith("text/plain")


async def test_assets(exchange: Exchange) -> None:
    assets = {asset["symbol"]: asset for asset in await get(exchange, "/api/v1/assets")}
    assert set(assets) == {"USDC", "SOL", "BTC"}
    assert assets["SOL"]["displayName"] == "Solana"
    (token,) = assets["USDC"]["tokens"]
    assert (token["nativeDecimals"], token["minimumDeposit"]) == (6, "0.000001")
    assert {"blockchain", "contractAddress", "depositEnabled", "withdrawEnabled", "withdrawalFee"} <= set(token)


async def test_market(exchange: Exchange) -> None:
    market = await get(exchange, "/api/v1/market?symbol=SOL_USDC")
    assert market["filters"]["price"] | {"maxPrice": "21474836.47"} == market["filters"]["price"]
    assert market["filters"]["price"]["tickSize"] == market["filters"]["price"]["minPrice"] == "0.01"
    assert (market["filters"]["price"]["maxMultiplier"], market["filters"]["price"]["minMultiplier"]) == ("1.25", "0.8")
    quantity = {"stepSize": "0.01", "minQuantity": "0.1", "maxQuantity": "100000", "maxIcebergParts": 2000}
    assert market["filters"]["quantity"] == quantity
    assert (market["orderBookState"], market["visible"], market["marketType"]) == ("Open", True, "SPOT")
    assert market["createdAt"] == "2023-11-14T22:13:20.123"
    assert market["fundingInterval"] is None


async def test_markets(exchange: Exchange) -> None:
    symbols = [market["symbol"] for market in await get(exchange, "/api/v1/markets?marketType=SPOT&marketType=SPOT")]
    assert symbols == ["SOL_USDC", "BTC_USDC"]
    assert await get(exchange, "/api/v1/markets?marketType=PERP") == []
    bands = (await get(exchange, "/api/v1/market?symbol=BTC_USDC"))["filters"]["price"]
    assert (bands["maxMultiplier"], bands["minMultiplier"], bands["maxImpactMultiplier"]) == (None, None, None)


async def test_a_parameter_that_is_not_known_is_ignored(exchange: Exchange) -> None:
    """As clients of such APIs expect, who add their own; one that is known and wrong is not."""
    assert await get(exchange, "/api/v1/markets?nothing=1") == await get(exchange, "/api/v1/markets")
    assert (await exchange.client.get("/api/v1/depth?symbol=SOL_USDC&limit=many")).status_code == 400


async def test_depth_ascends_on_both_sides_and_keeps_the_best(exchange: Exchange) -> None:
    depth = await get(exchange, "/api/v1/depth?symbol=SOL_USDC")
    assert depth["bids"] == [["98", "3"], ["99", "2"], ["99.5", "0.01"]]
    assert depth["asks"] == [["100.5", "4"], ["101", "5.5"]]
    assert depth["lastUpdateId"] == "8841"
    assert isinstance(depth["timestamp"], int) and len(str(depth["timestamp"])) == 16
    best = await get(exchange, "/api/v1/depth?symbol=SOL_USDC&limit=1")
    assert (best["bids"], best["asks"]) == ([["99.5", "0.01"]], [["100.5", "4"]])


async def test_a_book_that_is_read_again_is_not_served(exchange: Exchange) -> None:
    exchange.service.market_data.depth.halt(SOL)
    assert (await exchange.client.get("/api/v1/depth?symbol=SOL_USDC")).status_code == 503


def add_trades(exchange: Exchange) -> None:
    now = exchange.service.market_data.times_ms[0] = 1_900_000_000_000
    trades = np.zeros(3, TRADE)
    trades["market"], trades["trade_id"] = SOL, [1, 2, 3]
    trades["maker_side"], trades["price_ticks"], trades["lots"] = [1, 2, 1], [10_000, 10_200, 9_900], [100, 50, 25]
    trades["time_ms"] = [now - 2000, now - 1000, now]
    exchange.service.market_data.trades.add(trades)


async def test_trades(exchange: Exchange) -> None:
    add_trades(exchange)
    newest, middle, _ = await get(exchange, "/api/v1/trades?symbol=SOL_USDC")
    assert newest == {
        "id": 3,
        "price": "99",
        "quantity": "0.25",
        "quoteQuantity": "24.75",
        "timestamp": 1_900_000_000_000,
        "isBuyerMaker": True,
    }
    assert middle["isBuyerMaker"] is False
    assert len(await get(exchange, "/api/v1/trades?symbol=SOL_USDC&limit=2")) == 2


async def test_tickers(exchange: Exchange) -> None:
    add_trades(exchange)
    ticker, quiet = await get(exchange, "/api/v1/tickers")
    assert ticker == {
        "symbol": "SOL_USDC",
        "firstPrice": "100",
        "lastPrice": "99",
        "high": "102",
        "low": "99",
        "priceChange": "-1",
        "priceChangePercent": "-0.01",
        "volume": "1.75",
        "quoteVolume": "175.75",
        "trades": "3",
    }
    assert await get(exchange, "/api/v1/ticker?symbol=SOL_USDC&interval=1w") == ticker
    assert (quiet["lastPrice"], quiet["volume"], quiet["trades"]) == ("0", "0", "0")


STUBS = (
    "securities",
    "collateral",
    "wallets",
    "markPrices",
    "openInterest",
    "fundingRates",
    "borrowLend/markets",
    "prediction",
)


@pytest.mark.parametrize("name", STUBS)
async def test_what_a_spot_exchange_has_none_of(exchange: Exchange, name: str) -> None:
    assert await get(exchange, f"/api/v1/{name}") == []


async def test_capital(exchange: Exchange) -> None:
    balances = np.zeros(2, BALANCE)
    balances["asset"], balances["available"], balances["locked"] = [1, 2], [1_000_000_001, 0], [25_500_000, 10**9]
    exchange.gateway.records[QueryKind.BALANCES] = balances
    response = await exchange.signed("GET", "/api/v1/capital", "balanceQuery")
    assert response.json() == {
        "USDC": {"available": "1000.000001", "locked": "25.5", "staked": "0"},
        "SOL": {"available": "0", "locked": "1", "staked": "0"},
    }


async def test_account(exchange: Exchange) -> None:
    state = {"price_ticks": 1, "quantity_lots": 1}
    exchange.gateway.records[QueryKind.ORDERS] = join(
        [
            event(EventKind.ORDER_STATE, **state),
            event(EventKind.ORDER_STATE, **state),
            event(EventKind.ORDER_STATE, flags=OrderFlag.TRIGGER, **state),
        ]
    )
    account = (await exchange.signed("GET", "/api/v1/account", "accountQuery")).json()
    assert (account["spotMakerFee"], account["spotTakerFee"]) == ("2", "5")
    assert (account["limitOrders"], account["triggerOrders"]) == (2, 1)
    assert account["liquidating"] is False


@pytest.mark.parametrize(
    ("params", "quantity"),
    [
        ({"side": "Ask"}, "2.5"),
        ({"side": "Bid", "price": "200"}, "5"),
        ({"side": "Bid", "price": "300"}, "3.33"),
        ({"side": "Bid"}, "9.95"),  # at the best ask, 100.5
    ],
)
async def test_the_largest_order(exchange: Exchange, params: dict[str, str], quantity: str) -> None:
    balances = np.zeros(2, BALANCE)
    balances["asset"], balances["available"] = [1, 2], [1_000_000_000, 2_509_999_999 - 9_999_999]
    exchange.gateway.records[QueryKind.BALANCES] = balances
    path = "/api/v1/account/limits/order"
    response = await exchange.signed("GET", path, "maxOrderQuantity", {"symbol": "SOL_USDC"} | params)
    assert response.json() == {"symbol": "SOL_USDC", "side": params["side"], "maxOrderQuantity": quantity}


async def test_history_orders_pass_their_filters_on_and_tell_the_pages(exchange: Exchange) -> None:
    exchange.history.rows, exchange.history.total = [{"id": "1"}], 241
    params = {"symbol": "BTC_USDC", "orderId": "9", "limit": "20", "offset": "40", "sortDirection": "Asc"}
    response = await exchange.signed("GET", "/wapi/v1/history/orders", "orderHistoryQueryAll", params)
    assert response.json() == [{"id": "1"}]
    pages = {name: response.headers[name] for name in ("X-PAGE-COUNT", "X-CURRENT-PAGE", "X-PAGE-SIZE", "X-TOTAL")}
    assert pages == {"X-PAGE-COUNT": "13", "X-CURRENT-PAGE": "3", "X-PAGE-SIZE": "20", "X-TOTAL": "241"}
    ((name, args, filters),) = exchange.history.asked
    assert (name, args) == ("orders", (2,))
    assert filters == {"market": BTC, "order_id": 9, "limit": 20, "offset": 40, "ascending": True, "from_id": None}


async def test_history_fills_take_a_time_range(exchange: Exchange) -> None:
    params = {"fillType": "User", "from": "5", "to": "7"}
    await exchange.signed("GET", "/wapi/v1/history/fills", "fillHistoryQueryAll", params)
    ((_, _, filters),) = exchange.history.asked
    assert (filters["from_ms"], filters["to_ms"], filters["limit"], filters["ascending"]) == (5, 7, 100, False)
    backwards = {"from": "7", "to": "5"}
    response = await exchange.signed("GET", "/wapi/v1/history/fills", "fillHistoryQueryAll", backwards)
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_RANGE")


@pytest.mark.parametrize(
    ("name", "instruction"), [("deposits", "depositQueryAll"), ("withdrawals", "withdrawalQueryAll")]
)
async def test_transfers_end_at_to_or_at_end_time(exchange: Exchange, name: str, instruction: str) -> None:
    for parameter in ("to", "endTime"):
        await exchange.signed("GET", f"/wapi/v1/capital/{name}", instruction, {parameter: "9"})
        asked, args, filters = exchange.history.asked.pop()
        assert (asked, args, filters["to_ms"]) == (name, (2,), 9)


async def test_klines_ask_for_the_span_in_milliseconds(exchange: Exchange) -> None:
    await get(exchange, "/api/v1/klines?symbol=BTC_USDC&interval=1month&startTime=10&endTime=20&priceType=Last")
    assert exchange.history.asked == [("klines", (BTC, "1month", 10_000, 20_000), {"limit": 1000})]


@pytest.mark.parametrize("path", ["trades?symbol=SOL_USDC", "ticker?symbol=SOL_USDC", "tickers"])
async def test_nothing_is_told_of_trades_before_those_of_earlier_are_there(exchange: Exchange, path: str) -> None:
    """An empty list from a process that has just been started would say that there were none."""
    exchange.service.market_data.filled = False
    response = await exchange.client.get(f"/api/v1/{path}")
    assert response.status_code == 503 and response.json()["code"] == "MAINTENANCE" and response.headers["Retry-After"]
    exchange.service.market_data.filled = True
    assert (await exchange.client.get(f"/api/v1/{path}")).status_code == 200
    await get(exchange, "/api/v1/depth?symbol=SOL_USDC")


async def test_trades_that_the_log_has_no_more_come_from_the_database(exchange: Exchange) -> None:
    exchange.history.rows = [{"id": 9}]
    exchange.service.market_data.begins_midway = True
    object.__setattr__(exchange.service.config, "database_url", "postgresql:///elsewhere")
    assert await get(exchange, "/api/v1/trades?symbol=SOL_USDC&limit=5") == [{"id": 9}]
    exchange.history.available = False
    assert (await exchange.client.get("/api/v1/trades?symbol=SOL_USDC")).status_code == 503
