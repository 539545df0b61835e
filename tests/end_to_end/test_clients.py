"""Clients that people already have, unchanged but for their URLs: ccxt in its three forms, and two Python SDKs."""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from tests.end_to_end.clients.environment import python_with, run
from tests.end_to_end.harness import Exchange

SECONDS = 20.0


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One of its own: the other tests of this folder count what happens on their markets."""
    running = Exchange(tmp_path_factory.mktemp("clients"), "--profile", "bare")
    running.start()
    yield running
    running.end()


def options(exchange: Exchange, number: int) -> dict[str, Any]:
    """Only the URLs are overridden."""
    urls = {"public": exchange.run["http"], "private": exchange.run["http"]}
    urls["ws"] = {"public": exchange.run["ws"], "private": exchange.run["ws"]}
    return {**exchange.keys()[number], "urls": {"api": urls}, "enableRateLimit": False}


@asynccontextmanager
async def clients(exchange: Exchange, module: Any, **extra: Any) -> AsyncIterator[tuple[Any, Any]]:
    pair = [module.backpack({**options(exchange, number), **extra}) for number in (0, 1)]
    try:
        yield pair[0], pair[1]
    finally:
        for client in pair:
            await client.close()


def test_ccxt_sync_reads(exchange: Exchange) -> None:
    """The rows of SPEC §9 that trading does not touch; those of trading are in test_trading.py."""
    trader = exchange.trader()
    markets = trader.load_markets()
    assert trader.fetch_status()["status"] == "ok"
    assert trader.fetch_time() == 1, "the first character of the plain text: a quirk of ccxt, not of the exchange"
    assert set(trader.fetch_tickers()) == set(markets)
    assert trader.fetch_ohlcv("ETH/BTC", "15m") == []
    deposits = trader.fetch_deposits()
    assert deposits and all(deposit["status"] == "ok" for deposit in deposits)
    assert trader.fetch_withdrawals() == []


def test_ccxt_batches_and_triggers(exchange: Exchange) -> None:
    trader, other = exchange.trader(0), exchange.trader(1)
    trader.load_markets()
    other.load_markets()
    wanted = [
        {"symbol": "XRP/USDC", "type": "limit", "side": "buy", "amount": 10, "price": 0.4},
        {"symbol": "XRP/USDC", "type": "limit", "side": "buy", "amount": 10, "price": 1e9},
        {
            "symbol": "XRP/USDC",
            "type": "limit",
            "side": "sell",
            "amount": 10,
            "price": 0.5,
            "params": {"postOnly": True},
        },
    ]
    made = trader.create_orders(wanted)
    refused, bid, ask = made  # ccxt sorts answers by time: one without a time, a refusal, comes first
    assert refused["id"] is None and refused["info"]["operation"] == "Err" and refused["info"]["code"]
    assert (bid["price"], ask["price"], bid["info"]["operation"]) == (0.4, 0.5, "Ok")
    other.create_order("XRP/USDC", "market", "buy", 1)
    stop = trader.create_order("XRP/USDC", "market", "sell", 2, params={"triggerPrice": "0.45"})
    assert stop["status"] == "open" and stop["info"]["status"] == "TriggerPending"
    bought = other.create_order("XRP/USDC", "market", "buy", None, params={"cost": "2"})
    assert bought["status"] == "closed"
    assert trader.fetch_order(stop["id"], "XRP/USDC")["status"] == "open"
    assert {order["id"] for order in trader.fetch_open_orders()} >= {stop["id"], bid["id"]}
    assert trader.cancel_order("", "XRP/USDC", {"orderId": stop["id"]})["id"] == stop["id"]
    trader.cancel_all_orders("XRP/USDC")
    assert trader.fetch_open_orders("XRP/USDC") == []
    with pytest.raises(ccxt.ExchangeNotAvailable):  # a quirk: there is no mapping to OrderNotFound
        trader.cancel_order(stop["id"], "XRP/USDC")


async def test_ccxt_async(exchange: Exchange) -> None:
    async with clients(exchange, ccxt.async_support) as (buyer, seller):
        await asyncio.gather(buyer.load_markets(), seller.load_markets())
        before = await buyer.fetch_balance()
        resting = await buyer.create_order("SOL/USDC", "limit", "buy", 3, 5, {"clientOrderId": 9})
        retried = await buyer.create_order("SOL/USDC", "limit", "buy", 3, 5, {"clientOrderId": 9})
        assert retried["id"] == resting["id"], "a retry with the same clientId is the same order"
        taken = await seller.create_order("SOL/USDC", "limit", "sell", 1, 5, {"timeInForce": "IOC"})
        assert taken["status"] == "closed"
        book = await buyer.fetch_order_book("SOL/USDC")
        assert book["bids"][0][:2] == [5, 2]
        assert (await buyer.fetch_open_order(resting["id"], "SOL/USDC"))["filled"] == 1
        assert (await buyer.fetch_my_trades("SOL/USDC"))[0]["fee"]["currency"] == "SOL"
        assert (await buyer.fetch_ticker("SOL/USDC"))["last"] == 5
        assert (await buyer.fetch_ohlcv("SOL/USDC", "1m"))[-1][4] == 5
        assert (await buyer.cancel_order(resting["id"], "SOL/USDC"))["status"] == "canceled"
        assert (await buyer.fetch_order(resting["id"], "SOL/USDC"))["status"] == "canceled"
        after = await buyer.fetch_balance()
        assert after["USDC"]["total"] == pytest.approx(before["USDC"]["total"] - 5)


async def watched(watch: Callable[[], Awaitable[Any]], fits: Callable[[Any], bool]) -> Any:
    """The first result of a watch that fits."""
    async with asyncio.timeout(SECONDS):
        while True:
            result = await watch()
            if fits(result):
                return result


async def test_ccxt_pro_watches_a_market(exchange: Exchange) -> None:
    symbol = "ETH/USDC"
    async with clients(exchange, ccxt.pro) as (buyer, seller):
        await asyncio.gather(buyer.load_markets(), seller.load_markets())
        maker = await seller.create_order(symbol, "limit", "sell", 5, 80)
        watches = [
            asyncio.create_task(watched(lambda: buyer.watch_trades(symbol), lambda trades: trades[-1]["price"] == 80)),
            asyncio.create_task(watched(lambda: buyer.watch_ticker(symbol), lambda ticker: ticker["last"] == 80)),
            asyncio.create_task(watched(lambda: buyer.watch_tickers([symbol]), lambda tickers: symbol in tickers)),
            asyncio.create_task(
                watched(lambda: buyer.watch_bids_asks([symbol]), lambda best: best[symbol]["ask"] == 80)
            ),
            asyncio.create_task(watched(lambda: buyer.watch_ohlcv(symbol, "1m"), lambda rows: rows[-1][4] == 80)),
        ]
        await asyncio.sleep(0)
        done: set[asyncio.Task[Any]] = set()
        async with asyncio.timeout(SECONDS):
            while len(done) < len(watches):
                await buyer.create_order(symbol, "limit", "buy", 0.01, 80)
                done, _ = await asyncio.wait(watches, timeout=0.5)
        for watch in watches:
            watch.result()
        assert maker["status"] == "open"
        await seller.cancel_all_orders(symbol)


async def test_ccxt_pro_syncs_its_book_on_a_quiet_market(exchange: Exchange) -> None:
    """Default options: it takes a snapshot at the 11th message, so the heartbeat has to come (SPEC §8)."""
    symbol = "ETH/BTC"
    async with clients(exchange, ccxt.pro) as (buyer, _):
        await buyer.load_markets()
        await buyer.create_order(symbol, "limit", "buy", 7, 0.03)
        began = time.monotonic()
        book = await watched(lambda: buyer.watch_order_book(symbol), lambda book: bool(book["bids"]))
        assert book["bids"][0][:2] == [0.03, 7]
        assert time.monotonic() - began < SECONDS
        await buyer.cancel_all_orders(symbol)


async def test_ccxt_pro_watches_an_account(exchange: Exchange) -> None:
    symbol = "BTC/USDC"
    async with clients(exchange, ccxt.pro) as (buyer, seller):
        await asyncio.gather(buyer.load_markets(), seller.load_markets())
        statuses: list[str] = []

        def filled(orders: list[dict[str, Any]]) -> bool:
            own = [order for order in orders if order["symbol"] == symbol]
            statuses.extend(order["info"]["e"] for order in own)
            return any(order["status"] == "closed" for order in own)

        everything = asyncio.create_task(watched(lambda: buyer.watch_orders(), filled))
        of_symbol = asyncio.create_task(
            watched(lambda: buyer.watch_orders(symbol), lambda orders: orders[-1]["status"] == "closed")
        )
        balance = asyncio.create_task(
            watched(lambda: buyer.watch_balance(), lambda found: found.get("BTC", {}).get("free", 0) > 0)
        )
        watches = (everything, of_symbol, balance)
        async with asyncio.timeout(SECONDS):
            done: set[asyncio.Task[Any]] = set()
            while len(done) < len(watches):  # a subscription has no acknowledgement that ccxt would wait for
                await buyer.create_order(symbol, "limit", "buy", 1, 60)
                await seller.create_order(symbol, "limit", "sell", 1, 60)
                done, _ = await asyncio.wait(watches, timeout=0.5)
        for watch in watches:
            watch.result()
        await asyncio.gather(buyer.cancel_all_orders(symbol), seller.cancel_all_orders(symbol))
        assert {"orderAccepted", "orderFill"} & set(statuses)
        balances = await buyer.fetch_balance()
        assert balance.result()["BTC"]["free"] <= balances["BTC"]["free"]


@pytest.mark.timeout(400)
def test_bpx_py(exchange: Exchange) -> None:
    python = python_with("bpx-py==2.0.11", "cryptography<44")
    told = json.loads(run(python, "bpx_flow.py", exchange.run["http"], str(exchange.data / "demo-keys.json")))
    assert told["status"] == {"status": "Ok", "message": None} and told["ping"] == "pong"
    assert "ETH_BTC" in told["symbols"] and float(told["account"]["spotTakerFee"]) > 0
    assert told["placed"]["status"] == "New" and told["post_only"]["postOnly"] is True
    assert told["found"]["id"] == told["placed"]["id"]
    assert {order["id"] for order in told["open"]} == {told["placed"]["id"], told["post_only"]["id"]}
    assert told["depth"]["bids"][-1] == ["0.02", "2"]
    assert told["taken"]["status"] == "Filled"
    assert told["cancelled"]["status"] == "Cancelled" and told["cancelled"]["executedQuantity"] == "0.5"
    assert told["cancelled_again"] == {"code": "RESOURCE_NOT_FOUND", "message": "Not Found"}
    assert [order["id"] for order in told["cancelled_all"]] == [told["post_only"]["id"]]
    assert float(told["after"]["BTC"]["available"]) == pytest.approx(float(told["before"]["BTC"]["available"]) - 0.01)
    assert {order["id"]: order["status"] for order in told["orders"]}[told["placed"]["id"]] == "Cancelled"
    (fill,) = told["fills"]
    assert (fill["price"], fill["quantity"], fill["isMaker"], fill["clientId"]) == ("0.02", "0.5", True, "77")
    assert told["trades"][0]["id"] == fill["tradeId"] and told["positions"] == []


@pytest.mark.timeout(400)
def test_backpack_exchange_sdk(exchange: Exchange) -> None:
    python = python_with("backpack_exchange_sdk==1.1.4")
    keys = str(exchange.data / "demo-keys.json")
    told = json.loads(run(python, "sdk_flow.py", exchange.run["http"], exchange.run["ws"], keys))
    assert told["placed"]["status"] == "New" and told["found"]["id"] == told["placed"]["id"]
    assert [item["operation"] for item in told["batch"]] == ["Ok", "Err"]
    assert told["taken"]["status"] == "Filled" and told["cancelled"]["status"] == "Cancelled"
    assert [order["id"] for order in told["cancelled_all"]] == [told["batch"][0]["id"]]
    assert told["fills"][0]["orderId"] == told["placed"]["id"]
    assert float(told["after"]["USDC"]["available"]) == float(told["before"]["USDC"]["available"]) - 15
    events = told["events"]
    assert events["depth@BTC_USDC"][0]["u"] and events["depth.BTC_USDC"][0]["u"]
    assert [event["e"] for event in events["account.orderUpdate"]][:1] == ["orderAccepted"]
    assert events["trade.BTC_USDC"][0]["p"] == "15"


def test_the_bots_of_the_readme(exchange: Exchange, tmp_path: Path) -> None:
    """As printed, but for the addresses and the folder of this exchange."""
    text = (Path(__file__).parents[2] / "README.md").read_text().split("## A bot", 1)[1].split("\n## ", 1)[0]
    bots = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(bots) == 2
    for bot in bots:
        code = bot.replace("http://127.0.0.1:8080", exchange.run["http"]).replace("time.sleep(1)", "time.sleep(0)")
        code = code.replace("ws://127.0.0.1:8080", exchange.run["http"].replace("http", "ws", 1))
        program = tmp_path / "bot.py"
        program.write_text(code.replace("data/demo-keys.json", str(exchange.data / "demo-keys.json")))
        done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert '"error"' not in done.stdout and re.search("""['"]status['"]: ?['"]""", done.stdout), done.stdout


def test_the_benchmark_of_order_entry_accounts_for_every_order(exchange: Exchange, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = exchange.command("bench", "orders_ws", "--seconds", "0.6", "--connections", "2", "--json", str(report))
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(report.read_text())
    assert result["accounted"] and result["accepted"] > 100 and result["refused"] == 0
