"""The outermost ASGI function: bounded bodies, hot order routes at once, the page's files, the rest to FastAPI.

A FastAPI route costs about 300 µs a request and this function about 60, so the routes marked hot in the table are
answered here; it is the same operation, validation and signing either way. Non-goals: CORS preflights and documents.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from engine_core.config.addresses import TrustedProxies
from engine_core.edge.refusals import Code
from engine_core.process.stages import now
from ingress.access.rate_limits import LIMIT_HEADER, LONG_WAY
from ingress.dispatch import Endpoint, answer, limited, over_the_limit
from ingress.errors import ApiError
from ingress.http.page import WebPage, market_in
from ingress.messages import ORDER_ENTRY, Call, Reply, error_reply, origin_of
from ingress.metrics import Metrics
from ingress.request_time import RequestTime
from ingress.service import Service

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_LIMIT_HEADER: Final = LIMIT_HEADER.lower()
_OF_FILES: Final = b"GET, HEAD, OPTIONS"
_UPGRADE: Final = ((b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"))
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
        page: WebPage,
        application: Application,
        metrics: Metrics,
    ) -> None:
        self._service = service
        self._hot = hot
        self._routes = routes
        self._methods = _methods_of(routes)
        self._page = page
        self._application = application
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        try:
            body = await read_body(receive)
        except ApiError as error:
            await self._send(send, call_of(scope, b"", self._service.config.proxies), error_reply(error))
            return
        if body is None:  # the client left before its request was complete: there is nothing to execute
            return
        if scope["method"] == "HEAD":  # a GET whose answer the server sends without its body
            scope = {**scope, "method": "GET"}
        call = call_of(scope, body, self._service.config.proxies)
        endpoint = self._hot.get((call.method, call.path))
        if endpoint is not None:
            timed = RequestTime(began := now())
            reply = await answer(self._service, endpoint, call)
            self._metrics.order(began, reply.status)
            await send_reply(send, reply)
            timed.answered()
        elif (reply_here := self._reply(call)) is not None:
            await self._send(send, call, reply_here)
        else:
            await self._application(scope, _replayed(body, receive), self._or_page(send, call))

    def _reply(self, call: Call) -> Reply | None:
        """What needs no route: a refusal by the limits, the page's files, and what is none."""
        is_route = (call.method, call.path) in self._routes
        if refusal := over_the_limit(self._service, call, LONG_WAY if is_route else 1):
            return refusal
        return None if is_route else self._page_or_refusal(call)

    def _page_or_refusal(self, call: Call) -> Reply | None:
        if call.path == ORDER_ENTRY:
            return error_reply(ApiError(Code.UPGRADE_REQUIRED, "This is a WebSocket", _UPGRADE))
        allowed = self._methods.get(call.path)
        file = None if allowed or self._is_no_market(call) else self._page.reply(call)
        if file is not None and call.method == "GET":
            return file
        if allowed is None and file is not None:
            allowed = _OF_FILES
        if allowed is None or _is_preflight(call):
            return None
        header = ((b"Allow", allowed),)
        if call.method == "OPTIONS":
            return Reply(204, b"", headers=header)
        return error_reply(ApiError(Code.METHOD_NOT_ALLOWED, f"Method Not Allowed: use {allowed.decode()}", header))

    def _is_no_market(self, call: Call) -> bool:
        """Whether the address is that of a market that does not exist. While there are none, nobody can tell."""
        named, known = market_in(call.path), self._service.setup.market_by_symbol
        return named is not None and bool(known) and named not in known

    async def _send(self, send: Send, call: Call, reply: Reply) -> None:
        self._metrics.answered(reply.status)
        limits = self._service.limits
        await send_reply(send, reply if limits is None else limited(limits, call, reply))

    def _or_page(self, send: Send, call: Call) -> Send:
        """What the application does not know is shown by the page to those who read."""
        counted, is_replaced = self._counted(send, call), False

        async def sent(message: Message) -> None:
            nonlocal is_replaced
            missing = message["type"] == "http.response.start" and message["status"] == 404
            if missing and (page := self._page.no_such_page(call)) is not None:
                is_replaced = True
                await self._send(send, call, page)
            elif not is_replaced:
                await counted(message)

        return sent

    def _counted(self, send: Send, call: Call) -> Send:
        limits = self._service.limits

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(message["status"])
                headers = message["headers"]
                if limits is not None and all(name != _LIMIT_HEADER for name, _ in headers):
                    allowance = [(name.lower(), value) for name, value in limits.allowance(call.peer)]
                    message = {**message, "headers": [*headers, *allowance]}
            await send(message)

        return counted


def _methods_of(routes: frozenset[tuple[str, str]]) -> dict[str, bytes]:
    """The Allow header of each path: what it has, HEAD where there is a GET, and OPTIONS."""
    methods: dict[str, set[str]] = {}
    for method, path in routes:
        methods.setdefault(path, {"OPTIONS"}).update({method, "HEAD"} if method == "GET" else {method})
    return {path: ", ".join(sorted(names)).encode() for path, names in methods.items()}


def _is_preflight(call: Call) -> bool:
    return call.method == "OPTIONS" and b"access-control-request-method" in call.headers


def call_of(scope: Scope, body: bytes, proxies: TrustedProxies) -> Call:
    client, headers = scope.get("client"), scope["headers"]
    origin = origin_of(proxies, client[0] if client else "", headers)
    return Call(scope["method"], scope["path"], scope["query_string"], dict(headers), body, origin)


async def send_reply(send: Send, reply: Reply) -> None:
    described = (b"content-type", reply.content_type), (b"content-length", str(len(reply.body)).encode())
    headers = [*(described if reply.status != 204 else ()), *(COMMON_HEADERS if reply.status != 304 else ())]
    if reply.headers:
        own = {name.lower() for name, _ in reply.headers}
        headers = [header for header in headers if header[0] not in own] + list(reply.headers)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def read_body(receive: Receive) -> bytes | None:
    """The whole body; None if its end never came. One over the limit is refused, after so much of it was dropped that
    the client listens."""
    body, size, more = bytearray(), 0, True
    while more and size <= DRAINED_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_BODY:
            body += part
        more = message.get("more_body", False)
    if size > MAX_BODY:
        raise ApiError(Code.REQUEST_TOO_LARGE, f"Request body is larger than {MAX_BODY} bytes", CLOSE)
    return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body that was read, then whatever the server has to say."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
