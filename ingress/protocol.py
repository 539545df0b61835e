"""uvicorn's HTTP protocol with bounds: on the size of a request's head and on the number of connections.

What cannot become a request is refused with the same `{"code","message"}` body as everything else.
"""

import asyncio
import http
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ingress.call import error_reply
from ingress.errors import ApiError, Code, bad_request

MAX_HEAD: Final = 32 * 1024  # bytes of request line and headers
MAX_CONNECTIONS: Final = 20_000


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

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
        super().on_headers_complete()

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
