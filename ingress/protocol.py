"""uvicorn's HTTP protocol with bounds: on the size of a request's head and on the number of connections.

What cannot become a request is refused with the same `{"code","message"}` body as everything else.
"""

import asyncio
import http
from typing import ClassVar, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ingress.call import error_reply
from ingress.errors import ApiError, Code, bad_request
from ingress.hot import HotCycle, HotRoutes

MAX_HEAD: Final = 32 * 1024  # bytes of request line and headers
MAX_CONNECTIONS: Final = 20_000


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `hot`: the routes that skip ASGI, if any."""

    hot: ClassVar[HotRoutes | None] = None

    _head_bytes = 0  # received of a head that is not complete
    _head_complete = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(ApiError(Code.MAINTENANCE, "Too many connections"))

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if not self._head_complete:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._head_complete and self._head_bytes > MAX_HEAD:
            self._refuse_head()

    def on_message_begin(self) -> None:
        self._head_complete = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._head_bytes > MAX_HEAD and sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD:
            self._refuse_head()
            return
        self._head_complete = True
        self._head_bytes = 0
        if self.hot is None or not self._start_hot(self.hot):
            super().on_headers_complete()

    def _start_hot(self, routes: HotRoutes) -> bool:
        """Begin a request of a hot route, as the overridden method does it for all others; False if it is none."""
        found = routes.find(self.parser.get_method(), self.url, self.headers)
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

    def send_400_response(self, msg: str) -> None:
        self._refuse(bad_request(msg))

    def _refuse_head(self) -> None:
        self._refuse(ApiError(Code.HEADERS_TOO_LARGE, f"Request head is larger than {MAX_HEAD} bytes"))

    def _refuse(self, error: ApiError) -> None:
        if self.transport.is_closing():
            return
        reply = error_reply(error)
        head = (
            f"HTTP/1.1 {reply.status} {http.HTTPStatus(reply.status).phrase}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(reply.body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + reply.body)
        self.transport.close()


def protocol(routes: HotRoutes) -> type[BoundedProtocol]:
    """The protocol class of a server that answers `routes` itself."""
    return type("HotProtocol", (BoundedProtocol,), {"hot": routes})
