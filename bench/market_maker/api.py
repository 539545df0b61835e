"""The public API as a client sees it: signed REST over one kept connection, and the account's private stream.

Just enough HTTP/1.1 for an API that answers with Content-Length; cheap, because the market maker may take only a few
per cent of a core. Non-goal: a client library (use ccxt).
"""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import websockets
from nacl.signing import SigningKey

from engine_core.config.hosts import in_url
from engine_core.edge.signing import Pairs, batch_signing_text, signing_text

WINDOW_MS = "10000"
TIMEOUT_S = 5.0
MAX_HEAD_BYTES = 65_536

Json = Any  # a response's JSON, checked where it is used


class ApiError(Exception):
    """The exchange refused: its status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


class Unreachable(Exception):
    """No answer: the outcome of the request is unknown."""


@dataclass(frozen=True)
class Credentials:
    api_key: str
    signing_key: SigningKey

    @classmethod
    def load(cls, path: Path) -> "Credentials":
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(content["apiKey"], SigningKey(base64.b64decode(content["secret"])[:32]))

    def sign(self, text: bytes) -> str:
        return base64.b64encode(self.signing_key.sign(text).signature).decode()


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _pairs(values: dict[str, Any]) -> Pairs:
    return [(key, _text(value)) for key, value in values.items()]


class ApiClient:
    """One account's REST client. Requests go one at a time; a lost connection is opened again."""

    def __init__(self, url: str, credentials: Credentials | None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._prefix = parts.path.rstrip("/")
        self._credentials = credentials
        self._lock = asyncio.Lock()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.requests = 0

    async def get(self, path: str, query: dict[str, Any] | None = None, *, instruction: str = "") -> Json:
        target = f"{path}?{urlencode(query)}" if query else path
        return await self._call("GET", target, b"", instruction, [_pairs(query or {})], retry=True)

    async def send(self, method: str, path: str, body: dict[str, Any], instruction: str) -> Json:
        """POST, PATCH or DELETE one object. A DELETE may be repeated, so it is after a connection gone stale."""
        content, retry = msgspec.json.encode(body), method == "DELETE"
        return await self._call(method, path, content, instruction, [_pairs(body)], retry=retry)

    async def send_batch(self, path: str, items: list[dict[str, Any]], instruction: str) -> Json:
        signed = [_pairs(item) for item in items]
        return await self._call("POST", path, msgspec.json.encode(items), instruction, signed, retry=False)

    async def _call(
        self, method: str, target: str, body: bytes, instruction: str, items: list[Pairs], *, retry: bool
    ) -> Json:
        head = [f"{method} {self._prefix}{target} HTTP/1.1", f"Host: {in_url(self._host)}:{self._port}"]
        if body:
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        if instruction and self._credentials:
            now = str(time.time_ns() // 1_000_000)
            if len(items) == 1:
                text = signing_text(instruction, items[0], now, WINDOW_MS)
            else:
                text = batch_signing_text(instruction, items, now, WINDOW_MS)
            signature = self._credentials.sign(text)
            head += [f"X-API-Key: {self._credentials.api_key}", f"X-Timestamp: {now}", f"X-Window: {WINDOW_MS}"]
            head += [f"X-Signature: {signature}"]
        request = "\r\n".join(head).encode() + b"\r\n\r\n" + body
        async with self._lock:
            status, answer = await self._exchange(request, retry)
        self.requests += 1
        return _decode(status, answer)

    async def _exchange(self, request: bytes, retry: bool) -> tuple[int, bytes]:
        for attempt in (1, 2):
            fresh = self._writer is None
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    return await self._once(request)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                self._drop()
                if fresh or not retry or attempt == 2 or isinstance(error, TimeoutError):
                    reason = str(error) or type(error).__name__
                    raise Unreachable(f"{self._host}:{self._port} did not answer: {reason}") from error
            except BaseException:
                self._drop()  # cancelled half-way: the next answer on this connection would be of this request
                raise
        raise AssertionError("the second attempt returns or raises")

    async def _once(self, request: bytes) -> tuple[int, bytes]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=MAX_HEAD_BYTES)
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ", 2)[1])
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self._drop()
        return status, body

    def _drop(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def close(self) -> None:
        writer = self._writer
        self._drop()
        if writer is not None:
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _decode(status: int, answer: bytes) -> Json:
    try:
        content = msgspec.json.decode(answer) if answer else None
    except msgspec.DecodeError:
        content = {"code": "NOT_JSON", "message": answer[:200].decode("latin-1")}
    if 200 <= status < 300:
        return content
    error = content if isinstance(content, dict) else {}
    raise ApiError(status, str(error.get("code", "?")), str(error.get("message", "")))


async def private_stream(url: str, credentials: Credentials) -> AsyncIterator[Json]:
    """The account's order and balance updates, as the `data` objects of the stream; ends when the connection does."""
    now = str(time.time_ns() // 1_000_000)
    signature = credentials.sign(signing_text("subscribe", [], now, WINDOW_MS))
    subscribe = {
        "method": "SUBSCRIBE",
        "params": ["account.orderUpdate", "account.balanceUpdate"],
        "signature": [credentials.api_key, signature, now, WINDOW_MS],
        "id": 1,
    }
    connecting = websockets.connect(url, compression=None, proxy=None, open_timeout=TIMEOUT_S, close_timeout=1)
    async with connecting as connection:
        await connection.send(msgspec.json.encode(subscribe).decode())
        async for frame in connection:
            message = msgspec.json.decode(frame)
            if "error" in message:
                raise ApiError(400, str(message["error"].get("code")), str(message["error"].get("message")))
            yield message.get("data")  # None: the acknowledgement, from here on nothing is missed
