"""The shortest way from a parsed request of a hot route to its answer: no scope, no ASGI messages, one write.

A HotCycle stands in for uvicorn's RequestResponseCycle, so keep-alive, pipelining, disconnects and shutdown stay
uvicorn's. It saves about a fifth of what an order costs this process. The operation, its validation and its errors are
those of dispatch.py; a request out of the ordinary (no length, a large body, `Expect`) goes through http/asgi.py.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from engine_core.config.addresses import Origin
from engine_core.process.stages import now
from ingress.dispatch import Endpoint, answer
from ingress.errors import ApiError
from ingress.http.asgi import COMMON_HEADERS, MAX_BODY
from ingress.http.head import RawHeaders
from ingress.messages import Call, Reply
from ingress.metrics import Metrics
from ingress.request_time import RequestTime
from ingress.service import Service

_COMMON: Final = b"".join(b"%s: %s\r\n" % header for header in COMMON_HEADERS)
_LONGEST_LENGTH: Final = 6  # digits of a Content-Length worth reading


@dataclass(frozen=True, slots=True)
class HotRoutes:
    """The routes that are answered here, by method and exact path as sent."""

    service: Service
    metrics: Metrics
    endpoints: dict[tuple[bytes, bytes], Endpoint]

    def find(
        self, method: bytes, url: bytes, by_name: dict[bytes, bytes], origin: Origin
    ) -> "tuple[Endpoint, Call] | None":
        """The endpoint and the call (its body still to come), or None if another way must be taken."""
        path, _, query = url.partition(b"?")
        endpoint = self.endpoints.get((method, path))
        if endpoint is None:
            return None
        length = by_name.get(b"content-length", b"0" if method == b"GET" else b"")
        if len(length) > _LONGEST_LENGTH or not length.isdigit() or int(length) > MAX_BODY:
            return None
        if b"expect" in by_name or b"transfer-encoding" in by_name:
            return None
        return endpoint, Call(method.decode(), path.decode(), query, by_name, b"", origin)


class HotCycle:
    """One request of a hot route. The attributes without underscore are those that uvicorn's protocol works with."""

    def __init__(
        self,
        routes: HotRoutes,
        found: tuple[Endpoint, Call],
        transport: asyncio.Transport,
        flow: FlowControl,
        default_headers: RawHeaders,
        keep_alive: bool,
        on_response: Callable[[], None],
    ) -> None:
        self._routes = routes
        self._endpoint, self._call = found
        self._transport = transport
        self._flow = flow
        self._default_headers = default_headers
        self._on_response = on_response
        self._received = self._began = 0.0  # when it had come completely, and was read
        self.keep_alive = keep_alive
        self.message_event = asyncio.Event()
        self.body = bytearray()
        self._more_body = True
        self.disconnected = False
        self.response_complete = False

    @property
    def more_body(self) -> bool:
        return self._more_body

    @more_body.setter
    def more_body(self, more: bool) -> None:
        """The protocol has read the last byte."""
        self._more_body, self._began = more, now()
        self._received = self._routes.service.arrivals.since(self._began)

    async def run_asgi(self, app: object) -> None:
        while self.more_body and not self.disconnected:
            self._flow.resume_reading()
            self.message_event.clear()
            await self.message_event.wait()
        if self.more_body:  # the client left before its request was complete: there is nothing to execute
            return
        timed = RequestTime(self._received)
        self._call.body = bytes(self.body)
        reply = await answer(self._routes.service, self._endpoint, self._call)
        self._routes.metrics.order(self._began, reply.status)
        if self._flow.write_paused:
            await self._flow.drain()
        if not self.disconnected:
            self._transport.write(render(reply, self._default_headers, self.keep_alive))
            timed.answered()
        self.response_complete = True
        if not self.keep_alive:
            self._transport.close()
        self._on_response()


class LastWord:
    """A refusal that waits for its turn among uvicorn's cycles; after it the connection ends. None: only the end."""

    def __init__(self, refusal: ApiError | None, say: Callable[[ApiError | None], None]) -> None:
        self._refusal, self._say = refusal, say

    async def run_asgi(self, app: object) -> None:
        self._say(self._refusal)


def render(reply: Reply, default_headers: RawHeaders, keep_alive: bool) -> bytes:
    """The answer as bytes of HTTP/1.1."""
    lines = [STATUS_LINE[reply.status]]
    for header in default_headers:
        lines.append(b"%s: %s\r\n" % header)
    for header in reply.headers:
        lines.append(b"%s: %s\r\n" % header)
    if not keep_alive:
        lines.append(b"connection: close\r\n")
    lines.append(_COMMON)
    lines.append(b"content-type: %s\r\ncontent-length: %d\r\n\r\n" % (reply.content_type, len(reply.body)))
    lines.append(reply.body)
    return b"".join(lines)
