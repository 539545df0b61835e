"""When the bytes that are read had come, by the kernel's own stamp: where an order's time begins (ingress/stages.py).

Between a request's last byte and the read that takes it lie the wake-up of this process and whatever it is busy with:
on a full machine most of what a client waits. Linux stamps what comes (SO_TIMESTAMPNS), but says so only to recvmsg,
and uvloop calls read. So for the orders of a sampled block the socket is looked at once more, just before uvloop reads.

    uvloop ─▶ get_buffer: is the next block sampled? then recvmsg(MSG_PEEK): its stamp
           ─▶ read(2) ─▶ buffer_updated ─▶ data_received of the protocol, which takes the stamp along

Non-goals: every request, and what a protocol has read and holds back.
"""

import asyncio
import contextlib
import socket
import struct
import sys
import time
from typing import Any, Final, cast

from engine_core.process.stages import now

_SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h; the socket module does not have it
_TIMESPEC: Final = struct.Struct("qq")
_ANCILLARY_BYTES: Final = 64
_PEEK: Final = int(socket.MSG_PEEK | socket.MSG_DONTWAIT)  # enums cost microseconds here
_STREAM: Final = int(socket.SOCK_STREAM)
_ONE_MOMENT_S: Final = 20e-6
_LOOKS: Final = 5
_BUFFER: Final = bytearray(64 * 1024)  # of all connections: each read is handed on before the next one
_VIEW: Final = memoryview(_BUFFER)


class Arrivals:
    """Of one process, which reads one piece at a time. `wanted`: what it reads now are of a sampled block."""

    def __init__(self, wanted: bool = False) -> None:
        self.wanted = wanted
        self._at = 0.0  # of what is being read; 0.0: nobody has looked, or nothing is

    def since(self, read_at: float) -> float:
        """When what is being read had come; `read_at` if that is not known."""
        return self._at or read_at

    def look(self, family: int, descriptor: int) -> None:
        stamp_ns = 0
        peeking = socket.SocketType(family, _STREAM, 0, descriptor)
        try:
            with contextlib.suppress(OSError):  # nothing there after all: read(2) will say what
                _, ancillary, _, _ = peeking.recvmsg_into([_BUFFER], _ANCILLARY_BYTES, _PEEK)
                for level, kind, data in ancillary:
                    if (level, kind, len(data)) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS, _TIMESPEC.size):
                        seconds, nanoseconds = _TIMESPEC.unpack(data)
                        stamp_ns = seconds * 1_000_000_000 + nanoseconds
        finally:
            peeking.detach()  # it is the transport's
        at, wall_ns = _both_clocks()
        ago_s = (wall_ns - stamp_ns) / 1e9  # by the one clock, taken off the other
        self._at = at - (ago_s if stamp_ns and ago_s > 0 else 0.0)

    def forget(self) -> None:
        self._at = 0.0


class StampedConnection(asyncio.BufferedProtocol):
    """Between a transport and its protocol."""

    def __init__(self, arrivals: Arrivals, protocol: asyncio.Protocol) -> None:
        self._arrivals, self._protocol = arrivals, protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        found = transport.get_extra_info("socket")
        self._socket = int(found.family), found.fileno()
        self._protocol.connection_made(transport)

    def hand_over(self, protocol: asyncio.Protocol) -> None:
        """Another one reads from now on."""
        self._protocol = protocol

    def get_buffer(self, sizehint: int) -> bytearray:
        if self._arrivals.wanted:
            self._arrivals.look(*self._socket)
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        try:
            self._protocol.data_received(bytes(_VIEW[:nbytes]))
        finally:
            self._arrivals.forget()

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


def _both_clocks() -> tuple[float, int]:
    """One moment, by the clock of the stages and by the kernel's: taken again where something came between the two."""
    for _ in range(_LOOKS):
        before, wall_ns, after = now(), time.time_ns(), now()
        if after - before < _ONE_MOMENT_S:
            break
    return before, wall_ns


def stamped(arrivals: Arrivals, protocol: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
    """What makes a connection of that protocol, for uvicorn, which only calls it."""

    def connection(**options: Any) -> StampedConnection:
        return StampedConnection(arrivals, protocol(**options))

    return cast(type[asyncio.Protocol], connection)


def hand_over(transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
    """Let another protocol read, stamped if the one before was."""
    before = transport.get_protocol()
    if isinstance(before, StampedConnection):
        before.hand_over(protocol)
    else:
        transport.set_protocol(protocol)


def stamp_arrivals(listener: socket.socket) -> None:
    """Have the kernel stamp what comes to the connections of this socket, if it can."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # what stands in for a kernel may not know it
            listener.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
