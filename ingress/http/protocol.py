"""uvicorn's HTTP protocol with bounds (size of a request's head, number of connections) and short ways for orders.

A plain order that arrives in one piece, between two requests, never meets the parser (fast_path/http_orders.py); other
requests of the hot routes skip ASGI (fast_path/cycle.py). Keep-alive, pipelining, disconnects, shutdown stay uvicorn's.
What cannot become a request is refused with the same body as everything else, after the answers to what was begun
before it. What is read at a time is bounded: while a whole request waits, the rest waits unread.
An offer to change the protocol is taken only where there is one to change to, and else ignored (RFC 9110, section 7.8):
the parser, which stops at each, is given the head once more without the offer. So a body is read by its length always.
"""

import asyncio
import re
from collections.abc import Iterable
from typing import Any, ClassVar, Final, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from engine_core.config.addresses import NO_PROXY_PROTOCOL, PROXY_PREFACES, Origin
from engine_core.edge.refusals import Code
from ingress.access.rate_limits import CONNECTION, HANDSHAKE
from ingress.arrival import hand_over
from ingress.errors import ApiError, bad_request
from ingress.fast_path.cycle import HotCycle, HotRoutes, LastWord, render
from ingress.fast_path.http_orders import PlainOrders
from ingress.fast_path.plain_requests import PlainRequest
from ingress.http import head
from ingress.http.connections import Crowd
from ingress.messages import NOWHERE, ORDER_ENTRY, Reply, error_reply, origin_of
from ingress.order_entry.socket import OrderSocket

MAX_HEAD: Final = 32 * 1024  # bytes of request line and headers; as many between two parts of a body, or after the last
MAX_HEADERS: Final = 100
PIECE: Final = 4096  # bytes that are read at a time
LINGER_SECONDS: Final = 2.0  # for the client to read a refusal, before what it still sends resets the connection
LINGER_BYTES: Final = 2**20  # and so much of what it still sends is dropped meanwhile
_FORWARDED: Final = re.compile(rb"\r\n(x-forwarded-(?:for|proto)):[ ]*([^\r]*)", re.IGNORECASE)
_INVALID: Final = "Invalid HTTP request received"
_TOO_LARGE: Final = ApiError(Code.HEADERS_TOO_LARGE, f"Request head is larger than {MAX_HEAD} bytes")
_TOO_MANY: Final = ApiError(Code.HEADERS_TOO_LARGE, f"Request head has more than {MAX_HEADERS} headers")


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `hot`: the routes that skip ASGI, if any."""

    hot: ClassVar[HotRoutes | None] = None
    plain: ClassVar[PlainOrders | None] = None
    crowd: ClassVar[Crowd | None] = None

    awaited_since = 0.0  # see crowd.Connection
    unread_since = 0.0
    origin = NOWHERE  # of the latest request
    _unread = memoryview(b"")  # came, and waits until what came before is answered
    _between_requests = True  # the parser holds no part of one
    _last_answer = 0.0  # when a plain order was answered, in the loop's time
    _unframed = 0  # bytes that came since a request began, or since the last part of its body
    _head_complete = False
    _offer = False  # the present head offers another protocol, for which the parser is about to stop
    _deaf = False  # nothing more is read
    _dropped = 0  # bytes that came all the same
    _sent_all = False  # the client will send no more
    _lingering: asyncio.TimerHandle | None = None  # after a refusal
    flow: "HeldFlow"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.parser = httptools.HttpRequestParser(self)  # a strict one: after `Connection: close` comes nothing

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.origin = Origin(self.peer())
        self.flow = HeldFlow(transport)
        self.awaited_since = self.loop.time()  # a first request has to follow
        if self.crowd is not None and (refusal := self.crowd.enter(self.peer())):
            self._deaf = True
            self._write_refusal(refusal)
            transport.close()
        else:
            self._pays(CONNECTION)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deaf = True
        if self._lingering is not None:
            self._lingering.cancel()
        super().connection_lost(exc)
        self._leave()

    def _pays(self, units: int) -> bool:
        """Charge its address for work that is about to be done; False: it is refused, and was the last to be read."""
        refusal = None if self.crowd is None else self.crowd.charge(self.origin.address, units)
        if refusal is not None:
            self._end(refusal)
        return refusal is None

    def _leave(self) -> None:
        if self.crowd is not None:
            self.crowd.leave(self.origin.address)
            self.crowd = None  # type: ignore[misc]

    def is_unread(self) -> bool:
        return self.flow.write_paused

    def drop(self) -> None:
        self.transport.abort()

    def peer(self) -> str:
        return self.client[0] if self.client else ""

    # Reading

    def listens(self) -> bool:
        """Whether what the client will send is going to be read."""
        return not self._deaf and not self.transport.is_closing()

    def data_received(self, data: bytes) -> None:
        if not self.listens():
            self._dropped += len(data)
            if self._lingering is not None and self._dropped > LINGER_BYTES:
                self.transport.abort()
            return
        if self._unread:
            self._unread = memoryview(bytes(self._unread) + data)
            return
        if (
            self._between_requests
            and len(data) <= PIECE
            and self.plain is not None
            and self._is_idle()
            and self.plain.begin(data, self)
        ):
            return
        self._unread = memoryview(data)
        self._read_on()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more; what it has sent completely is answered still."""
        self._sent_all = True
        self._read_on()
        return self._lingering is None and not self.transport.is_closing()

    def _read_on(self) -> None:
        """Read what has come, as long as no whole request has to wait for its turn."""
        while self._unread and not self.pipeline and not self._deaf:
            piece, self._unread = self._unread[:PIECE], self._unread[PIECE:]
            if not self._between_requests and not self._pays(1):  # the request itself is counted when it is whole
                break
            self._unframed += len(piece)
            self._read(piece)
            if self._unframed > MAX_HEAD and not self._between_requests:
                self._end(_TOO_LARGE)
        self._hold(bool(self._unread) and not self._deaf)
        if self._sent_all and not self._unread and not self._deaf:
            self._end(None)

    def _hold(self, back: bool) -> None:
        if back:
            self.flow.hold()
        elif self.flow.held:
            self.flow.held = False
            if not self.pipeline:  # else uvicorn reads on when its turn has come
                self.flow.resume_reading()

    def _read(self, piece: memoryview) -> None:
        while not self._deaf:
            try:
                self.parser.feed_data(piece)
                return
            except httptools.HttpParserUpgrade as offer:
                piece = piece[offer.args[0] :]
                self._offer = False
                if not self._is_order_entry():
                    self._begin_again()
                elif self._pays(HANDSHAKE):
                    self._hand_over(piece)
                    return
            except httptools.HttpParserError as error:
                cause = error.__context__
                self._end(cause if isinstance(cause, ApiError) else self._malformed(piece))

    def _malformed(self, piece: memoryview) -> ApiError | None:
        """None if nothing may follow the last request, which said so itself: then it is not looked at."""
        if self._between_requests and self.cycle is not None and not self.cycle.keep_alive:
            return None
        return bad_request(NO_PROXY_PROTOCOL if bytes(piece).startswith(PROXY_PREFACES) else _INVALID)

    # The parser's findings

    def on_message_begin(self) -> None:
        self._unset_keepalive_if_required()
        self._between_requests = False
        self._head_complete = False
        self._unframed = 0
        self.awaited_since = self.loop.time()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_complete:  # else it is a trailer, which must not pass for a header
            if len(self.headers) >= MAX_HEADERS:
                raise _TOO_MANY
            super().on_header(name, value.strip(b" \t"))

    def on_headers_complete(self) -> None:
        method = self.parser.get_method()
        if self._unframed > MAX_HEAD - PIECE and sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD:
            raise _TOO_LARGE
        self.url, by_name = head.read(method, self.url, self.parser.get_http_version(), self.headers)
        if refusal := self._arrives(self.headers):
            raise refusal
        if self.parser.should_upgrade():
            self._offer = True
            return
        if self.hot is None or not self._start_hot(self.hot, method, by_name):
            super().on_headers_complete()
        self._head_complete = True
        self._unframed = 0

    def on_body(self, body: bytes) -> None:
        self._unframed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offer:
            return
        self._between_requests = True
        self.awaited_since = 0.0
        super().on_message_complete()

    def _arrives(self, headers: Iterable[tuple[bytes, bytes]]) -> ApiError | None:
        """Note whose request this is, if a trusted proxy brings it; why it has to go again, if it has."""
        if self.crowd is None or not self.crowd.proxies.trusts(self.peer()):
            return None
        origin = origin_of(self.crowd.proxies, self.peer(), headers)
        if refusal := self.crowd.move(self.origin.address, origin.address):
            return refusal
        self.origin = origin
        return None

    def address(self, data: bytes) -> str | None:
        head = data[: data.index(b"\r\n\r\n")]
        refusal = self._arrives((name.lower(), value) for name, value in _FORWARDED.findall(head))
        return None if refusal else self.origin.address

    def _start_hot(self, routes: HotRoutes, method: bytes, headers: dict[bytes, bytes]) -> bool:
        """Begin a request of a hot route, as the overridden method does it for all others; False if it is none."""
        found = routes.find(method, self.url, headers, self.origin)
        if found is None:
            return False
        existing = self.cycle
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        way = self.transport, self.flow, self.server_state.default_headers
        cycle = HotCycle(routes, found, *way, keep_alive, self.on_response_complete)
        self.cycle = cast(RequestResponseCycle, cycle)
        if existing is None or existing.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        return True

    # Offers of another protocol

    def _is_order_entry(self) -> bool:
        """Whether the head is a WebSocket's, where there is one, and nobody waits for an answer."""
        headers = dict(self.headers)
        return (
            self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self.url.partition(b"?")[0] == ORDER_ENTRY.encode()
            and headers[b"upgrade"].lower() == b"websocket"
            and headers.get(b"content-length", b"0") == b"0"
            and b"transfer-encoding" not in headers
            and self._is_idle()
        )

    def _begin_again(self) -> None:
        """Read the head again, without the offer."""
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self._read(memoryview(b"\r\n".join(lines) + b"\r\n\r\n"))

    def _hand_over(self, rest: memoryview) -> None:
        self._deaf = True
        self.connections.discard(self)
        socket = self.ws_protocol_class(  # type: ignore[call-arg, misc]
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        assert isinstance(socket, OrderSocket)
        socket.origin = self.origin
        socket.on_lost = self._leave  # until then it is one of the crowd
        socket.connection_made(self.transport)
        hand_over(self.transport, socket)
        socket.begin(dict(self.headers))
        if rest or self._unread:
            socket.data_received(bytes(rest) + bytes(self._unread))

    # Answers

    def _is_idle(self) -> bool:
        """Whether every request so far is answered, and the client reads its answers."""
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self._read_on()

    def begin_plain(self, request: PlainRequest) -> None:
        self.awaited_since = 0.0
        self.cycle = cast(RequestResponseCycle, request)

    def answer_plain(self, request: PlainRequest, reply: Reply) -> None:
        assert self.hot is not None
        self.hot.metrics.order(request.began, reply.status)
        request.response_complete = True
        if request.disconnected:
            return
        self.transport.write(render(reply, self.server_state.default_headers, request.keep_alive))
        if not request.keep_alive:
            self.transport.close()
        if self.pipeline or self._unread or not self._between_requests:  # more came meanwhile
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._last_answer = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self._end_if_idle)

    def _end_if_idle(self) -> None:
        """The keep-alive timer after a plain order: not reset by each one, it checks how long ago the last one was."""
        self.timeout_keep_alive_task = None
        left = self._last_answer + self.timeout_keep_alive - self.loop.time()
        if not self._is_idle():
            left = self.timeout_keep_alive
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self._end_if_idle)
        else:
            self.timeout_keep_alive_handler()

    def _end(self, refusal: ApiError | None) -> None:
        """Read no more. What was begun is answered first, then the refusal, if any, and the connection ends. A request
        that has not come whole is dropped: nothing of it is executed."""
        if not self.listens():
            return
        self._deaf = True
        if not self._between_requests and self._head_complete:
            must_wait = self._drop_present()
        else:
            must_wait = self.cycle is not None and not self.cycle.response_complete
        if must_wait:
            word = cast(RequestResponseCycle, LastWord(refusal, self._say_last))
            self.pipeline.appendleft((word, self.app))
        else:
            self._say_last(refusal)

    def _drop_present(self) -> bool:
        """Forget the request whose body has not come; whether there are others before it that will be answered."""
        if self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()
            return True
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        return False

    def _say_last(self, refusal: ApiError | None) -> None:
        if self.transport.is_closing():
            return
        if refusal is None:
            self.transport.close()
            return
        self._write_refusal(refusal)
        self.transport.write_eof()
        self.flow.resume_reading()
        self._lingering = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _write_refusal(self, refusal: ApiError) -> None:
        if self.hot is not None:
            self.hot.metrics.answered(refusal.code.status)
        self.transport.write(render(error_reply(refusal), self.server_state.default_headers, keep_alive=False))


class HeldFlow(FlowControl):
    """One that does not resume reading, whatever asks for it, while received data is held back."""

    held = False

    def hold(self) -> None:
        self.held = True
        self.pause_reading()

    def resume_reading(self) -> None:
        if not self.held:
            super().resume_reading()


def protocol(routes: HotRoutes, crowd: Crowd) -> type[BoundedProtocol]:
    """The protocol class of a server that answers `routes` itself."""
    ways = {"hot": routes, "plain": PlainOrders(routes.service), "crowd": crowd}
    return type("HotProtocol", (BoundedProtocol,), ways)
