"""A client of order entry by WebSocket, `/ws/orders`."""

import asyncio
import base64
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from nacl.signing import SigningKey
from websockets.asyncio.client import ClientConnection, connect

from engine_core.edge.signing import signing_text
from tests.ingress.fakes import TRADER

WINDOW = "60000"  # ms


@dataclass
class Trader:
    """One WebSocket of order entry."""

    socket: ClientConnection
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def ask(self, method: str, params: Any = None, **members: Any) -> dict[str, Any]:
        """Send one message and wait for its answer."""
        request_id = next(self.ids)
        await self.socket.send(json.dumps({"id": request_id, "method": method, "params": params or {}, **members}))
        answer = await self.answer()
        assert answer["id"] == request_id
        return answer

    async def answer(self) -> dict[str, Any]:
        async with asyncio.timeout(60):
            answer: dict[str, Any] = json.loads(await self.socket.recv())
        return answer

    async def log_on(self, key: SigningKey = TRADER, **params: Any) -> dict[str, Any]:
        return await self.ask("session.logon", logon(key, **params))

    async def result(self, method: str, params: Any) -> Any:
        answer = await self.ask(method, params)
        assert answer["status"] == 200, answer
        return answer["result"]

    async def error(self, method: str, params: Any = None) -> tuple[int, str]:
        answer = await self.ask(method, params)
        assert set(answer["error"]) == {"code", "message"}
        return answer["status"], answer["error"]["code"]


def logon(key: SigningKey, **params: Any) -> dict[str, Any]:
    """The members of a signed logon, good for as long as a machine may take to read it."""
    timestamp = str(time.time_ns() // 1_000_000)
    pairs = [(name, json.dumps(value)) for name, value in params.items()]
    signed = key.sign(signing_text("sessionLogon", pairs, timestamp, WINDOW)).signature
    texts = (base64.b64encode(part).decode() for part in (bytes(key.verify_key), signed))
    return {
        **dict(zip(("apiKey", "signature"), texts, strict=True)),
        "timestamp": int(timestamp),
        "window": int(WINDOW),
        **params,
    }


@asynccontextmanager
async def trading(port: int, key: SigningKey | None = TRADER, **params: Any) -> AsyncIterator[Trader]:
    async with connect(f"ws://127.0.0.1:{port}/ws/orders", proxy=None, open_timeout=60) as socket:
        trader = Trader(socket)
        if key is not None:
            assert (await trader.log_on(key, **params))["status"] == 200
        yield trader
