"""The load generator of `bench orders_ws`: WebSockets that keep a number of prepared orders in flight.

A client of its own, since it shares the machine with what it measures: frames are prepared, and answers only counted.
Masking with a key of zeros is legal and leaves the text as it is. Non-goals: a general WebSocket client.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import uvloop

from bench.http.load import Load

_HANDSHAKE = (
    "GET /ws/orders HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: c3BlZWQgaXMgbm90IGFsbA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_LOGON_ID = 0
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Entry:
    """What one connection sends: the params of its logon, and JSON texts of orders."""

    logon: str
    orders: list[str]


def frame(text: str) -> bytes:
    """A masked text frame."""
    payload = text.encode()
    length = bytes((0x80 | len(payload),)) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + payload


def texts(received: bytearray) -> Iterator[bytes]:
    """Take whole text frames of a server off the front."""
    while len(received) >= 2:
        size, start = received[1], 2
        if size == 126:
            size, start = int.from_bytes(received[2:4], "big"), 4
        if len(received) < start + size:
            return
        opcode, payload = received[0], bytes(received[start : start + size])
        del received[: start + size]
        if opcode == 0x81:
            yield payload
        elif opcode == 0x88:
            raise RuntimeError(f"the exchange closed the connection: {payload[2:].decode()}")


class _Connection(asyncio.Protocol):
    def __init__(self, port: int, entry: Entry, in_flight: int, load: Load) -> None:
        self._port, self._in_flight, self._load = port, in_flight, load
        message = '{{"id":{},"method":"order.place","params":{}}}'
        self._frames = [frame(message.format(number, order)) for number, order in enumerate(entry.orders, 1)]
        self._logon = frame(f'{{"id":{_LOGON_ID},"method":"session.logon","params":{entry.logon}}}')
        self._sent_at = [0.0] * (len(self._frames) + 1)
        self._sent = self._answered = 0
        self._received = bytearray()
        self._shaken = False
        self._deadline = 0.0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, no subclass of it
        self._transport.write(_HANDSHAKE.format(port=self._port).encode())

    def begin(self, deadline: float) -> None:
        self._deadline = deadline
        self._send(self._in_flight)

    def _send(self, count: int) -> None:
        now = time.perf_counter()
        if now >= self._deadline:
            count = 0
        until = min(self._sent + count, len(self._frames))
        if until > self._sent:
            self._sent_at[self._sent + 1 : until + 1] = [now] * (until - self._sent)
            self._transport.write(b"".join(self._frames[self._sent : until]))
            self._sent = until
        elif self._answered == self._sent:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._shaken:
            head, found, rest = bytes(self._received).partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"no WebSocket: {head.decode()}")
            self._shaken, self._received = True, bytearray(rest)
            self._transport.write(self._logon)
        answers = list(texts(self._received))
        if not answers:
            return
        if not self.ready.done():
            if b'"status":200' not in answers[0]:
                self.ready.set_exception(RuntimeError(f"no logon: {answers[0].decode()}"))
            else:
                self.ready.set_result(None)
            return
        now = time.perf_counter()
        for answer in answers:
            number = int(answer[6 : answer.index(b",")])  # {"id":N,
            self._load.latencies_ms.append((now - self._sent_at[number]) * 1000)
            self._load.accepted += b'"status":200' in answer[:40]
        self._answered += len(answers)
        self._load.answered += len(answers)
        self._send(len(answers))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(RuntimeError("the connection was closed before the logon"))
        if not self.finished.done():
            self.finished.set_result(None)


def run(port: int, entries: list[Entry], seconds: float, in_flight: int) -> Load:
    """Send for so long, or until no orders are left; every order that was sent is waited for."""
    return uvloop.run(_run(port, entries, seconds, in_flight))


async def _run(port: int, entries: list[Entry], seconds: float, in_flight: int) -> Load:
    load, loop, made = Load(0.0, 0, 0), asyncio.get_running_loop(), list[_Connection]()
    for entry in entries:

        def connection(entry: Entry = entry) -> _Connection:
            return _Connection(port, entry, in_flight, load)

        made.append((await loop.create_connection(connection, "127.0.0.1", port))[1])
    await asyncio.gather(*(each.ready for each in made))
    began = time.perf_counter()
    for each in made:
        each.begin(began + seconds)
    async with asyncio.timeout(seconds + PATIENCE_SECONDS):
        await asyncio.gather(*(each.finished for each in made))
    load.seconds = time.perf_counter() - began
    ordered = sorted(load.latencies_ms)
    if ordered:
        load.p50_ms, load.p99_ms = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return load
