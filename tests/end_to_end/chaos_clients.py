"""The clients of chaos.py: each remembers what it was told, and never gives up."""

import asyncio
import base64
import contextlib
import json
import random
import time
from typing import Any

import httpx
import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from bench.load.targets.api import Account
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND, join
from tests.exchange import Exchange
from tests.runtime.rig import place

SYMBOL = "SOL_USDC"
PAUSE_S = 0.02
BULK_ORDERS = 20
CANCEL_EVERY = 20  # blocks: what rests of them stays below an account's limit, however long it goes on
DEFINITE = (400, 401, 403, 404)


def account_of(exchange: Exchange, number: int) -> Account:
    key = exchange.keys()[number]
    return Account(key["apiKey"], base64.b64decode(key["secret"])[:32])


class HttpTrader:
    """Places orders, each with a clientId of its own, and repeats each until the answer is a definite one."""

    def __init__(self, exchange: Exchange, number: int, seed: int) -> None:
        self.account = 2 + number % 2
        self._keys = account_of(exchange, number % 2)
        self._url = exchange.run["http"]
        self._chance = random.Random(seed * 100 + number)
        self._next_id = (number + 1) << 24
        self.acknowledged: dict[int, int] = {}  # client id -> order id
        self.repeated = 0
        self.stop = False

    async def run(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, timeout=8) as client:
            while not self.stop:
                self._next_id += 1
                await self._place(client, self._next_id)
                await asyncio.sleep(PAUSE_S)

    async def _place(self, client: httpx.AsyncClient, client_id: int) -> None:
        side = self._chance.choice(("Bid", "Ask"))
        price = 100 + self._chance.randrange(-20, 15) / 100 * (1 if side == "Bid" else -1)
        fields: dict[str, Any] = {
            "clientId": client_id,
            "orderType": "Limit",
            "price": f"{price:.2f}",
            "quantity": f"{self._chance.randrange(1, 100) / 100:.2f}",
            "side": side,
            "symbol": SYMBOL,
        }
        while True:
            signed = self._keys.headers("orderExecute", {name: str(fields[name]) for name in sorted(fields)})
            with contextlib.suppress(httpx.TransportError):
                answer = await client.post("/api/v1/order", json=fields, headers=signed)
                if answer.status_code == 200:
                    self.acknowledged[client_id] = int(answer.json()["id"])
                    return
                assert answer.status_code not in DEFINITE, answer.text
            self.repeated += 1
            await asyncio.sleep(PAUSE_S)


class Bulk:
    """Appends blocks of orders straight to the log, as a producer within the deployment would."""

    def __init__(self, redis_url: str, number: int, seed: int) -> None:
        self.gateway = 500 + number
        self._url = redis_url
        self._account = 2 + number
        self._chance = random.Random(seed * 1000 + number)
        self.sent = 0
        self.stop = False

    def run(self) -> None:
        with Gateway(self._url, number=self.gateway) as out:
            while not self.stop:
                self._append(out)
                self.sent += 1
                time.sleep(PAUSE_S)

    def _append(self, out: Gateway) -> None:
        records = join([self._order() for _ in range(BULK_ORDERS)])
        if self.sent % CANCEL_EVERY == 0:
            records[0] = np.zeros((), COMMAND)
            records[0]["kind"], records[0]["market"], records[0]["account"] = CommandKind.CANCEL_ALL, 1, self._account
        assert records.dtype.itemsize == COMMAND.itemsize
        out.append(records)

    def _order(self) -> Any:
        side = self._chance.choice((Side.BID, Side.ASK))
        away = self._chance.randrange(-15, 20)
        price = 10_000 - away if side == Side.BID else 10_000 + away
        record = place(side, price, self._chance.randrange(1, 100), self._account)
        record["order_type"], record["self_trade"] = OrderType.LIMIT, SelfTrade.REJECT_MAKER
        record["time_in_force"] = self._chance.choice((TimeInForce.GTC, TimeInForce.IOC))
        return record


class Replica:
    """The depth of one market as a client keeps it: a snapshot by REST, then every change, a new start at any gap."""

    def __init__(self, exchange: Exchange) -> None:
        self._rest, self._socket = exchange.run["http"], exchange.run["ws"]
        self.book: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        self.update_id = -1
        self.connections = 0

    async def run(self) -> None:
        while True:
            with contextlib.suppress(OSError, WebSocketException, httpx.HTTPError, _Gap, TimeoutError):
                await self._follow()
            await asyncio.sleep(PAUSE_S)

    async def reaches(self, update_id: int) -> None:
        while self.update_id < update_id:
            await asyncio.sleep(0.01)

    def top(self, count: int) -> dict[str, list[list[int]]]:
        """The best levels in ticks and lots: both are hundredths in this market."""
        levels = {}
        for side, name, sign in (("b", "bids", -1), ("a", "asks", 1)):
            rows = [[round(float(price) * 100), round(float(lots) * 100)] for price, lots in self.book[side].items()]
            levels[name] = sorted(rows, key=lambda row, sign=sign: sign * row[0])[:count]  # type: ignore[misc]
        return levels

    async def _follow(self) -> None:
        async with connect(self._socket, open_timeout=5, max_queue=None) as socket:
            await socket.send(json.dumps({"method": "SUBSCRIBE", "params": [f"depth.{SYMBOL}"]}))
            self.connections += 1
            started = False
            async for text in socket:
                message = json.loads(text)
                data = message.get("data")
                if data is None or data.get("e") != "depth":
                    continue
                if not started:
                    await self._start(int(data["U"]))
                    started = True
                self._take(data)

    async def _start(self, first: int) -> None:
        """A snapshot that the stream's events follow on."""
        async with httpx.AsyncClient(base_url=self._rest, timeout=5) as client:
            while True:
                answer = await client.get("/api/v1/depth", params={"symbol": SYMBOL, "limit": "1000"})
                answer.raise_for_status()
                depth = answer.json()
                if int(depth["lastUpdateId"]) >= first - 1:
                    break
        self.book = {"b": dict(depth["bids"]), "a": dict(depth["asks"])}
        self.update_id = int(depth["lastUpdateId"])

    def _take(self, data: dict[str, Any]) -> None:
        if int(data["u"]) <= self.update_id:
            return
        if int(data["U"]) > self.update_id + 1:
            self.update_id = -1
            raise _Gap
        for side in "ba":
            for price, quantity in data[side]:
                self.book[side].pop(price, None)
                if quantity != "0":
                    self.book[side][price] = quantity
        self.update_id = int(data["u"])


class _Gap(Exception):
    """An update is missing."""
