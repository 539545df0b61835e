"""The outermost ASGI function: bounded bodies, hot order routes at once, the page's files, the rest to FastAPI.

A FastAPI route costs about 300 µs a request and this function about 60, so the routes marked hot in the table are
answered here; it is the same operation, validation and signing either way. Non-goals: CORS preflights and documents.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from engine_core.wire.addresses import TrustedProxies
from ingress.call import Call, Reply, error_reply, origin_of
from ingress.dispatch import Endpoint, answer, limited
from ingress.errors import ApiError, Code
from ingress.limits import LIMIT_HEADER
from ingress.monitoring import Shown
from ingress.page import Page
from ingress.service import Service

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LIMIT_HEADER: Final = LIMIT_HEADER.lower()
_WITHOUT_BODY: Final = ("GET", "HEAD", "OPTIONS")
MAX_BODY: Final = 64 * 1024  # a batch of 20 orders with every member is a tenth of it
DRAINED_BODY: Final = 4 * 2**20  # read and dropped so that the client gets to read the refusal; past it, we hang up
CLOSE: Final = ((b"Connection", b"close"),)
EXPOSED_HEADERS: Final = (
    *("X-PAGE-COUNT", "X-CURRENT-PAGE", "X-PAGE-SIZE", "X-TOTAL"),
    *("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
)
COMMON_HEADERS: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", ", ".join(EXPOSED_HEADERS).encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


class Edge:
    """The application that uvicorn serves."""

    def __init__(
        self,
        service: Service,
        hot: dict[tuple[str, str], Endpoint],
        routes: frozenset[tuple[str, str]],
        page: Page,
        application: Application,
        shown: Shown,
    ) -> None:
        self._service = service
        self._hot = hot
        self._routes = routes
        self._page = page
        self._application = application
        self._shown = shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        body = b""
        if method not in _WITHOUT_BODY:
            try:
                body = await _read_body(receive)
            except ApiError as error:
                await self._send(send, call_of(scope, b"", self._service.config.proxies), error_reply(error))
                return
        call = call_of(scope, body, self._service.config.proxies)
        endpoint = self._hot.get((method, path))
        if endpoint is not None:
            began = time.perf_counter()
            reply = await answer(self._service, endpoint, call)
            self._shown.order(began, reply.status)
            await send_reply(send, reply)
        elif (refusal := self._over_the_limit(call)) is not None:
            await self._send(send, call, refusal)
        elif method in ("GET", "HEAD") and (file := self._page.reply(call)):
            await self._send(send, call, file)
        else:
            await self._application(scope, _replayed(body, receive), self._counted(send, call))

    def _over_the_limit(self, call: Call) -> Reply | None:
        """Count what no route of the API answers; those count for themselves (dispatch.py)."""
        limits = self._service.limits
        if limits is None or (call.method, call.path) in self._routes:
            return None
        try:
            limits.arrive(call.peer)
        except ApiError as error:
            return error_reply(error)
        return None

    async def _send(self, send: Send, call: Call, reply: Reply) -> None:
        self._shown.answered(reply.status)
        limits = self._service.limits
        await send_reply(send, reply if limits is None else limited(limits, call, reply))

    def _counted(self, send: Send, call: Call) -> Send:
        limits = self._service.limits

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._shown.answered(message["status"])
                headers = message["headers"]
                if limits is not None and all(name != _LIMIT_HEADER for name, _ in headers):
                    shown = [(name.lower(), value) for name, value in limits.shown(call.peer)]
                    message = {**message, "headers": [*headers, *shown]}
            await send(message)

        return counted


def call_of(scope: Scope, body: bytes, proxies: TrustedProxies) -> Call:
    client, headers = scope.get("client"), scope["headers"]
    origin = origin_of(proxies, client[0] if client else "", headers)
    return Call(scope["method"], scope["path"], scope["query_string"], dict(headers), body, origin)


async def send_reply(send: Send, reply: Reply) -> None:
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", str(len(reply.body)).encode()),
        *(COMMON_HEADERS if reply.status != 304 else ()),
    ]
    if reply.headers:
        own = {name.lower() for name, _ in reply.headers}
        headers = [header for header in headers if header[0] not in own] + list(reply.headers)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _read_body(receive: Receive) -> bytes:
    """The whole body. One over the limit is refused, after so much of it was dropped that the client listens."""
    message = await receive()
    body: bytes = message.get("body", b"")
    size = len(body)
    while message.get("more_body", False):
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_BODY:
            body += part
        elif size > DRAINED_BODY:
            break
    if size > MAX_BODY:
        raise ApiError(Code.REQUEST_TOO_LARGE, f"Request body is larger than {MAX_BODY} bytes", CLOSE)
    return body


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body that was read, then whatever the server has to say."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
