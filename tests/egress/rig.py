"""A real egress server on a free port, fed by hand-made events; and a client that reads what it says."""

import asyncio
import base64
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey
from websockets.asyncio.client import ClientConnection, connect

from egress.auth import Authenticator
from egress.config import ConnectionLimits, EgressConfig
from egress.hub import Hub
from egress.server import Egress
from egress.streams.market_by_order import OrderFeeds
from egress.streams.private import PrivateStreams
from egress.streams.public import PublicStreams
from engine_core.administration.client import admin
from engine_core.edge.signing import signing_text
from engine_core.replica.market_data import EventHandler, MarketData
from engine_core.wire.codes import CommandKind, KeyPermission
from engine_core.wire.layout import join
from tests.replica.flow import Engine, Flow, setup_records

SECRET = b"0123456789abcdef0123456789abcdef"
KEYS = {account: SigningKey(bytes([account]) * 32) for account in (2, 3)}
NARROW_BYTES = 4096
READ_NOTHING = SigningKey(bytes([9]) * 32)


def key_records() -> list[Any]:
    """Keys of accounts 2 and 3 that may read, and one of account 2 that may only trade."""
    both = [(account, key, KeyPermission.READ | KeyPermission.TRADE) for account, key in KEYS.items()]
    records = []
    for account, key, permissions in [*both, (2, READ_NOTHING, KeyPermission.TRADE)]:
        record = admin(CommandKind.KEY, account=account, code=permissions)
        record["public_key"] = bytearray(bytes(key.verify_key))
        records.append(record)
    return records


def signature(account: int, *, key: SigningKey | None = None, age_ms: int = 0, window: int = 60_000) -> list[str]:
    """The `signature` member of a SUBSCRIBE frame, good for as long as a machine may take to read it."""
    signer = key or KEYS[account]
    timestamp = str(time.time_ns() // 1_000_000 - age_ms)
    signed = signer.sign(signing_text("subscribe", (), timestamp, str(window))).signature
    texts = [base64.b64encode(part).decode() for part in (bytes(signer.verify_key), signed)]
    return [*texts, timestamp, str(window)]


@dataclass
class Listener:
    """One WebSocket. Frames that a test did not ask for yet are kept.

    `heartbeats`: those of depth are events. Else they are left out, because a test that takes half a second for
    anything gets one at the end of a second.
    """

    socket: ClientConnection
    kept: list[dict[str, Any]] = field(default_factory=list)
    heartbeats: bool = False

    async def say(self, **members: Any) -> None:
        await self.socket.send(json.dumps(members))

    async def subscribe(self, *names: str, **members: Any) -> None:
        """Subscribe and wait for the acknowledgement."""
        await self.say(method="SUBSCRIBE", params=list(names), id=1, **members)
        assert await self.answer() == {"id": 1, "result": None}

    async def answer(self) -> dict[str, Any]:
        """The next frame that is no event; events before it are kept."""
        while True:
            frame = await self._receive()
            if "stream" not in frame:
                return frame
            self.kept.append(frame)

    async def event(self) -> dict[str, Any]:
        """The next event of any stream, as {"stream", "data"}."""
        if self.kept:
            return self.kept.pop(0)
        frame = await self._receive()
        assert "stream" in frame, frame
        return frame

    async def data(self, stream: str | None = None) -> dict[str, Any]:
        """The data of the next event, which has to be of that stream."""
        frame = await self.event()
        assert stream in (None, frame["stream"]), frame
        return dict(frame["data"])

    async def silent(self) -> bool:
        """Whether nothing is on its way: an answer comes back with no event before it."""
        await self.say(method="UNSUBSCRIBE", params=[], id="probe")
        await self.answer()
        return not self.kept

    async def _receive(self) -> dict[str, Any]:
        async with asyncio.timeout(60):
            while True:
                frame: dict[str, Any] = json.loads(await self.socket.recv())
                if self.heartbeats or not is_heartbeat(frame):
                    return frame


def is_heartbeat(frame: dict[str, Any]) -> bool:
    """A depth event that covers no number."""
    data = frame.get("data", {})
    return data.get("e") == "depth" and data["u"] < data["U"]


@dataclass
class Rig:
    flow: Flow
    engine: Engine
    data: MarketData
    hub: Hub
    sources: PublicStreams
    private: PrivateStreams
    server: Egress
    on_events: list[EventHandler]

    def feed(self) -> None:
        """Hand on the events made since the last time, as one batch of the feed."""
        batch = self.flow.take()
        for handler in self.on_events:
            handler(batch)

    def second(self) -> None:
        """Let one end now, for the streams that say something then."""
        assert self.sources._timer is not None
        self.sources._timer.cancel()
        self.sources._second()

    @asynccontextmanager
    async def listen_narrowly(self, **options: Any) -> AsyncIterator[Listener]:
        """Where kernels hold little between the two: who does not read is noticed after kilobytes, not megabytes."""
        assert self.server._server is not None
        for listening in self.server._server.sockets:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NARROW_BYTES)  # those accepted have it, too
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", self.server.port))
        async with self.listen(sock=narrow, **options) as listener:
            yield listener

    @asynccontextmanager
    async def listen(self, path: str = "/", **options: Any) -> AsyncIterator[Listener]:
        async with connect(f"ws://127.0.0.1:{self.server.port}{path}", open_timeout=60, **options) as socket:
            yield Listener(socket)


@asynccontextmanager
async def running(flow: Flow | None = None, **limits: Any) -> AsyncIterator[Rig]:
    flow = flow or Flow()
    flow.made.clear()
    engine = Engine(flow, join([setup_records(), *key_records()]))
    on_events: list[EventHandler] = []
    data = await MarketData.bootstrap(engine.query, on_events)
    data.filled = True
    hub = Hub()
    order_feeds = OrderFeeds(data, hub, engine.query)
    sources = PublicStreams(data, hub, order_feeds)
    private = PrivateStreams(data, hub, engine.query)
    config = EgressConfig(("",), Path(), 0, 200, "127.0.0.1", 0, 1, SECRET, 0, replace(ConnectionLimits(), **limits))
    server = Egress(config, data, hub, private, Authenticator(data.setup, SECRET))
    await server.start()
    try:
        yield Rig(flow, engine, data, hub, sources, private, server, on_events)
    finally:
        await server.stop()
        await private.stop()
        sources.stop()
        await order_feeds.end()
        await data.close()
