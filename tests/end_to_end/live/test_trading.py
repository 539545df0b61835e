"""Trading on the real exchange as its users do: with ccxt, WebSocket, Redis pub/sub, and a look into the database."""

import asyncio
import base64
import json
import time
from typing import Any

import ccxt
import httpx
import psycopg
import pytest
import redis
import websockets
from nacl.signing import SigningKey

from tests.exchange import PATIENCE_SECONDS, Exchange, eventually


def test_errors_that_ccxt_understands(exchange: Exchange) -> None:
    trader = exchange.trader()
    trader.load_markets()
    with pytest.raises(ccxt.InsufficientFunds):
        trader.create_order("SOL/USDC", "limit", "buy", 1_000_000, 1_000)
    with pytest.raises(ccxt.InvalidOrder):
        trader.create_order("ETH/BTC", "limit", "sell", 1, 0.1)
        trader.create_order("ETH/BTC", "limit", "buy", 1, 0.1, {"postOnly": True})
    trader.cancel_all_orders("ETH/BTC")
    stranger = exchange.trader()
    stranger.apiKey = base64.b64encode(bytes(SigningKey.generate().verify_key)).decode()
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()


async def _frames(exchange: Exchange, streams: list[str], act: Any, wanted: int) -> list[dict[str, Any]]:
    """Subscribe, act (in a thread), and collect frames until each stream has sent `wanted`."""
    frames: list[dict[str, Any]] = []
    async with websockets.connect(exchange.run["ws"], open_timeout=60) as socket:
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": streams, "id": 1}))
        answer = json.loads(await asyncio.wait_for(socket.recv(), 60))
        assert answer == {"id": 1, "result": None}
        acting = asyncio.create_task(asyncio.to_thread(act))
        while any(sum(frame["stream"] == stream for frame in frames) < wanted for stream in streams):
            frames.append(json.loads(await asyncio.wait_for(socket.recv(), 60)))
        await acting
    return frames


async def test_streams_under_both_spellings(exchange: Exchange) -> None:
    trader, other = exchange.trader(0), exchange.trader(1)
    trader.load_markets()
    other.load_markets()

    def trade() -> None:
        trader.create_order("ETH/USDC", "limit", "sell", 2, 3_000)
        other.create_order("ETH/USDC", "limit", "buy", 0.5, 3_000)
        trader.cancel_all_orders("ETH/USDC")

    names = [f"{kind}{separator}ETH_USDC" for kind in ("trade", "depth", "ticker") for separator in "@."]
    frames = await _frames(exchange, names, trade, 1)
    for separator in "@.":
        traded = next(frame["data"] for frame in frames if frame["stream"] == f"trade{separator}ETH_USDC")
        assert (traded["e"], traded["s"], traded["p"], traded["q"]) == ("trade", "ETH_USDC", "3000", "0.5")
        ticker = next(frame["data"] for frame in frames if frame["stream"] == f"ticker{separator}ETH_USDC")
        assert ticker["s"] == "ETH_USDC"
    depths = [frame["data"] for frame in frames if frame["stream"] == "depth@ETH_USDC"]
    assert depths and all(depth["U"] <= depth["u"] + 1 for depth in depths)


def test_the_same_frames_on_redis_channels(exchange: Exchange) -> None:
    trader, other = exchange.trader(0), exchange.trader(1)
    trader.load_markets()
    other.load_markets()
    with (
        redis.Redis.from_url(exchange.run["redis"]) as client,
        client.pubsub(ignore_subscribe_messages=True) as channels,
    ):
        names = ("trade@XRP_USDC", "depth@XRP_USDC", "ticker@XRP_USDC")
        channels.subscribe(*names)
        seen: dict[str, dict[str, Any]] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(seen) < len(names):
            assert time.monotonic() < deadline, f"only {sorted(seen)} were published"
            trader.create_order("XRP/USDC", "limit", "sell", 10, 0.5)
            other.create_order("XRP/USDC", "market", "buy", 10)
            while message := channels.get_message(timeout=0.3):
                seen[message["channel"].decode()] = json.loads(message["data"])
    frame = seen["trade@XRP_USDC"]
    data = frame.get("data", frame)
    assert (data["e"], data["s"], data["p"], data["q"]) == ("trade", "XRP_USDC", "0.5", "10")


def test_the_database_has_what_happened(exchange: Exchange) -> None:
    trader, other = exchange.trader(0), exchange.trader(1)
    trader.load_markets()
    other.load_markets()
    maker = trader.create_order("BTC/USDC", "limit", "sell", 0.5, 60_000)
    taker = other.create_order("BTC/USDC", "limit", "buy", 0.2, 60_000)
    trader.cancel_order(maker["id"], "BTC/USDC")
    with psycopg.connect(exchange.run["database"], autocommit=True) as connection:

        def rows(query: str, *values: object) -> list[tuple[Any, ...]]:
            return connection.execute(query, values).fetchall()

        created = eventually(lambda: rows("SELECT * FROM trade_created"), lambda found: len(found) > 0, "trades")
        assert created
        query = "SELECT order_id FROM orders WHERE order_id IN (%s, %s)"
        orders = eventually(
            lambda: rows(query, int(maker["id"]), int(taker["id"])), lambda found: len(found) == 2, "both orders"
        )
        assert {str(row[0]) for row in orders} == {maker["id"], taker["id"]}
        assert eventually(
            lambda: rows("SELECT symbol, close, volume FROM candles_1m"), lambda found: len(found) > 0, "candles"
        )


BAD_ORDERS: list[tuple[str, dict[str, object]]] = [
    ("an unknown field", {"stopLossPrice": "1"}),
    ("an unknown market", {"symbol": "SOL_EUR"}),
    ("a negative quantity", {"quantity": "-1"}),
    ("no quantity", {"quantity": "0"}),
    ("not a number", {"quantity": "NaN"}),
    ("an exponent", {"quantity": "1e400"}),
    ("off the tick", {"price": "100.001"}),
    ("too many digits", {"quantity": "1." + "0" * 200 + "1"}),
    ("a notional beyond 64 bits", {"price": "20000000", "quantity": "1000000"}),
    ("an unknown side", {"side": "Buy"}),
    ("post-only and immediate", {"postOnly": True, "timeInForce": "IOC"}),
    ("a price of a market order", {"orderType": "Market"}),
]


@pytest.mark.parametrize(("what", "change"), BAD_ORDERS, ids=[what for what, _ in BAD_ORDERS])
def test_bad_orders_change_nothing(exchange: Exchange, what: str, change: dict[str, object]) -> None:
    trader = exchange.trader()
    trader.load_markets()
    before = trader.private_get_api_v1_capital()
    good = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100", "quantity": "1"}
    request = trader.sign("api/v1/order", ["private"], "POST", {**good, **change})
    answer = httpx.post(request["url"], content=request["body"], headers=request["headers"], timeout=PATIENCE_SECONDS)
    assert 400 <= answer.status_code < 500, answer.text
    assert set(answer.json()) == {"code", "message"} and answer.json()["message"]
    assert trader.private_get_api_v1_capital() == before
    assert trader.fetch_open_orders("SOL/USDC") == []


def test_bodies_and_signatures_that_are_wrong(exchange: Exchange) -> None:
    trader = exchange.trader()
    trader.load_markets()
    before = trader.private_get_api_v1_capital()
    good = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100", "quantity": "1"}
    request = trader.sign("api/v1/order", ["private"], "POST", good)
    headers, body = request["headers"], request["body"]
    stale = {**headers, "X-Timestamp": str(int(headers["X-Timestamp"]) - 120_000)}
    wrong = {**headers, "X-Signature": base64.b64encode(b"x" * 64).decode()}
    tries: list[tuple[str, dict[str, str]]] = [
        (body[:-1], headers),
        (body.replace("100", "101"), headers),
        (body, stale),
        (body, wrong),
        (body, {"Content-Type": "application/json"}),
        ("[" * 100_000, headers),
        (" " * 5_000_000 + body, headers),
    ]
    for content, sent in tries:
        answer = httpx.post(request["url"], content=content, headers=sent, timeout=PATIENCE_SECONDS)
        assert 400 <= answer.status_code < 500, answer.text
        assert set(answer.json()) == {"code", "message"}
    assert trader.private_get_api_v1_capital() == before
