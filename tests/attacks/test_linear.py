"""What anybody can make us read costs time in proportion to its bytes: each size is doubled, and the time with it.

Processor time, not the clock's; three doublings tell 8 times from 64 whatever else runs (tests/growth.py).
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from ingress.access.authenticator import cookie_of
from ingress.errors import ApiError
from ingress.fast_path.message_kernel import MOST_BYTES, message_buffers, read_messages
from ingress.fast_path.order_kernel import buffers, read_order, rules_of
from ingress.http import head
from ingress.http.page import WebPage
from ingress.messages import Call
from ingress.requests.signed_json import parse_body, parse_query, signed_pairs
from tests.fuzz.http_server import Connection
from tests.growth import assert_growth, assert_growth_of
from tests.ingress.fakes import Exchange, open_exchange
from tests.ingress.order_entry.test_socket import opened, settle
from tests.markets import setup


@pytest_asyncio.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    made = await open_exchange(tmp_path / "dist")
    yield made
    await made.close()


DOUBLINGS = 3
MOST = 2.0  # times what linear would be; quadratic is 8 times
Make = Callable[[int], bytes]

BODIES: dict[str, Make] = {
    "a string of quotes that does not end, behind brackets": lambda n: b"[]" * 9 + b'"' + b'\\"' * (n // 2),
    "backslashes": lambda n: b"[[[[[[[[[" + b'"' + b"\\" * n,
    "quotes": lambda n: b"[]" * 9 + b'"' * n,
    "brackets": lambda n: b"[]" * (n // 2),
    "open brackets": lambda n: b"[" * n,
    "open objects": lambda n: b'{"a":' * (n // 5),
    "objects": lambda n: b"[" + b'{"a":1},' * (n // 8) + b"1]",
    "spaces": lambda n: b" " * n,
    "a number": lambda n: b"1" * n,
    "a fraction": lambda n: b"1." + b"1" * n + b"e",
    "a string": lambda n: b'"' + b"a" * n + b'"',
    "escapes": lambda n: b'"' + b"\\u00e4" * (n // 6) + b'"',
    "surrogates": lambda n: b'"' + b"\\ud83d\\ude00" * (n // 12) + b'"',
    "members": lambda n: b"{" + b",".join(b'"%d":1' % at for at in range(n // 8)) + b"}",
    "long names": lambda n: b"[" + b",".join([b'{"%b":1}' % (b"a" * 1000)] * (n // 1000)) + b"]",
    "nothing that is JSON": lambda n: b"nul" * (n // 3),
    "line ends": lambda n: b"\n" * n + b"x",
}
COOKIES: dict[str, Make] = {
    "a quoted value of escapes": lambda n: b'session="' + b'\\"' * (n // 2),
    "backslashes": lambda n: b'session="' + b"\\" * n + b'"',
    "octal escapes": lambda n: b'session="' + b"\\054" * (n // 4) + b'"',
    "semicolons": lambda n: b";" * n,
    "equals": lambda n: b"=" * n,
    "spaces": lambda n: b" " * n,
    "pairs": lambda n: b"session=a;" * (n // 10),
}
QUERIES: dict[str, Make] = {
    "escapes": lambda n: b"a=" + b"%C3%A4" * (n // 6),
    "percent signs": lambda n: b"a=" + b"%" * n,
    "pluses": lambda n: b"a=" + b"+" * n,
    "ampersands": lambda n: b"&" * n,
    "equals": lambda n: b"=" * n,
    "pairs": lambda n: b"a=b&" * (n // 4),
}
HEADERS: dict[str, Callable[[int], head.RawHeaders]] = {
    "one again and again": lambda n: [(b"host", b"x"), *[(b"x-a", b"")] * (n // 8)],
    "many": lambda n: [(b"host", b"x"), *[(b"x-%d" % at, b"") for at in range(n // 8)]],
    "a long host": lambda n: [(b"host", b"a." * (n // 2) + b"/")],
    "a long type": lambda n: [(b"host", b"x"), (b"content-type", b"; charset" * (n // 9))],
    "spaces in a type": lambda n: [(b"host", b"x"), (b"content-type", b"; " * (n // 2))],
}
RULES = rules_of(setup().markets.values())


def check(work: Callable[[int], Callable[[], object]], smallest: int) -> None:
    """`work(size)` is what is timed."""
    made = {size: work(size) for size in (smallest, smallest << DOUBLINGS)}

    def seconds(size: int) -> float:
        began = time.process_time()
        with contextlib.suppress(ApiError, ValueError):
            made[size]()
        return time.process_time() - began

    assert_growth(seconds, *made, MOST * 2**DOUBLINGS, floor=2e-4)  # below it there is nothing to compare


@pytest.mark.parametrize("name", BODIES)
def test_bodies(name: str) -> None:
    check(lambda size: partial(parse_body, BODIES[name](size)), 8192)


@pytest.mark.parametrize("name", COOKIES)
def test_cookies(name: str) -> None:
    check(lambda size: partial(cookie_of, Call("GET", "/", b"", {b"cookie": COOKIES[name](size)}, b"")), 8192)


@pytest.mark.parametrize("name", QUERIES)
def test_queries(name: str) -> None:
    check(lambda size: partial(parse_query, QUERIES[name](size)), 8192)


@pytest.mark.parametrize("name", HEADERS)
def test_headers(name: str) -> None:
    check(lambda size: partial(head.read, b"GET", b"/", "1.1", HEADERS[name](size)), 8192)


@pytest.mark.parametrize("part", [b"/a", b"/?", b"a", b"*", b"#"])
@pytest.mark.parametrize("start", [b"/", b"http://x", b"http://"])
def test_targets(start: bytes, part: bytes) -> None:
    def work(size: int) -> Callable[[], object]:
        return partial(head.read, b"GET", start + part * (size // len(part)), "1.1", [(b"host", b"x")])

    check(work, 8192)


@pytest.mark.parametrize("part", ["/a", "/..", "/.", "//", "%2e", "a"])
def test_paths_of_files(tmp_path: Path, part: str) -> None:
    (tmp_path / "index.html").write_text("page")
    page = WebPage(tmp_path, 1)
    check(lambda size: partial(page.reply, Call("GET", "/" + part * (size // 2), b"", {}, b"")), 4096)


@pytest.mark.parametrize("part", [b"a:b\r\n", b"x-api-key: " + b"a" * 30 + b"\r\n", b"host: a\r\n"])
def test_the_kernel_of_orders(part: bytes) -> None:
    made = buffers()

    def work(size: int) -> Callable[[], object]:
        data = b"POST /api/v1/order HTTP/1.1\r\n" + part * (size // len(part)) + b"\r\n"
        return lambda: [read_order(data, *RULES, *made) for _ in range(200)]

    check(work, 512)


@pytest.mark.parametrize("part", [b'"a":1,', b" ", b'{"params":', b'"' + b"a" * 40, b"\\"])
def test_the_kernel_of_messages(part: bytes) -> None:
    made = message_buffers()

    def work(size: int) -> Callable[[], object]:
        data = b'{"id":1,"method":"order.place","params":{' + part * (size // len(part))

        def read() -> None:
            made.ends[0] = len(data)
            for _ in range(50):
                read_messages(data, 0, 1, RULES, made)

        return read

    check(work, 8192)


@pytest.mark.parametrize("end", [b"", b"}"])
def test_messages_that_end_too_early(end: bytes) -> None:
    """Each is looked at until the next one shows that it has no end; all of a piece, one after the other."""
    message = b'{"id":1,"method":"order.place","params":{' + end
    made = message_buffers()

    def work(size: int) -> Callable[[], object]:
        count = min(size // 64, 64)
        text = b"".join(message.ljust(64) for _ in range(count))
        made.ends[:count] = 64 * np.arange(1, count + 1)

        def read() -> None:
            for _ in range(20):
                for place in range(count):
                    read_messages(text, place, count, RULES, made)

        return read

    check(work, MOST_BYTES // 8)


STREAMS: dict[str, Make] = {
    "small requests": lambda n: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * (n // 27),
    "offers": lambda n: b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" * (n // 62),
    "one header": lambda n: b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * n,
    "headers": lambda n: b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * (n // 4),
    "line ends": lambda n: b"\r\n" * (n // 2),
    "chunks": lambda n: b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * (n // 6),
    "a trailer": lambda n: b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"a" * n,
    "an extension": lambda n: b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * n,
    "a body": lambda n: b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n" + b"a" * n,
}


@pytest.mark.parametrize("name", STREAMS)
def test_connections(name: str) -> None:
    """In one piece, which is read in several."""

    def work(size: int) -> Callable[[], object]:
        data = STREAMS[name](size)

        async def client() -> None:
            connection = Connection()
            await connection.send(data, turns=size // 8)
            await connection.end()

        return lambda: asyncio.run(client())

    check(work, 8192)


@pytest.mark.parametrize("text", [b"{}", b'{"id":1}', b'{"params":{}}', b"[]", b'"' + b'\\"' * 500])
async def test_messages_before_a_logon(exchange: Exchange, text: bytes) -> None:
    """Twice as many take no longer: after a few the connection ends."""

    async def times(count: int) -> float:
        peer = await opened(exchange)
        for _ in range(count):
            peer.protocol.send_text(text)
        data = b"".join(peer.protocol.data_to_send())
        began = time.process_time()
        peer.socket.data_received(data)
        await settle(50)
        taken = time.process_time() - began
        peer.socket.connection_lost(None)
        return taken

    await assert_growth_of(times, 500, 4000, MOST * 2**DOUBLINGS, floor=2e-3)


def test_a_body_of_many_members_is_read() -> None:
    body = b"{" + b",".join(b'"%d":[1,"a"]' % at for at in range(900)) + b"}"
    assert len(signed_pairs(parse_body(body))) == 900  # type: ignore[arg-type]
