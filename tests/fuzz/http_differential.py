"""Our reading of HTTP beside two others: llhttp (as httptools has it) and h11.

Never two requests out of one, never a body read as a head, however the bytes are split.
"""

import asyncio
import random
from functools import cache

import h11
import uvloop

from tests.fuzz import llhttp
from tests.fuzz.http_server import Connection, Read
from tests.fuzz.mutate import mutated, split

_HOST = b"Host: localhost\r\n"
_INNER = b"GET /inner HTTP/1.1\r\n" + _HOST + b"\r\n"
SEEDS = (
    b"GET /a HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"POST /b?c=d HTTP/1.1\r\n" + _HOST + b"Content-Length: 5\r\n\r\nhello",
    b"POST /c HTTP/1.1\r\n" + _HOST + b"Content-Length: %d\r\n\r\n" % len(_INNER) + _INNER,
    b"POST /d HTTP/1.1\r\n" + _HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    b"POST /e HTTP/1.1\r\n" + _HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: a\r\n\r\n",
    b"POST /f HTTP/1.1\r\n"
    + _HOST
    + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(_INNER)
    + _INNER,
    b"POST /g HTTP/1.1\r\n"
    + _HOST
    + b"Connection: upgrade, close\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n"
    b"\r\n%x\r\n" % len(_INNER) + _INNER + b"\r\n0\r\n\r\n",
    b"GET http://localhost/h HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"HEAD /i HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"PUT /j HTTP/1.1\r\n" + _HOST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
)
PIECES = (
    *(b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b",", b";", b"\x00", b"\x0b", b"0", b"1", b"+", b"\xff", b"\r\n\r\n"),
    *(b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"),
    *(b"Transfer-Encoding: gzip\r\n", b"Transfer-Encoding : chunked\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n"),
    *(b"Host: other\r\n", b" folded\r\n", b"0\r\n\r\n", b"3\r\n", b"HTTP/1.1", b"HTTP/1.0", b"GET / HTTP/1.1\r\n"),
)
Parsed = tuple[str, bytes, bytes]  # method, target, body


def make(draw: random.Random) -> bytes:
    return mutated(draw, SEEDS, PIECES) + draw.choice((b"", draw.choice(SEEDS)))


async def ours(parts: list[bytes], is_hot: bool = False) -> tuple[list[Parsed], bool]:
    """The whole requests, and whether more would be read."""
    connection = Connection(is_hot=is_hot)
    await connection.send(*parts, turns=4)
    for _ in range(200):
        if not connection.is_busy():
            break
        await asyncio.sleep(0)
    listens = connection.protocol.listens()
    await connection.end()
    return [parsed(request) for request in connection.requests if request.body is not None], listens


async def _both(
    data: bytes, parts: list[bytes], is_hot: bool
) -> tuple[tuple[list[Parsed], bool], tuple[list[Parsed], bool]]:
    return await ours([data]), await ours(parts, is_hot)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One for all inputs, of the kind that ingress has."""
    return uvloop.new_event_loop()


def parsed(request: Read) -> Parsed:
    assert request.body is not None
    return request.method, request.target, request.body


def of_h11(data: bytes) -> tuple[list[Parsed], bool]:
    """The whole requests, and whether it refused something or would read no more."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    requests: list[Parsed] = []
    body, head = b"", None
    connection.receive_data(data)
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                requests.append((head.method.decode(), head.target, body))
                connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                    return requests, True
                connection.start_next_cycle()
            else:
                return requests, event is not h11.NEED_DATA
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        return requests, True


def check(data: bytes, draw: random.Random) -> None:
    """AssertionError if the readings differ in what is one request: in one piece by the general way, and in parts by it
    or by the hot one; h11's, and llhttp's."""
    parts, is_hot = split(draw, data), draw.random() < 0.5
    (whole, listens), in_parts = _loop().run_until_complete(_both(data, parts, is_hot))
    assert in_parts == (whole, listens), f"split as {parts}{', hot' if is_hot else ''}"
    others, refused = of_h11(data)
    for own, other in zip(whole, others, strict=False):
        assert (own[0], own[2]) == (other[0], other[2]), (own, other)
        target = other[1].removesuffix(b"?") if other[1].count(b"?") == 1 else other[1]  # an empty query is as none
        assert target.endswith(own[1].lstrip(b"/")), (own, other)  # theirs may be in absolute form
    assert refused or len(whole) <= len(others), "more requests than h11 finds"
    assert not listens or len(whole) >= len(others), "a request that h11 finds is not there"
    if whole and b"pgrade" not in data:
        assert llhttp.end_of_request(data) > 0
