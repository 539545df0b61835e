"""The running exchange as `bench http` uses it: its keys, signed requests prepared as bytes, and what it knows."""

import base64
import http.client
import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from nacl.signing import SigningKey

from engine_core.edge.signing import MAX_WINDOW_MS, signing_text

FALLBACK_PRICE = "100"
_CLIENT_IDS = 2**32


class BenchError(Exception):
    """The benchmark cannot run; the message says what to do."""


@dataclass(frozen=True)
class Account:
    api_key: str
    key: SigningKey

    def headers(self, instruction: str, fields: dict[str, str]) -> dict[str, str]:
        stamp, window = str(time.time_ns() // 1_000_000), str(MAX_WINDOW_MS)
        text = signing_text(instruction, list(fields.items()), stamp, window)
        signature = base64.b64encode(self.key.sign(text).signature).decode()
        return {"X-API-Key": self.api_key, "X-Timestamp": stamp, "X-Window": window, "X-Signature": signature}


class Exchange:
    """A running exchange, two accounts on it, and one price at which they trade with each other."""

    def __init__(self, port: int, host: str, accounts: list[Account], market: str) -> None:
        self.port, self.host, self.accounts, self.symbol = port, host, accounts, market
        self.price, self.quantity = self._terms()
        self._next_client_id = secrets.randbelow(_CLIENT_IDS)  # a run prepares more ids than milliseconds pass

    @classmethod
    def find(cls, data: Path | None, market: str) -> "Exchange":
        folder = data or Path(os.environ.get("EXCHANGE_DATA") or "data")
        try:
            run = json.loads((folder / "run.json").read_text())
            keys = json.loads((folder / "demo-keys.json").read_text())
        except OSError as error:
            raise BenchError(f"no running exchange found: {error}; start it with `make run`, or name --data") from None
        url = urlsplit(run["http"])
        accounts = [
            Account(each["apiKey"], SigningKey(base64.b64decode(each["secret"])[:32])) for each in keys["accounts"]
        ]
        if url.port is None or url.hostname is None or len(accounts) < 2:
            raise BenchError(f"{folder}: run.json or demo-keys.json is not as `exchange up` writes them")
        return cls(url.port, url.hostname, accounts[:2], market)

    def prepare(self, count: int) -> list[bytes]:
        """`count` signed placements, each with a client id of its own; bids and asks in turns."""
        return [self._placement(number) for number in range(count)]

    def _placement(self, number: int) -> bytes:
        account, side = (self.accounts[0], "Bid") if number % 2 else (self.accounts[1], "Ask")
        order = self.order(side)
        fields = {name: str(value) for name, value in order.items()}
        headers = account.headers("orderExecute", fields) | {"Content-Type": "application/json"}
        body = json.dumps(order).encode()
        lines = [
            "POST /api/v1/order HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def order(self, side: str) -> dict[str, str | int]:
        """An order of the smallest quantity, with a client id that no other has."""
        self._next_client_id = (self._next_client_id + 1) % _CLIENT_IDS
        return {
            "clientId": self._next_client_id,
            "orderType": "Limit",
            "price": self.price,
            "quantity": self.quantity,
            "side": side,
            "symbol": self.symbol,
        }

    def logon(self, account: Account) -> str:
        """The params of a WebSocket's `session.logon`, as JSON."""
        stamp, window = str(time.time_ns() // 1_000_000), str(MAX_WINDOW_MS)
        signature = account.key.sign(signing_text("sessionLogon", [], stamp, window)).signature
        members = {"apiKey": account.api_key, "timestamp": stamp, "window": window}
        return json.dumps(members | {"signature": base64.b64encode(signature).decode()})

    def orders_known(self) -> int:
        """How many orders the history has of both accounts."""
        return sum(self._history_total(account) for account in self.accounts)

    def _history_total(self, account: Account) -> int:
        fields = {"limit": "1"}
        headers = account.headers("orderHistoryQueryAll", fields)
        response = self._request("GET", f"/wapi/v1/history/orders?{urlencode(fields)}", headers)
        return int(response.headers["x-total"])

    def cancel_all(self) -> None:
        for account in self.accounts:
            fields = {"symbol": self.symbol}
            headers = account.headers("orderCancelAll", fields) | {"Content-Type": "application/json"}
            self._request("DELETE", "/api/v1/orders", headers, json.dumps(fields))

    def _terms(self) -> tuple[str, str]:
        """(price, quantity): in the middle of the book, so that only the two accounts trade; the smallest quantity."""
        status = self._json("/api/v1/status")
        if status["status"] != "Ok":
            raise BenchError(f"the exchange accepts no orders: {status['message']}")
        market = self._json(f"/api/v1/market?symbol={self.symbol}")
        depth = self._json(f"/api/v1/depth?symbol={self.symbol}&limit=5")
        quantity = str(market["filters"]["quantity"]["minQuantity"])
        if depth["bids"] and depth["asks"]:
            bid, ask = depth["bids"][-1][0], depth["asks"][0][0]
            return _middle(bid, ask, market["filters"]["price"]["tickSize"]), quantity
        last = self._json(f"/api/v1/ticker?symbol={self.symbol}")["lastPrice"]
        return (FALLBACK_PRICE if last == "0" else last), quantity

    def _json(self, path: str) -> Any:
        return json.loads(self._request("GET", path, {}).body)

    def _request(self, method: str, path: str, headers: dict[str, str], body: str | None = None) -> "_Response":
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise BenchError(
                f"{method} {path} was answered {response.status}: {content[:200].decode('utf-8', 'replace')}"
            )
        return _Response({name.lower(): value for name, value in response.headers.items()}, content)


@dataclass(frozen=True)
class _Response:
    headers: dict[str, str]
    body: bytes


def _middle(bid: str, ask: str, tick: str) -> str:
    """A price between the two on the tick, in integers of the tick's last decimal."""
    decimals = max(len(text.partition(".")[2]) for text in (bid, ask, tick))
    low, high, step = (
        int(whole + part.ljust(decimals, "0")) for whole, _, part in (t.partition(".") for t in (bid, ask, tick))
    )
    middle = (low + high) // 2 // step * step
    digits = str(middle).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
