"""Our whole reading of HTTP without a network: bytes in, requests out, for what no socket is needed for.

The protocol is the one that ingress serves with, on a transport that only notes; the application notes requests and
answers each. Hot routes are left out: what they add is not the reading.
"""

import asyncio
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from ingress.http.asgi import read_body
from ingress.http.protocol import BoundedProtocol


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


@dataclass
class Connection:
    """One connection of a client that sends `parts` and looks at nothing."""

    requests: list[Read] = field(default_factory=list)
    transport: Transport = field(default_factory=Transport)

    def __post_init__(self) -> None:
        state = ServerState()
        state.default_headers = []
        self.protocol = BoundedProtocol(_config(), state, {})
        self.protocol.app = self._application
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
