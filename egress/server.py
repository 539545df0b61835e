"""The WebSocket server: connections, their life and their bounds. What they say is handled in session.py.

Frames are written to the transport as they are, ready-made: the library's own send would build each one again for every
client. That is sound because these connections have no compression and never send fragmented messages.
"""

import asyncio
import gc
import logging
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.frames import DATA_OPCODES, Frame
from websockets.http11 import Request, Response
from websockets.protocol import Event, State

from egress.auth import Authenticator
from egress.config import EgressConfig
from egress.connections import CONNECTION_UNITS, FULL, Crowd
from egress.hub import TRY_AGAIN_LATER, Hub, Subscriber
from egress.intake import Intake
from egress.session import Session
from egress.streams.private import PrivateStreams
from engine_core.config.addresses import FORWARDED_FOR, FORWARDED_PROTO, NO_PROXY_PROTOCOL, PROXY_PREFACES
from engine_core.edge.refusals import code_of_status
from engine_core.process.tasks import background, ended
from engine_core.replica.market_data import Changes, MarketData

PATHS = ("/", "/ws")
HEALTH = "/health"
GOING_AWAY = 1001
SESSION_CHECK_SECONDS = 0.25
BACKLOG = 4096  # connections that wait to be accepted; beyond, a client asks again after a second, then two, then four
KEPT_TOGETHER = 128  # connections that have opened, until garbage collection is told that they stay
_REFUSAL = (
    b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%b"
)

logger = logging.getLogger(__name__)
_closing: set[asyncio.Task[None]] = set()  # the loop itself keeps no task alive


def _quiet() -> logging.Logger:
    """The library's logger without a line for every connection that comes and goes."""
    library = logging.getLogger("egress.websocket")
    library.setLevel(logging.WARNING)
    return library


class Connection(ServerConnection):
    """A WebSocket that the hub writes to. What it says is read in turns (intake.py) and handed to its session."""

    # With more than 30 attributes a dictionary each would have to itself, of 1.5 KB; these few are beside it.
    __slots__ = (
        "_has_begun",
        "_house",
        "_input",
        "_is_dropped",
        "_is_turned_away",
        "_parts",
        "address",
        "client",
        "session",
    )

    def __init__(self, *arguments: Any, house: "Egress", **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._house = house
        self.client: Subscriber | None = None
        self.session: Session | None = None
        self._input = bytearray()  # not yet read
        self._parts: list[bytes] = []  # of a message that came in fragments
        self._has_begun = False  # to be read
        self._is_dropped = False
        self._is_turned_away = False
        self.address = ""  # that this connection counts for

    # -- what comes in ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.address = str(transport.get_extra_info("peername")[0])
        if not self._house.crowd.enter(self.address):
            self.turn_away()
            self.transport.abort()
        elif refusal := self._house.crowd.charge(self.address, CONNECTION_UNITS):
            self._refuse(refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        """Its place is free at once; what else ends with it takes ten times as long, and may be of thousands."""
        self._is_dropped = True
        self._input.clear()
        self._house.crowd.leave(self.address, turned_away=self._is_turned_away)
        self._house.intake.end(partial(self._end, exc))

    def _end(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # The parser, whose frame has the protocol that has the parser: nothing would ever free them, as garbage
        # collection does not look at connections (Egress.keep).
        self.protocol.parser.close()
        self.protocol.parser_exc = self.protocol.handshake_exc = None

    def eof_received(self) -> None:
        """Of an open connection there is nothing to be parsed: what it said last is not to be answered any more."""
        if self.session is None:
            super().eof_received()

    def data_received(self, data: bytes) -> None:
        if self._is_dropped:
            return
        waits = bool(self._input)
        self._input += data
        if not waits and self.has_input():
            self._house.intake.add(self)
        if self._input:
            self.transport.pause_reading()

    def has_input(self) -> bool:
        opens = self.request is not None and self.session is None  # the answer to the handshake is on its way
        return bool(self._input) and not self.paused and not self._is_dropped and not opens

    def read_slice(self, size: int) -> None:
        if not self.has_input():
            return
        data = bytes(self._input[:size])
        del self._input[:size]
        if self.request is None and not self._may_be_handshake(data):
            return
        super().data_received(data)
        if not self._input and not self._is_dropped and not self.transport.is_closing():
            self.transport.resume_reading()

    def _may_be_handshake(self, data: bytes) -> bool:
        """Whether this part of one is read; its first was paid for by the connection."""
        if not self._has_begun and data.startswith(PROXY_PREFACES):
            self._refuse(NO_PROXY_PROTOCOL, b"400 Bad Request")
        elif self._has_begun and (refusal := self._house.crowd.charge(self.address, 1)):
            self._refuse(refusal)
        self._has_begun = True
        return not self._is_dropped

    def _refuse(self, why: str, status: bytes = b"429 Too Many Requests\r\nRetry-After: 1") -> None:
        """Without a look at what the client says."""
        self._is_dropped = True
        self._input.clear()
        self.turn_away()
        self.transport.write(_REFUSAL % (status, len(why) + 1, f"{why}\n".encode()))
        self.transport.close()

    def turn_away(self) -> None:
        """It is refused: whatever it takes to tell it so, it holds no client's place."""
        self._is_turned_away = True
        self._house.crowd.turn_away(self.address)

    def forget_handshake(self) -> None:
        """The library would keep every header, a fifth of what a connection takes, for as long as it is open."""
        assert self.request is not None and self.response is not None
        self.request.headers.clear()
        self.response.headers.clear()

    def process_event(self, event: Event) -> None:
        if self.session is None or not isinstance(event, Frame):
            super().process_event(event)
        elif event.opcode in DATA_OPCODES:
            self._parts.append(bytes(event.data))
            if not event.fin:
                self.session.receive_frame()
            else:
                message, self._parts = b"".join(self._parts), []
                self.session.receive(message)
        else:
            self.session.receive_frame()
            super().process_event(event)

    # -- what goes out ------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self.protocol.state is State.OPEN and not self.transport.is_closing():
            self.transport.write(data)

    def congested(self) -> bool:
        return self.paused

    def drop(self, reason: str, code: int = TRY_AGAIN_LATER) -> None:
        """Close; anything else that the client sends is ignored."""
        self._is_dropped = True
        self._input.clear()
        self.transport.pause_reading()
        task = self.loop.create_task(self.close(code, reason))
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.client is not None:
            self._house.hub.release(self.client)
        if self.has_input():
            self._house.intake.add(self)


class Egress:
    """All connections of this process, on one hub."""

    def __init__(
        self, config: EgressConfig, data: MarketData, hub: Hub, private: PrivateStreams, authenticator: Authenticator
    ) -> None:
        self._config, self._data, self.hub, self._private = config, data, hub, private
        self._authenticator = authenticator
        self.crowd, self.intake = Crowd(config.limits, config.proxies), Intake()
        self._sessions: dict[Session, float] = {}  # and since when each has had no stream
        self._opened = 0
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
            create_connection=partial(Connection, house=self),  # type: ignore[arg-type]
            process_request=self._check_path,
            process_response=_in_json,
            compression=None,
            max_size=limits.message_bytes,
            write_limit=(limits.transport_bytes, limits.transport_bytes // 4),
            ping_interval=limits.ping_seconds,
            ping_timeout=limits.pong_seconds,
            close_timeout=limits.close_seconds,
            server_header=None,
            logger=_quiet(),
            reuse_port=True if self._config.workers > 1 else None,
            backlog=BACKLOG,
        )
        self._watch = background("watch of sessions", self._watch_sessions())

    async def stop(self) -> None:
        """Tell every client that we are going away, and wait for their goodbyes, not for long."""
        self._data.listeners.remove(self._changed)
        await ended(self._watch)
        if self._server is not None:
            self._server.close(code=GOING_AWAY, reason="the server is going away; connect again")
            await self._server.wait_closed()

    def _check_path(self, connection: ServerConnection, request: Request) -> Response | None:
        if connection.transport.is_closing():  # it did not wait: its place has been given back
            return connection.respond(HTTPStatus.BAD_REQUEST, "the connection is closed\n")
        path = request.path.partition("?")[0]
        if path == HEALTH:
            return connection.respond(HTTPStatus.OK, "ok\n")
        if path not in PATHS:
            return connection.respond(HTTPStatus.NOT_FOUND, "the streams are at / and /ws\n")
        return self._settle(connection, request.headers)

    def _settle(self, connection: ServerConnection, headers: Headers) -> Response | None:
        """Count it for the client that a trusted proxy names, if one does."""
        assert isinstance(connection, Connection)
        forwarded = headers.get_all(FORWARDED_FOR), headers.get_all(FORWARDED_PROTO)
        address = self.crowd.origin(connection.address, *forwarded).address
        peer, connection.address = connection.address, address
        refusal = self.crowd.settle(peer, address)
        if not refusal:
            return None
        connection.turn_away()
        full = refusal == FULL
        status = HTTPStatus.SERVICE_UNAVAILABLE if full else HTTPStatus.TOO_MANY_REQUESTS
        response = connection.respond(status, f"{refusal}\n")
        response.headers["Retry-After"] = "1"
        return response

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, Connection)
        client = self.hub.connect(connection)
        address = self.crowd.of(connection.address)
        session = Session(
            client, self.hub, self._private, self._authenticator.for_connection(), self._config.limits, address
        )
        connection.client, connection.session = client, session
        connection.forget_handshake()
        self._keep()
        if connection.has_input():
            self.intake.add(connection)
        self._sessions[session] = asyncio.get_running_loop().time()
        try:
            await connection.wait_closed()
        finally:
            connection.client = connection.session = None
            del self._sessions[session]
            session.close()

    def _keep(self) -> None:
        """Another connection has opened: 80 objects that stay, and a full collection of garbage looks at all there are.

        With a thousand connections it stops everything for 50 ms, with ten thousand for half a second. So they are
        taken out of its sight; those that end are freed at once, because nothing of them is in a cycle.
        """
        self._opened += 1
        if self._opened % KEPT_TOGETHER == 0:
            gc.collect(1)
            gc.freeze()

    def _changed(self, changes: Changes) -> None:
        if changes.setup:
            for session in list(self._sessions):
                session.check()

    async def _watch_sessions(self) -> None:
        """A log-out is seen in memory shared with ingress, which gives no notice of a change."""
        while True:
            await asyncio.sleep(SESSION_CHECK_SECONDS)
            self._check_sessions(asyncio.get_running_loop().time())
            self.crowd.forget()

    def _check_sessions(self, now: float) -> None:
        for session, idle_since in list(self._sessions.items()):
            if session.has_session:
                session.check()
            if not session.is_idle:
                self._sessions[session] = now
            elif now - idle_since > self._config.limits.idle_seconds:
                session.end(f"no stream for {self._config.limits.idle_seconds:.0f} s: connect again and subscribe")


def _in_json(connection: ServerConnection, request: Request, response: Response) -> None:
    """Refusals, the library's own among them, as REST has them."""
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return
    code = code_of_status(response.status_code)
    response.body = msgspec.json.encode({"code": code, "message": response.body.decode().strip()})
    del response.headers["Content-Type"], response.headers["Content-Length"]
    response.headers["Content-Type"] = "application/json"
    response.headers["Content-Length"] = str(len(response.body))
