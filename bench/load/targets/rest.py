"""Orders over REST: kept connections, each with one request on its way, prepared bytes out and statuses in.

Open loop: a request that is due takes a free connection, or waits for one; both count from when it was due. In a
closed loop each connection sends its next request when it has the answer. Non-goals: pipelining, chunked answers,
redirects.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from bench.load.outcome.tally import Tally, reason_of
from bench.load.targets.api import Address, not_connected

RECONNECT_SECONDS = 0.05


class _Connection(asyncio.Protocol):
    def __init__(self, pool: "RestPool") -> None:
        self._pool = pool
        self._received = b""
        self.place = -1  # of the request on its way; -1: none

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class, no subclass of it
        self._pool.opened(self)

    def send(self, place: int) -> None:
        self.place = place
        self._pool.tally.send(place, self._pool.now_ns())
        self.transport.write(self._pool.requests[place])

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        at = head.lower().find(b"content-length:")
        if at < 0:
            self._pool.trouble = "the exchange answers without Content-Length, which is not understood here"
            return
        if len(body) < int(head[at + 15 :].split(b"\r\n", 1)[0]):
            return
        self._received = b""
        place, self.place = self.place, -1
        if place < 0:  # said before any request: it answers none
            self._pool.tally.notes[f"a connection is turned away: {reason_of(body)}"] += 1
            return
        self._pool.answered(place, int(head[9:12]), body)
        self._pool.is_free(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._pool.lost(self)


class RestPool:
    """`connections` of them. `requests` are taken by their place."""

    def __init__(
        self, address: Address, requests: list[bytes], tally: Tally, now_ns: Callable[[], int], connections: int
    ) -> None:
        self._address, self._wanted, self._tls = address, connections, address.tls
        self.requests, self.tally, self.now_ns = requests, tally, now_ns
        self._loop = asyncio.get_running_loop()
        self._free: list[_Connection] = []
        self._waiting: deque[int] = deque()
        self._all: set[_Connection] = set()
        self._closed_until_ns = 0
        self._is_closing = False
        self.trouble = ""  # why it cannot go on

    async def open(self) -> None:
        for _ in range(self._wanted):
            try:
                await self._connect()
            except OSError as error:
                raise not_connected(self._address, error) from None

    async def _connect(self) -> None:
        host, port = self._address.host, self._address.port
        await self._loop.create_connection(lambda: _Connection(self), host, port, ssl=self._tls)

    def opened(self, connection: _Connection) -> None:
        self._all.add(connection)
        self.is_free(connection)

    @property
    def outstanding(self) -> int:
        """Requests without an answer, those that wait for a connection among them."""
        return len(self._waiting) + sum(connection.place >= 0 for connection in self._all)

    def send(self, place: int) -> None:
        while self._free:
            connection = self._free.pop()
            if not connection.transport.is_closing():
                connection.send(place)
                return
        self._waiting.append(place)

    def run_closed(self, until_ns: int, in_flight: int = 1) -> None:
        """Keep every connection busy until then; over HTTP one request is on its way on each."""
        self._closed_until_ns = until_ns
        free, self._free = self._free, []
        for connection in free:
            self.is_free(connection)

    def stop(self) -> None:
        """No new requests in a closed loop."""
        self._closed_until_ns = min(self._closed_until_ns, 1)

    def is_free(self, connection: _Connection) -> None:
        if connection.transport.is_closing():
            return  # the server turned it away; lost() has another take its place
        if self._closed_until_ns:
            now_ns, place = self.now_ns(), self.tally.sent
            if now_ns < self._closed_until_ns and place < len(self.requests):
                self.tally.due_ns[place] = now_ns
                connection.send(place)
                return
        elif self._waiting:
            connection.send(self._waiting.popleft())
            return
        self._free.append(connection)

    def answered(self, place: int, status: int, body: bytes) -> None:
        self.tally.answer(place, self.now_ns(), status)
        if not 200 <= status < 300:
            self.tally.refuse(status, reason_of(body))

    def lost(self, connection: _Connection) -> None:
        """What was on its way has no known outcome; another connection takes the place of this one."""
        self._all.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        if not self._is_closing:
            self._loop.call_later(RECONNECT_SECONDS, self._replace)

    def _replace(self) -> None:
        if not self._is_closing:
            task = self._loop.create_task(self._connect())
            task.add_done_callback(self._replaced)

    def _replaced(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and isinstance(task.exception(), OSError):
            self._loop.call_later(RECONNECT_SECONDS, self._replace)

    def close(self) -> None:
        self._is_closing = True
        for connection in [*self._all]:
            connection.transport.abort()
