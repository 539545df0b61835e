"""A server that stands in for an exchange: what a load asks for of the API, in a thread, and as wrong as a test wants.

Every order is accepted and rests; nothing trades, unless a test puts fills into the history itself.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

MARKET = {
    **{"symbol": "SOL_USDC", "baseSymbol": "SOL", "quoteSymbol": "USDC", "orderBookState": "Open"},
    "filters": {"price": {"tickSize": "0.01"}, "quantity": {"stepSize": "0.01", "minQuantity": "0.01"}},
}
Answer = tuple[int, Any]


@dataclass
class Account:
    balances: dict[str, dict[str, str]] = field(
        default_factory=lambda: {"USDC": {"available": "1000", "locked": "0", "staked": "0"}}
    )
    orders: list[dict[str, Any]] = field(default_factory=list)
    fills: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class StandIn:
    """`judge` gets an order and its number, and says what it is answered; None: the connection is dropped instead."""

    judge: Callable[[dict[str, Any], int], Answer | None] = lambda order, number: (200, order)
    keys: set[str] = field(default_factory=set)  # those that are known; none: every one is
    accounts: dict[str, Account] = field(default_factory=dict)
    received: int = 0
    is_lost: Callable[[int], bool] = lambda number: False  # whether this order never gets into the history
    url: str = ""

    def account(self, key: str) -> Account:
        return self.accounts.setdefault(key, Account())

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, str] | None:
        """(status, JSON, more headers), or None to drop the connection."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        match method, parts.path:
            case "GET", "/api/v1/status":
                return 200, {"status": "Ok", "message": None}, ""
            case "GET", "/api/v1/markets":
                return 200, [MARKET], ""
            case "GET", "/api/v1/depth":
                return 200, {"bids": [["99", "1"]], "asks": [["101", "1"]]}, ""
        key = headers.get("x-api-key", "")
        if self.keys and key not in self.keys:
            return 401, {"code": "UNAUTHORIZED", "message": "Unknown API key"}, ""
        account = self.account(key)
        match method, parts.path:
            case "GET", "/api/v1/capital":
                return 200, account.balances, ""
            case "GET", "/wapi/v1/history/orders" | "/wapi/v1/history/fills":
                rows = account.orders if parts.path.endswith("orders") else account.fills
                first, count = int(query.get("offset", 0)), int(query["limit"])
                return 200, rows[::-1][first : first + count], f"X-Total: {len(rows)}\r\n"
            case "DELETE", "/api/v1/orders":
                return 200, [], ""
            case "POST", "/api/v1/order":
                return self._place(account, json.loads(body))
        return 404, {"code": "RESOURCE_NOT_FOUND", "message": f"{method} {target}"}, ""

    def _place(self, account: Account, order: dict[str, Any]) -> tuple[int, Any, str] | None:
        self.received += 1
        judged = self.judge(order, self.received)
        if (judged is None or judged[0] in (200, 504)) and not self.is_lost(self.received):
            account.orders.append(order)
        return None if judged is None else (*judged, "")


async def _serve(server: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            answer = server.answer(method, target, headers, body)
            if answer is None:
                break
            status, content, more = answer
            text = json.dumps(content).encode()
            writer.write(f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(text)}\r\n\r\n".encode() + text)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


@contextmanager
def serving(server: StandIn) -> Iterator[StandIn]:
    loop, ready = asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()

    async def run() -> None:
        listening = await asyncio.start_server(lambda *streams: _serve(server, *streams), "127.0.0.1", 0)
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        ready.set()
        await stop.wait()
        listening.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert ready.wait(30)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
