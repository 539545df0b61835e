"""Our whole reading of HTTP without a network: bytes in, requests out, for what no socket is needed for.

The protocol is the one that ingress serves with, on a transport that only notes; the application notes requests and
answers each. On a hot connection every path is a hot route (fast_path/cycle.py), as far as its head allows it.
"""

import asyncio
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from engine_core.config.addresses import Origin
from ingress.arrival import Arrivals
from ingress.dispatch import Endpoint
from ingress.fast_path.cycle import HotRoutes
from ingress.http.asgi import read_body
from ingress.http.protocol import BoundedProtocol
from ingress.messages import Call, Reply, json_reply
from ingress.metrics import Metrics
from ingress.service import Request, Service


@dataclass(frozen=True, slots=True)
class Read:
    """One request as the application gets it; `body` is None if its end never came."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes | None


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def write(self, data: Any) -> None:
        self.written += data

    def write_eof(self) -> None:
        return None

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        return None

    def resume_reading(self) -> None:
        return None


@cache
def _config() -> Config:
    """Loaded once: loading it takes longer than reading a request."""

    async def none(scope: Any, receive: Any, send: Any) -> None:
        raise NotImplementedError("each connection brings its own application")

    config = Config(
        none,
        interface="asgi3",
        lifespan="off",
        access_log=False,
        log_config=None,
        ws="none",
        proxy_headers=False,
    )
    config.load()
    return config


class _Everything:
    """Hot endpoints: one for each path that a table could hold."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def get(self, key: tuple[bytes, bytes]) -> Endpoint | None:
        return self._endpoint if key[1].isascii() else None


class _Hot(HotRoutes):
    def find(
        self, method: bytes, url: bytes, by_name: dict[bytes, bytes], origin: Origin
    ) -> tuple[Endpoint, Call] | None:
        """The whole target as the path: what a query means is not looked at here."""
        found = super().find(method, url, by_name, origin)
        if found is not None:
            path, _, query = url.partition(b"?")
            found[1].path, found[1].query = (path + (b"?" + query if query else b"")).decode("latin-1"), b""
        return found


class _ShownNowhere:
    def order(self, began: float, status: int) -> None:
        return None

    def answered(self, status: int) -> None:
        return None


@cache
def _service() -> Service:
    """As much of one as a hot route without credentials needs."""
    gateway = SimpleNamespace(catch_up=lambda: None)
    return cast(Service, SimpleNamespace(limits=None, engine=SimpleNamespace(gateway=gateway), arrivals=Arrivals()))


@dataclass
class Connection:
    """One connection of a client that sends `parts` and looks at nothing."""

    requests: list[Read] = field(default_factory=list)
    transport: Transport = field(default_factory=Transport)
    is_hot: bool = False

    def __post_init__(self) -> None:
        state = ServerState()
        state.default_headers = []
        self.protocol = BoundedProtocol(_config(), state, {})
        self.protocol.app = self._application
        if self.is_hot:
            endpoints = cast(dict[tuple[bytes, bytes], Endpoint], _Everything(Endpoint(self._note)))
            self.protocol.hot = _Hot(_service(), cast(Metrics, _ShownNowhere()), endpoints)  # type: ignore[misc]
        self.protocol.connection_made(self.transport)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        body = await read_body(receive)
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        self.requests.append(Read(scope["method"], target, tuple(scope["headers"]), body))
        if body is not None:
            headers = [(b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b""})

    async def _note(self, service: Service, request: Request) -> Reply:
        call = request.call
        self.requests.append(Read(call.method, call.path.encode("latin-1"), tuple(call.headers.items()), call.body))
        return json_reply(None)

    async def send(self, *parts: bytes, turns: int = 8) -> None:
        for part in parts:
            self.protocol.data_received(part)
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)

    def is_busy(self) -> bool:
        """Whether a request that came whole is not answered yet, or something was not read yet."""
        protocol = self.protocol
        return bool(protocol.pipeline) or bool(protocol._unread and protocol.listens())

    async def end(self) -> None:
        """The client hangs up."""
        self.protocol.connection_lost(None)
        timer = cast("asyncio.TimerHandle | None", self.protocol._lingering)
        if timer is not None:
            timer.cancel()
        await asyncio.sleep(0)
