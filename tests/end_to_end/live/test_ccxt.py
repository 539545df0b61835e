"""ccxt, sync, async and pro: every row of the mapping of its methods to our endpoints."""

import asyncio
import json
from decimal import Decimal
from functools import partial
from typing import Any

import ccxt
import pytest

from tests.end_to_end.clients.ccxt_forms import FORMS, REST_ROWS, WATCH_ROWS, Client, clients
from tests.exchange import Exchange

MARKETS = {"SOL/USDC", "BTC/USDC", "ETH/USDC", "XRP/USDC", "ETH/BTC"}
INTERVALS = ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
MAKER_FEE = Decimal("0.0002")
Funds = dict[str, Decimal]


@pytest.mark.parametrize("form", FORMS)
async def test_every_row_of_rest(exchange: Exchange, form: str) -> None:
    async with clients(exchange, form) as (buyer, seller):
        await trade(buyer, seller)
        await read_the_market(buyer)
        await order_in_every_way(buyer, seller)
        await move_funds(buyer, form)
        assert buyer.used >= REST_ROWS, REST_ROWS - buyer.used


async def trade(buyer: Client, seller: Client) -> None:
    """A maker's order, filled in part, read by every method that knows it, and cancelled."""
    symbol = "SOL/USDC"
    before = await buyer.fetch_balance()
    resting = await buyer.create_order(symbol, "limit", "buy", 3, 100)
    assert resting["status"] == "open" and resting["id"]
    assert [order["id"] for order in await buyer.fetch_open_orders(symbol)] == [resting["id"]]
    assert (await buyer.fetch_order_book(symbol))["bids"][0][:2] == [100, 3]
    assert (await buyer.fetch_balance())["USDC"]["used"] == 300
    taken = await seller.create_order(symbol, "market", "sell", 1.25)
    assert (taken["status"], taken["filled"], taken["average"]) == ("closed", 1.25, 100)
    assert (await buyer.fetch_open_order(resting["id"], symbol))["remaining"] == 1.75
    for trader, side, role, fee in (
        (buyer, "buy", "maker", ("SOL", 0.00025)),
        (seller, "sell", "taker", ("USDC", 0.0625)),
    ):
        mine = (await trader.fetch_my_trades(symbol))[-1]
        assert (mine["side"], mine["price"], mine["amount"], mine["takerOrMaker"]) == (side, 100, 1.25, role)
        assert (mine["fee"]["currency"], mine["fee"]["cost"]) == fee
    cancelled = await buyer.cancel_order(resting["id"], symbol)
    assert (cancelled["status"], cancelled["filled"]) == ("canceled", 1.25)
    ended = await buyer.fetch_order(resting["id"], symbol)
    assert (ended["status"], ended["filled"], ended["cost"]) == ("canceled", 1.25, 125)
    assert {order["id"]: order["status"] for order in await buyer.fetch_orders(symbol)}[resting["id"]] == "canceled"
    after = await buyer.fetch_balance()
    assert after["USDC"]["used"] == 0 and after["USDC"]["total"] == pytest.approx(before["USDC"]["total"] - 125)
    assert after["SOL"]["total"] == pytest.approx(before["SOL"]["total"] + 1.25 * float(1 - MAKER_FEE))


async def read_the_market(client: Client) -> None:
    symbol = "SOL/USDC"
    markets = await client.load_markets()
    assert markets.keys() >= MARKETS and markets[symbol]["precision"]["price"] == 0.01 and markets[symbol]["active"]
    assert (await client.fetch_status())["status"] == "ok"
    assert await client.fetch_time() == 1, "the first character of the plain text: a quirk of ccxt, not of the exchange"
    assert (await client.fetch_ticker(symbol))["last"] == 100
    tickers = await client.fetch_tickers()
    assert set(tickers) == set(markets) and tickers[symbol]["last"] == 100
    assert set(await client.fetch_tickers([symbol])) == {symbol}
    book = await client.fetch_order_book(symbol, 7)
    assert book["nonce"] > 0 and book["bids"] == [] and book["asks"] == []
    latest = (await client.fetch_trades(symbol))[-1]
    assert (latest["price"], latest["amount"], latest["side"]) == (100, 1.25, "sell")
    assert (await client.fetch_trades(symbol, None, 1, {"offset": 0}))[0]["id"] == latest["id"]
    for interval in INTERVALS:
        candles = await client.fetch_ohlcv(symbol, interval, None, None, {"until": latest["timestamp"] + 2000})
        (candle,) = [row for row in candles if row[0] <= latest["timestamp"]][-1:]
        assert candle[4] == 100 and candle[5] >= 1.25, interval
    assert {"15", "30"} <= client.raw.timeframes.keys(), "a quirk: those of 15 and 30 minutes are misnamed"


async def order_in_every_way(buyer: Client, seller: Client) -> None:
    """Batches with a refusal among them, triggers, market orders by cost, a retry, an edit."""
    symbol = "XRP/USDC"
    basic = {"symbol": symbol, "type": "limit", "side": "buy", "amount": 10, "price": 0.4}
    ask = {**basic, "side": "sell", "price": 0.5, "params": {"postOnly": True}}
    refused, bid, sold = await buyer.create_orders([basic, {**basic, "price": 1e9}, ask])
    assert refused["id"] is None, "ccxt sorts answers by time: a refusal, which has none, comes first"
    assert refused["info"]["operation"] == "Err" and refused["info"]["code"] == "INVALID_PRICE"
    assert (bid["price"], sold["price"], bid["info"]["operation"]) == (0.4, 0.5, "Ok")
    with pytest.raises(ccxt.BadRequest, match="1 to 20 orders, not 0"):
        await buyer.create_orders([])
    bought = await seller.create_order(symbol, "market", "buy", None, None, {"cost": "2"})
    assert (bought["status"], bought["filled"], bought["cost"]) == ("closed", 4, 2)
    stop = await buyer.create_order(symbol, "market", "sell", 2, None, {"triggerPrice": "0.45"})
    assert stop["status"] == "open" and stop["info"]["status"] == "TriggerPending"
    assert (await buyer.fetch_order(stop["id"], symbol))["status"] == "open"
    assert {order["id"] for order in await buyer.fetch_open_orders()} == {stop["id"], bid["id"], sold["id"]}
    assert (await buyer.cancel_order("", symbol, {"orderId": stop["id"]}))["id"] == stop["id"]
    edited = await buyer.edit_order(bid["id"], symbol, "limit", "buy", 11, 0.41)
    assert (edited["price"], edited["amount"]) == (0.41, 11) and edited["id"] != bid["id"]
    number = {"clientOrderId": (int(edited["id"]) >> 24) % 2**32}
    first = await buyer.create_order(symbol, "limit", "buy", 1, 0.3, number)
    again = await buyer.create_order(symbol, "limit", "buy", 1, 0.3, number)
    assert again["id"] == first["id"], "a retry with the same clientId is the same order"
    assert (await buyer.cancel_order("", symbol, {"clientId": number["clientOrderId"]}))["id"] == first["id"]
    ended = await buyer.create_order(symbol, "limit", "buy", 1, 0.3, number)
    assert (ended["id"], ended["status"]) == (first["id"], "canceled"), "nor does it come back after its end"
    gone = {order["id"] for order in await buyer.cancel_all_orders(symbol)}
    assert gone == {edited["id"], sold["id"]} and await buyer.fetch_open_orders(symbol) == []


async def move_funds(client: Client, form: str) -> None:
    deposits = await client.fetch_deposits()
    assert deposits and all(deposit["status"] == "ok" for deposit in deposits)
    assert await client.fetch_deposits("SOL") == [d for d in deposits if d["currency"] == "SOL"]
    until = deposits[0]["timestamp"] - 1
    assert await client.fetch_deposits(None, None, None, {"until": until}) == [], "ccxt sends `endTime`, not `to`"
    network = {"network": "Internal"}
    address = await client.fetch_deposit_address("USDC", network)
    assert address["address"].startswith("account-") and address["currency"] == "USDC"
    before = await client.fetch_balance()
    sent = await client.withdraw("USDC", 12.5, "DE89370400440532013000", {**network, "clientId": f"rent of {form}"})
    after = await client.fetch_balance()
    assert after["USDC"]["free"] == pytest.approx(before["USDC"]["free"] - 12.5)
    told = {one["id"]: one for one in await client.fetch_withdrawals()}[sent["id"]]
    assert (told["amount"], told["addressTo"], told["status"]) == (12.5, "DE89370400440532013000", "ok")


def keys_of_the_fee_account(exchange: Exchange) -> Any:
    made = exchange.command("keys", "create", "--account", "1")
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


async def holdings(*traders: Client) -> Funds:
    """What these accounts have together."""
    total: Funds = {}
    for trader in traders:
        for asset, has in (await trader.private_get_api_v1_capital()).items():
            total[asset] = total.get(asset, Decimal(0)) + Decimal(has["available"]) + Decimal(has["locked"])
    return total


async def test_what_one_account_loses_others_gain(exchange: Exchange) -> None:
    """Balances of both traders and of the account that gets the fees: together the same before and after trades."""
    async with clients(exchange, "async") as (buyer, seller), clients(exchange, "async") as (fees, _):
        keys = keys_of_the_fee_account(exchange)
        fees.raw.apiKey, fees.raw.secret = keys["apiKey"], keys["secret"]
        everybody, before = await holdings(buyer, seller, fees), await holdings(fees)
        for price in (49_999, 50_000.1):
            await buyer.create_order("BTC/USDC", "limit", "buy", 0.03, price)
        sold = await seller.create_order("BTC/USDC", "limit", "sell", 0.05, 49_999, {"timeInForce": "IOC"})
        assert sold["filled"] == 0.05
        paid: Funds = {}
        for trader in (buyer, seller):
            for fill in (await trader.fetch_my_trades("BTC/USDC"))[-2:]:
                symbol = fill["info"]["feeSymbol"]
                paid[symbol] = paid.get(symbol, Decimal(0)) + Decimal(fill["info"]["fee"])
        assert await holdings(buyer, seller, fees) == everybody
        after = await holdings(fees)
        gained = {asset: after[asset] - before.get(asset, Decimal(0)) for asset in after}
        assert {asset: gain for asset, gain in gained.items() if gain} == paid and paid.keys() == {"BTC", "USDC"}


async def test_every_row_of_watching(exchange: Exchange) -> None:
    """On a market that trades, and meanwhile on one where nothing happens: there the book comes with heartbeats."""
    symbol, idle = "ETH/USDC", "ETH/BTC"
    async with clients(exchange, "pro") as (buyer, seller):
        await buyer.create_order(idle, "limit", "buy", 7, 0.03)
        quiet_book = buyer.watch("watch_order_book", lambda book: bool(book["bids"]), idle)
        await seller.create_order(symbol, "limit", "sell", 5, 80)
        watches = [
            buyer.watch("watch_trades", lambda trades: trades[-1]["price"] == 80, symbol),
            buyer.watch("watch_ticker", lambda ticker: ticker["last"] == 80, symbol),
            buyer.watch("watch_tickers", lambda tickers: symbol in tickers, [symbol]),
            buyer.watch("watch_bids_asks", lambda best: best[symbol]["ask"] == 80, [symbol]),
            candles := buyer.watch("watch_ohlcv", lambda rows: rows[-1][4] == 80, symbol, "1m"),
            buyer.watch("watch_order_book", lambda book: book["asks"] and book["asks"][0][0] == 80, symbol),
            buyer.watch("watch_orders", lambda orders: orders[-1]["status"] == "closed"),
            buyer.watch("watch_orders", lambda orders: orders[-1]["status"] == "closed", symbol),
            balance := buyer.watch("watch_balance", lambda found: found.get("ETH", {}).get("free", 0) > 0),
        ]
        silent = [buyer.watch("watch_positions", bool), buyer.watch("watch_positions", bool, [symbol])]
        await until_done(watches, lambda: buyer.create_order(symbol, "limit", "buy", 0.01, 80))
        minute = (await buyer.fetch_ohlcv(symbol, "1m"))[-1][0]
        assert candles.result()[-1][0] - minute in (0, 60_000), "a quirk: stamped with the end, by REST with the start"
        assert balance.result()["ETH"]["free"] <= (await buyer.fetch_balance())["ETH"]["free"]
        assert (await quiet_book)["bids"][0][:2] == [0.03, 7]
        assert not any(watch.done() for watch in silent), "accepted, and nothing ever comes"
        assert await buyer.un_watch_trades(symbol) is None, "a quirk: it does not wait for the server"
        for watch in silent:
            watch.cancel()
        await asyncio.gather(*silent, return_exceptions=True)
        assert buyer.used >= WATCH_ROWS, WATCH_ROWS - buyer.used


async def until_done(watches: "list[asyncio.Task[Any]]", act: Any) -> None:
    """Act again and again, since ccxt waits for no acknowledgement of a subscription."""
    pending = set(watches)
    while pending:
        await act()
        done, pending = await asyncio.wait(pending, timeout=0.3)
        for watch in done:
            watch.result()


async def test_the_sequence_of_fills_that_maker_and_taker_are_told(exchange: Exchange) -> None:
    symbol = "BTC/USDC"
    async with clients(exchange, "pro") as (maker, taker):
        told = {client: recorded(client) for client in (maker, taker)}
        for client in (maker, taker):
            opened = client.watch("watch_orders", bool, symbol)
            await until_done([opened], partial(client.create_order, symbol, "limit", "buy", 0.01, 10_000))
            await client.cancel_all_orders(symbol)
        resting = await maker.create_order(symbol, "limit", "sell", 0.5, 60_000)
        for amount in (0.2, 0.3):
            last = await taker.create_order(symbol, "limit", "buy", amount, 60_000)
        ends = [ended(client, order["id"], symbol) for client, order in ((maker, resting), (taker, last))]
        by_maker, by_taker = await asyncio.gather(*ends)
        of_maker = [data for data in told[maker] if data["i"] == resting["id"]]
        assert [(data["e"], data["X"], data["z"]) for data in of_maker] == [
            ("orderAccepted", "New", "0"),
            ("orderFill", "PartiallyFilled", "0.2"),
            ("orderFill", "Filled", "0.5"),
        ]
        of_taker = [data for data in told[taker] if data["i"] == last["id"]]
        assert [(data["e"], data["X"], data["z"]) for data in of_taker] == [
            ("orderAccepted", "New", "0"),
            ("orderFill", "Filled", "0.3"),
        ]
        mine, others = of_maker[-1], of_taker[-1]
        assert mine["t"] == others["t"] and (mine["l"], mine["L"]) == (others["l"], others["L"]) == ("0.3", "60000")
        assert (mine["m"], mine["n"], mine["N"]) == (True, "3.6", "USDC")
        assert (others["m"], others["n"], others["N"]) == (False, "0.00015", "BTC")
        assert (by_maker["filled"], by_maker["info"]["z"]) == (0.3, "0.5"), "a quirk: the last fill, not the sum"
        assert by_taker["fee"]["currency"] == "BTC" and by_taker["fee"]["cost"] is None, "a quirk: the cost is dropped"


def recorded(client: Client) -> list[dict[str, Any]]:
    """Every order event that arrives, before ccxt merges those of one order into the newest."""
    told: list[dict[str, Any]] = []
    original = client.raw.handle_order

    def handle(socket: Any, message: dict[str, Any]) -> None:
        told.append(message["data"])
        original(socket, message)

    client.raw.handle_order = handle
    return told


async def ended(client: Client, order_id: str, symbol: str) -> Any:
    """The order as `watch_orders` shows it once it is filled; a call that comes too late hears nothing more of it."""

    def filled(orders: Any) -> Any:
        return next((order for order in orders or () if order["id"] == order_id and order["status"] == "closed"), None)

    watching = client.watch("watch_orders", filled, symbol)
    while (found := filled(client.raw.orders)) is None:  # it may also come before the call waits for it
        if watching.done():
            return filled(watching.result())
        await asyncio.sleep(0.02)
    watching.cancel()
    return found


@pytest.fixture
def trader(exchange: Exchange) -> Any:
    client = exchange.trader()
    client.load_markets()
    return client


def test_quirk_a_market_buy_by_cost_has_a_broken_method(trader: Any) -> None:
    with pytest.raises(KeyError):
        trader.create_market_buy_order_with_cost("XRP/USDC", 5)


def test_quirk_no_error_is_an_order_not_found(trader: Any) -> None:
    order = trader.create_order("XRP/USDC", "limit", "buy", 1, 0.1)
    trader.cancel_order(order["id"], "XRP/USDC")
    with pytest.raises(ccxt.ExchangeNotAvailable) as error:
        trader.cancel_order(order["id"], "XRP/USDC")
    assert "RESOURCE_NOT_FOUND" in str(error.value) and "Not Found" in str(error.value)


def test_quirk_a_null_id_is_signed_as_none_and_cancels_nothing(trader: Any) -> None:
    order = trader.create_order("XRP/USDC", "limit", "buy", 1, 0.1)
    with pytest.raises(ccxt.BadRequest):
        trader.cancel_order(None, "XRP/USDC")
    assert trader.cancel_order(order["id"], "XRP/USDC")["status"] == "canceled"


def test_quirk_an_array_in_a_private_query_cannot_be_verified(trader: Any) -> None:
    with pytest.raises(ccxt.AuthenticationError):
        trader.fetch_open_orders("XRP/USDC", None, None, {"marketType": ["SPOT", "PERP"]})
