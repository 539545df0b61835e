"""The WebSocket connection of order entry: an asyncio protocol that uvicorn hands an upgrade request to.

The protocol of RFC 6455 is the websockets library's, without its I/O. Texts that have come whole, in one frame, never
meet it: kernels read all of a piece at once (fast_path/message_kernel.py). So the library must get what it gets frame
by frame, and a frame that it has begun to its end. Bounds: the size of a message, the commands in flight (past them we
stop reading), the silence of a peer. Non-goals: messages (session.py), and browser sessions: trading here takes a
signature, so a foreign page cannot use anybody's cookie.
"""

import asyncio
import http
import logging
from collections.abc import Callable
from typing import Any, ClassVar, Final, cast

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from engine_core.config.addresses import Origin
from engine_core.edge.text_frame import text_frame
from ingress.errors import bad_request
from ingress.fast_path.message_kernel import MOST_BYTES
from ingress.fast_path.websocket_orders import PlainMessages
from ingress.messages import NOWHERE, error_reply
from ingress.metrics import Metrics
from ingress.order_entry.session import PATH, STRANGER, OpenSessions, OrderSession
from ingress.service import Service

MAX_MESSAGE: Final = 64 * 1024
MAX_IN_FLIGHT: Final = 512
MAX_FRAGMENTS: Final = 1024
PIECE: Final = 4096  # bytes that are read at a time
LOGON_SECONDS: Final = 10.0  # from the handshake
PING_SECONDS: Final = 5.0  # a peer that says nothing for two of these is gone
CLOSE_SECONDS: Final = 2.0
assert 2 * PIECE <= MOST_BYTES
GOING_AWAY, POLICY_VIOLATION, UNSUPPORTED = 1001, 1008, 1003
_HANDSHAKE: Final = (b"host", b"connection", b"upgrade", b"sec-websocket-key", b"sec-websocket-version")
_USUAL: Final = range(1, 1024)  # bytes of one of these
_OPEN: Final = State.OPEN  # to find a member of an enum takes longer than to compare it
_QUIET: Final = logging.getLogger("ingress.websocket")
_QUIET.setLevel(logging.WARNING)


class OrderSocket(asyncio.Protocol):
    """One connection. `plain`, `sessions` and `metrics` are those of the process: see socket_class."""

    plain: ClassVar[PlainMessages]
    sessions: ClassVar[OpenSessions]
    metrics: ClassVar[Metrics]

    awaited_since = 0.0  # see connections.py; a silent client is dropped by the pings
    unread_since = 0.0
    origin: Origin = NOWHERE  # of the upgrade request

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        self._state = server_state
        self._loop = asyncio.get_running_loop()
        self._protocol = ServerProtocol(max_size=MAX_MESSAGE, logger=_QUIET)
        self._session: OrderSession | None = None
        self._fragments: list[bytes] = []
        self._paused_by_peer = False
        self._paused = False
        self._heard = True
        self._timer: asyncio.TimerHandle | None = None
        self._turn: asyncio.Handle | None = None
        self._unread = memoryview(b"")
        self._part = b""  # of a frame, until the rest of it has come
        self._inside = 0  # bytes of a frame that the library has begun, still to come
        self._opened = self._loop.time()
        self.on_lost: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._state.connections.add(cast(Any, self))
        self._timer = self._loop.call_later(PING_SECONDS, self._ping)

    def begin(self, headers: dict[bytes, bytes]) -> None:
        """Answer the handshake, of which HTTP was read already."""
        lines = [b"%b: %b" % (name, headers[name]) for name in _HANDSHAKE if len(headers.get(name, b"")) in _USUAL]
        self._give(b"GET %b HTTP/1.1\r\n%b\r\n\r\n" % (PATH.encode(), b"\r\n".join(lines)))

    def data_received(self, data: bytes) -> None:
        self._heard = True
        self._unread = memoryview(bytes(self._unread) + data if self._unread else data)
        self._read_on()

    def _read_on(self) -> None:
        """Read one piece of what has come; the rest in later turns of the loop, so that others get theirs."""
        self._turn = None
        if self._unread and not self._is_busy():
            piece, self._unread = self._unread[:PIECE], self._unread[PIECE:]
            self._read(self._part + bytes(piece))
        self._throttle()

    def _read(self, data: bytes) -> None:
        self._part = b""
        while data:
            if self._open_session() is None:  # the library ignores whatever comes now
                self._give(data)
                return
            if not self._inside and not self._fragments and (taken := self._take_texts(data)):
                data = data[taken:]
                continue
            size = self._inside or frame_size(data)
            if not size or (not self._inside and len(data) < size <= PIECE):
                self._part = data
                return
            self._inside = max(size - len(data), 0)
            given, data = data[:size], data[size:]
            self._give(given)

    def _take_texts(self, data: bytes) -> int:
        """Hand whole texts to the session; how many bytes of frames."""
        messages, place = self.plain.take(data), 0
        while place < len(messages.ends) and (session := self._open_session()) is not None:
            place += session.take(messages, place)
        return messages.taken

    def _open_session(self) -> OrderSession | None:
        return self._session if self._protocol.state is _OPEN else None

    def _give(self, data: bytes) -> None:
        """To the library."""
        self._protocol.receive_data(data)
        self._handle()

    def eof_received(self) -> None:
        self._protocol.receive_data(self._part + bytes(self._unread))
        self._part, self._unread = b"", memoryview(b"")
        self._protocol.receive_eof()
        self._handle()

    def connection_lost(self, error: Exception | None) -> None:
        self.on_lost()
        self._state.connections.discard(cast(Any, self))
        for handle in (self._timer, self._turn):
            if handle is not None:
                handle.cancel()
        self._part, self._unread = b"", memoryview(b"")
        self._end_session()

    def pause_writing(self) -> None:
        self._paused_by_peer = True
        self._throttle()

    def resume_writing(self) -> None:
        self._paused_by_peer = False
        self._throttle()

    def is_unread(self) -> bool:
        return self._paused_by_peer

    def drop(self) -> None:
        self._transport.abort()

    def shutdown(self) -> None:
        """uvicorn stops."""
        self._close(GOING_AWAY, "the server is going away; connect again")

    def _handle(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._shake_hands(event)
            elif isinstance(event, Frame):
                self._take_frame(event)
        self._flush()
        self._throttle()

    def _shake_hands(self, request: Request) -> None:
        response = self._protocol.accept(request)
        if response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
            address = self.origin.address
            self._session = OrderSession(self.plain, self.sessions, self.metrics, self._send, self._drop, address)
        else:
            response.body = error_reply(bad_request(bytes(response.body or b"").decode().strip())).body
            for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(response.body)))):
                del response.headers[name]
                response.headers[name] = value
        self._protocol.send_response(response)

    def _take_frame(self, frame: Frame) -> None:
        if self._session is None or self._protocol.state is not _OPEN:
            return  # a client that was refused is not read any more
        is_text = frame.opcode in (Opcode.TEXT, Opcode.CONT)
        if not (is_text and frame.fin):  # a message counts for itself, with its last frame
            self._session.receive_frame()
            if self._session is None:
                return
        if is_text:
            if frame.fin and not self._fragments:
                self._session.receive(bytes(frame.data))
            else:
                self._fragments.append(bytes(frame.data))
                if frame.fin:
                    text, self._fragments = b"".join(self._fragments), []
                    self._session.receive(text)
                elif len(self._fragments) > MAX_FRAGMENTS:
                    self._close(POLICY_VIOLATION, f"a message has at most {MAX_FRAGMENTS} fragments")
        elif frame.opcode is Opcode.BINARY:
            self._close(UNSUPPORTED, "messages are JSON texts")

    def _send(self, text: bytes) -> None:
        if not self._transport.is_closing() and self._protocol.state is _OPEN:
            self._transport.write(text_frame(text))  # nothing else of the protocol's is waiting, so the order is kept
            if self._paused:
                self._throttle()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
        if self._protocol.close_expected():
            self._loop.call_later(CLOSE_SECONDS, self._transport.abort)

    def _throttle(self) -> None:
        """Read on only while the client reads its answers and has not too many commands on their way."""
        busy = self._is_busy()
        wanted = busy or bool(self._unread)
        if wanted != self._paused and not self._transport.is_closing():
            self._paused = wanted
            (self._transport.pause_reading if wanted else self._transport.resume_reading)()
        if self._unread and not busy and self._turn is None:
            self._turn = self._loop.call_soon(self._read_on)

    def _is_busy(self) -> bool:
        return self._paused_by_peer or (self._session is not None and self._session.in_flight >= MAX_IN_FLIGHT)

    def _ping(self) -> None:
        if not self._heard and (self._paused_by_peer or not self._paused):
            self._transport.abort()
            return
        self._heard = False
        late = self._loop.time() - self._opened > LOGON_SECONDS
        if late and self._session is not None and not self._session.is_logged_on:
            self._drop(STRANGER)
        if self._protocol.state is _OPEN:
            self._protocol.send_ping(b"")
            self._flush()
        self._timer = self._loop.call_later(PING_SECONDS, self._ping)

    def _drop(self, reason: str) -> None:
        """Against the client's will: its session ends now, whenever it will have closed the connection."""
        self._close(POLICY_VIOLATION, reason)
        self._end_session()

    def _end_session(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            task = self._loop.create_task(session.close())
            self._state.tasks.add(task)  # uvicorn waits for these when it stops
            task.add_done_callback(self._state.tasks.discard)

    def _close(self, code: int, reason: str) -> None:
        if self._protocol.state is _OPEN:
            self._protocol.send_close(code, reason)
            self._flush()
        else:
            self._transport.close()


def frame_size(data: bytes) -> int:
    """Of the frame that these bytes begin with; 0 if its length has not come yet."""
    if len(data) < 2:
        return 0
    length, head = data[1] & 127, 2 + (data[1] >> 7) * 4
    if length < 126:
        return head + length
    more = 2 if length == 126 else 8
    return head + more + int.from_bytes(data[2 : 2 + more], "big") if len(data) >= 2 + more else 0


def socket_class(service: Service, metrics: Metrics) -> type[OrderSocket]:
    """The class that uvicorn makes a connection of, bound to this process."""
    own = {"plain": PlainMessages(service), "sessions": OpenSessions(service.market_data), "metrics": metrics}
    return type("BoundOrderSocket", (OrderSocket,), own)
