"""The WebSocket server: connections, their life and their bounds. What they say is handled in session.py.

Frames are written to the transport as they are, ready-made: the library's own send would build each one again for every
client. That is sound because these connections have no compression and never send fragmented messages.
"""

import asyncio
import logging
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

from egress.auth import Authenticator
from egress.config import EgressConfig
from egress.hub import Client, Hub
from egress.private import PrivateStreams
from egress.session import Session
from engine_core.replica.market_data import Changes, MarketData
from engine_core.wire.tasks import ended

PATHS = ("/", "/ws")
HEALTH = "/health"
TRY_AGAIN_LATER = 1013
GOING_AWAY = 1001
SESSION_CHECK_SECONDS = 0.25

logger = logging.getLogger(__name__)
_closing: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive


def _quiet() -> logging.Logger:
    """The library's logger without a line for every connection that comes and goes."""
    library = logging.getLogger("egress.websocket")
    library.setLevel(logging.WARNING)
    return library


class Connection(ServerConnection):
    """A WebSocket that the hub writes to."""

    client: Client | None = None
    hub: Hub | None = None

    def write(self, data: bytes) -> None:
        if self.protocol.state is State.OPEN:
            self.transport.write(data)

    def congested(self) -> bool:
        return self.paused

    def drop(self, reason: str) -> None:
        task = self.loop.create_task(self.close(TRY_AGAIN_LATER, reason))
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.hub is not None and self.client is not None:
            self.hub.release(self.client)


class Egress:
    """All connections of this process, on one hub."""

    def __init__(
        self, config: EgressConfig, data: MarketData, hub: Hub, private: PrivateStreams, authenticator: Authenticator
    ) -> None:
        self._config, self._data, self._hub, self._private = config, data, hub, private
        self._authenticator = authenticator
        self._sessions: set[Session] = set()
        self._server: Server | None = None
        self._watch: asyncio.Task[None] | None = None
        data.listeners.append(self._changed)

    @property
    def port(self) -> int:
        assert self._server is not None, "the server has not been started"
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def start(self) -> None:
        limits = self._config.limits
        self._server = await serve(
            self._handle,
            self._config.host,
            self._config.port,
            create_connection=Connection,
            process_request=self._check_path,
            compression=None,
            max_size=limits.message_bytes,
            max_queue=16,
            write_limit=(limits.transport_bytes, limits.transport_bytes // 4),
            ping_interval=limits.ping_seconds,
            ping_timeout=limits.pong_seconds,
            close_timeout=limits.close_seconds,
            server_header=None,
            logger=_quiet(),
            reuse_port=True if self._config.workers > 1 else None,
        )
        self._watch = asyncio.create_task(self._watch_sessions())

    async def stop(self) -> None:
        """Tell every client that we are going away, and wait for their goodbyes, not for long."""
        self._data.listeners.remove(self._changed)
        await ended(self._watch)
        if self._server is not None:
            self._server.close(code=GOING_AWAY, reason="the server is going away; connect again")
            await self._server.wait_closed()

    def _check_path(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == HEALTH:
            return connection.respond(HTTPStatus.OK, "ok\n")
        if path not in PATHS:
            return connection.respond(HTTPStatus.NOT_FOUND, "the streams are at / and /ws\n")
        if len(self._sessions) >= self._config.limits.connections:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Connection)
        client = self._hub.connect(connection)
        connection.client, connection.hub = client, self._hub
        session = Session(client, self._hub, self._private, self._authenticator.for_connection(), self._config.limits)
        self._sessions.add(session)
        try:
            async for text in connection:
                session.receive(text)
        except ConnectionClosed:
            pass
        finally:
            connection.client = connection.hub = None
            self._sessions.discard(session)
            session.close()

    def _changed(self, changes: Changes) -> None:
        if changes.setup:
            for session in list(self._sessions):
                session.check()

    async def _watch_sessions(self) -> None:
        """A log-out is heard of in memory that ingress shares, which tells nobody that it changed."""
        while True:
            await asyncio.sleep(SESSION_CHECK_SECONDS)
            for session in [session for session in self._sessions if session.has_session]:
                session.check()
