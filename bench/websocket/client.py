"""A thousand WebSocket clients in one process, cheap enough not to be what is measured.

Frames are not decoded: a kernel walks over what arrived, counts frames and reads each one's `"T":` (engine time,
microseconds). Non-goals: any other part of the protocol than what the benchmark needs.
"""

import asyncio
import base64
import json
import os
import time
from dataclasses import dataclass, field
from typing import TypeVar, cast
from urllib.parse import urlsplit

import numpy as np

from bench.compiling import say_if_compiling
from bench.load.targets.api import BenchError
from engine_core.jit.kernel import entry, inner, wide

STEP_US = 100  # resolution of latencies
STEPS = 100_000  # up to 10 s
FRAMES, TIMED, CLOSED = range(3)
OPEN_SECONDS = 10.0
TOGETHER = 50  # connections opened at once
_SCANNED = 96  # the engine's time stands within the first bytes of a frame's payload
_TEXT, _CLOSE = 1, 8


@inner
def _step(late_us: int) -> int:
    return min(max(late_us, 0) // STEP_US, STEPS - 1)


@entry
def scan(data: np.ndarray, now_us: int, counts: np.ndarray, histogram: np.ndarray) -> int:
    """Count the whole frames of `data` and their latencies; how many bytes they take."""
    at, size = 0, len(data)
    while at + 2 <= size:
        head, length = at + 2, wide(data[at + 1] & 127)
        if length == 126:
            if at + 4 > size:
                break
            head, length = at + 4, (wide(data[at + 2]) << 8) | wide(data[at + 3])
        elif length == 127:
            break  # no frame of this benchmark is that large
        end = head + length
        if end > size:
            break
        if data[at] & 15 == _CLOSE:
            counts[CLOSED] += 1
        elif data[at] & 15 == _TEXT:
            counts[FRAMES] += 1
            i, last = head, min(end, head + _SCANNED) - 4
            while i < last and not (data[i] == 34 and data[i + 1] == 84 and data[i + 2] == 34 and data[i + 3] == 58):
                i += 1
            if i < last:
                value, i = 0, i + 4
                while 48 <= data[i] <= 57:
                    value, i = value * 10 + wide(data[i]) - 48, i + 1
                counts[TIMED] += 1
                histogram[_step(now_us - value)] += 1
        at = end
    return at


def _masked_text(payload: bytes) -> bytes:
    """A client's text frame with the mask 0, which leaves the payload as it is."""
    size = len(payload)
    assert size < 65_536
    header = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE)) + size.to_bytes(2, "big")
    return header + bytes(4) + payload


@dataclass
class Totals:
    counts: np.ndarray = field(default_factory=lambda: np.zeros(3, np.int64))
    histogram: np.ndarray = field(default_factory=lambda: np.zeros(STEPS, np.int64))
    lost: int = 0  # connections that ended by themselves

    def clear(self) -> None:
        self.counts[:] = 0
        self.histogram[:] = 0

    def copy(self) -> "Totals":
        return Totals(self.counts.copy(), self.histogram.copy(), self.lost)

    def latency_ms(self, quantile: float) -> float:
        """Upper bound of the latency that this share of the frames did not exceed."""
        steps = np.searchsorted(np.cumsum(self.histogram), quantile * self.histogram.sum()) + 1
        return float(steps * STEP_US / 1000)


def compiled() -> None:
    """Once this returns, nobody waits for the compiler with a connection open."""
    say_if_compiling(__file__)
    totals = Totals()
    scan(np.frombuffer(bytearray(), np.uint8), 0, totals.counts, totals.histogram)


class StreamClient(asyncio.Protocol):
    def __init__(self, totals: Totals, subscribe: bytes, host: str) -> None:
        self.totals, self._subscribe, self._host = totals, subscribe, host
        self._rest = b""
        self._open = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET /ws HTTP/1.1", f"Host: {self._host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
        self.transport.write("\r\n".join(lines).encode())

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        if not self._open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            assert head.startswith(b"HTTP/1.1 101"), f"the server refuses: {head.splitlines()[0]!r}"
            self._open = True
            assert self.transport is not None
            self.transport.write(_masked_text(self._subscribe))
            self.opened.set_result(None)
        view = np.frombuffer(bytearray(data), np.uint8)
        used = scan(view, time.time_ns() // 1_000, self.totals.counts, self.totals.histogram)
        self._rest = data[used:]

    def connection_lost(self, error: Exception | None) -> None:
        self.totals.lost += 1
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionError("closed before it was open"))


Client = TypeVar("Client", bound=StreamClient)


async def connect(
    url: str,
    clients: int,
    names: list[str],
    totals: Totals,
    kind: type[Client],
    together: int = TOGETHER,
    within: float = OPEN_SECONDS,
) -> list[Client]:
    """So many clients of that kind, subscribed to the names; BenchError if a handshake is not answered in time."""
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    subscribe = json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1}).encode()
    opened: list[Client] = []
    while len(opened) < clients:
        count = min(together, clients - len(opened))
        made = [loop.create_connection(lambda: kind(totals, subscribe, host), host, port) for _ in range(count)]
        batch = [client for _, client in await asyncio.gather(*made)]
        try:
            async with asyncio.timeout(within):
                await asyncio.gather(*(client.opened for client in batch))
        except TimeoutError:
            raise BenchError(f"{url} does not answer: no handshake within {within:g} s") from None
        opened += batch
    return opened
