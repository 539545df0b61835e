"""uvicorn's HTTP protocol with bounds (size of a request's head, number of connections) and short ways for orders.

A plain order that arrives in one piece, between two requests, never meets the parser (plain_orders.py); other requests
of the hot routes skip ASGI (hot.py). Keep-alive, pipelining, disconnects and shutdown stay uvicorn's. What cannot
become a request is refused with the same `{"code","message"}` body as everything else.
"""

import asyncio
import http
import re
from collections.abc import Iterable
from typing import ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from engine_core.wire.addresses import Origin
from ingress.call import NOWHERE, Reply, error_reply, origin_of
from ingress.crowd import Crowd
from ingress.errors import ApiError, Code, bad_request
from ingress.hot import HotCycle, HotRoutes, render
from ingress.order_socket import OrderSocket
from ingress.plain_orders import PlainOrder, PlainOrders

MAX_HEAD: Final = 32 * 1024  # bytes of request line and headers
_FORWARDED: Final = re.compile(rb"\r\n(x-forwarded-(?:for|proto)):[ ]*([^\r]*)", re.IGNORECASE)


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `hot`: the routes that skip ASGI, if any."""

    hot: ClassVar[HotRoutes | None] = None
    plain: ClassVar[PlainOrders | None] = None
    crowd: ClassVar[Crowd | None] = None

    awaited_since = 0.0  # see crowd.Connection
    unread_since = 0.0
    origin = NOWHERE  # of the latest request
    _between_requests = True  # the parser holds no part of one
    _last_answer = 0.0  # when a plain order was answered, in the loop's time
    _head_bytes = 0  # received of a head that is not complete
    _head_complete = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.origin = Origin(self.peer())
        self.awaited_since = self.loop.time()  # a first request has to follow
        if self.crowd is not None and (refusal := self.crowd.enter(self.peer())):
            self._refuse(refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._leave()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        socket = self.transport.get_protocol()
        assert isinstance(socket, OrderSocket)
        socket.origin = self.origin
        socket.on_lost = self._leave  # until then it is one of the crowd

    def _leave(self) -> None:
        if self.crowd is not None:
            self.crowd.leave(self.origin.address)
            self.crowd = None  # type: ignore[misc]

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._between_requests and self.plain is not None and self._is_idle() and self.plain.take(data, self):
            return
        if not self._head_complete:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._head_complete and self._head_bytes > MAX_HEAD:
            self._refuse_head()

    def on_message_begin(self) -> None:
        self._between_requests = False
        self._head_complete = False
        self.awaited_since = self.loop.time()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._between_requests = True
        self.awaited_since = 0.0
        super().on_message_complete()

    def is_unread(self) -> bool:
        return self.flow.write_paused

    def drop(self) -> None:
        self.transport.abort()

    def peer(self) -> str:
        return self.client[0] if self.client else ""

    def on_headers_complete(self) -> None:
        if self._head_bytes > MAX_HEAD and sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD:
            self._refuse_head()
            return
        self._head_complete = True
        self._head_bytes = 0
        if refusal := self._arrives(self.headers):
            self._refuse(refusal)
            return
        if self.hot is None or not self._start_hot(self.hot):
            super().on_headers_complete()

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

    def _start_hot(self, routes: HotRoutes) -> bool:
        """Begin a request of a hot route, as the overridden method does it for all others; False if it is none."""
        found = routes.find(self.parser.get_method(), self.url, self.headers, self.peer())
        if found is None:
            return False
        existing = self.cycle
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        default_headers = self.server_state.default_headers
        cycle = HotCycle(
            routes, found, self.transport, self.flow, default_headers, keep_alive, self.on_response_complete
        )
        self.cycle = cast(RequestResponseCycle, cycle)
        if existing is None or existing.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        return True

    def _is_idle(self) -> bool:
        """Whether every request so far is answered, and the client reads its answers."""
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def begin_plain(self, order: PlainOrder) -> None:
        self.awaited_since = 0.0
        self.cycle = cast(RequestResponseCycle, order)

    def answer_plain(self, order: PlainOrder, reply: Reply) -> None:
        assert self.hot is not None
        self.hot.shown.order(order.began, reply.status)
        order.response_complete = True
        if order.disconnected:
            return
        self.transport.write(render(reply, self.server_state.default_headers, order.keep_alive))
        if not order.keep_alive:
            self.transport.close()
        if self.pipeline or not self._between_requests:  # more came meanwhile
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._last_answer = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self._end_if_idle)

    def _end_if_idle(self) -> None:
        """The keep-alive timer after a plain order: it is not set anew by each, but looks how long ago the last was."""
        self.timeout_keep_alive_task = None
        left = self._last_answer + self.timeout_keep_alive - self.loop.time()
        if not self._is_idle():
            left = self.timeout_keep_alive
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self._end_if_idle)
        else:
            self.timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        self._refuse(bad_request(msg))

    def _refuse_head(self) -> None:
        self._refuse(ApiError(Code.HEADERS_TOO_LARGE, f"Request head is larger than {MAX_HEAD} bytes"))

    def _refuse(self, error: ApiError) -> None:
        if self.transport.is_closing():
            return
        reply = error_reply(error)
        more = "".join(f"{name.decode()}: {value.decode()}\r\n" for name, value in reply.headers)
        head = (
            f"HTTP/1.1 {reply.status} {http.HTTPStatus(reply.status).phrase}\r\n{more}"
            f"content-type: application/json\r\ncontent-length: {len(reply.body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + reply.body)
        self.transport.close()


def protocol(routes: HotRoutes, crowd: Crowd) -> type[BoundedProtocol]:
    """The protocol class of a server that answers `routes` itself."""
    ways = {"hot": routes, "plain": PlainOrders(routes.service), "crowd": crowd}
    return type("HotProtocol", (BoundedProtocol,), ways)
