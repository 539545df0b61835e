"""Orders over `/ws/orders`: a connection for each session, logged on before the clock starts; frames out, answers in.

Open loop: a frame is written when it is due, however many are unanswered. Closed loop: each connection keeps so many in
flight. A connection that is lost is opened and logged on again; what it had on its way has no known outcome. Non-goal:
a general WebSocket client: what was prepared is written, and of answers only id, status and refusal are read. Those of
accepted orders are read by a kernel (answers.py).
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import cast

import msgspec
import numpy as np

from bench.load.outcome.tally import Answer, Tally
from bench.load.plan.spelling import frame
from bench.load.targets.answers import MOST_ANSWERS, places, read_accepted
from bench.load.targets.api import Address, BenchError, Unreachable, not_connected

PATH = "/ws/orders"
LOGON_ID = -1
LOGON_SECONDS = 30.0
RECONNECT_SECONDS = 0.05
_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: c3BlZWQgaXMgbm90IGFsbA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A


class Message(msgspec.Struct):
    """An answer of the exchange."""

    status: int
    id: int | None = None
    error: Answer | None = None


_read = msgspec.json.Decoder(Message)


def frames(received: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take whole frames of a server off the front: (first byte, payload)."""
    while len(received) >= 2:
        size, start = received[1], 2
        if size == 126:
            size, start = int.from_bytes(received[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(received[2:10], "big"), 10
        if len(received) < start + size:
            return
        first, payload = received[0], bytes(received[start : start + size])
        del received[: start + size]
        yield first, payload


class _Connection(asyncio.Protocol):
    def __init__(self, pool: "EntryPool", session: int) -> None:
        self._pool, self.session = pool, session
        self._received = bytearray()
        self._places = places()
        self._is_upgraded = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.in_flight = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class, no subclass of it
        address = self._pool.address
        self.transport.write(_HANDSHAKE.format(path=address.path + PATH, host=address.authority).encode())

    def send(self, places: list[int]) -> None:
        now_ns, tally = self._pool.now_ns(), self._pool.tally
        for place in places:
            tally.send(place, now_ns)
        self.in_flight += len(places)
        self.transport.write(b"".join([self._pool.messages[place] for place in places]))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._is_upgraded:
            head, found, rest = bytes(self._received).partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                first = head.split(b"\r\n", 1)[0].decode("latin-1")
                self._refuse(f"there is no order entry at {self._pool.address.url}{PATH}: {first}")
                return
            self._is_upgraded, self._received = True, bytearray(rest)
            params = self._pool.logon(self.session)
            self.transport.write(frame(f'{{"id":{LOGON_ID},"method":"session.logon","params":{params}}}'.encode()))
        answered = self._take_accepted()
        while (whole := next(frames(self._received), None)) is not None:
            opening, payload = whole
            if opening == _TEXT:
                answered += self._take(payload)
            elif opening == _PING:
                self.transport.write(frame(payload, _PONG))
            elif opening == _CLOSE:
                self._refuse(f"the exchange closed the connection: {payload[2:].decode('utf-8', 'replace')}")
                self.transport.close()
            answered += self._take_accepted()
        if answered:
            self._pool.go_on(self, answered)

    def _take_accepted(self) -> int:
        """How many orders the answers accept that have come next."""
        data, total, at = bytes(self._received), 0, 0
        view = np.frombuffer(data, np.uint8)
        while self.ready.done() and (count := read_accepted(view, at, self._places)):
            self._pool.accepted(self._places[:count].tolist())
            total, at = total + count, int(self._places[MOST_ANSWERS])
        del self._received[:at]
        self.in_flight -= total
        return total

    def _take(self, payload: bytes) -> int:
        """1 if it answers an order."""
        message = _read.decode(payload)
        if message.id == LOGON_ID or not self.ready.done():
            if message.status == 200 and not self.ready.done():
                self.ready.set_result(None)
            elif message.status != 200:
                self._refuse(f"log-on was refused: {message.status} {payload.decode('utf-8', 'replace')}")
            return 0
        if message.id is None:
            return 0
        self.in_flight -= 1
        self._pool.answered(message.id, message)
        return 1

    def _refuse(self, message: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(BenchError(message))
        else:
            self._pool.tally.notes[message] += 1

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(Unreachable(f"{self._pool.address.url}: closed before the log-on: {error or ''}"))
        self._pool.lost(self)


class EntryPool:
    """A connection for each session: `session_of` has that of each message, `logon` makes the params of its log-on."""

    def __init__(
        self,
        address: Address,
        messages: list[bytes],
        session_of: list[int],
        tally: Tally,
        now_ns: Callable[[], int],
        logon: Callable[[int], str],
    ) -> None:
        self.address, self._tls = address, address.tls
        self.messages, self._session_of, self.tally = messages, session_of, tally
        self.now_ns, self.logon = now_ns, logon
        self._loop = asyncio.get_running_loop()
        self._by_session: dict[int, _Connection] = {}
        self._waiting: dict[int, list[int]] = {session: [] for session in sorted({*session_of})}
        self._closed: dict[int, Iterator[int]] = {}
        self._closed_until_ns = self._most = 0
        self._is_closing = False
        self.trouble = ""  # why it cannot go on

    async def open(self) -> None:
        read_accepted(np.zeros(0, np.uint8), 0, places())  # compiled from here on
        try:
            async with asyncio.timeout(LOGON_SECONDS):
                await asyncio.gather(*(self._connect(session) for session in self._waiting))
        except TimeoutError:
            raise Unreachable(f"{self.address.url} does not answer the log-on: {LOGON_SECONDS:g} s") from None

    async def _connect(self, session: int) -> None:
        host, port = self.address.host, self.address.port
        try:
            _, connection = await self._loop.create_connection(
                lambda: _Connection(self, session), host, port, ssl=self._tls
            )
        except OSError as error:
            raise not_connected(self.address, error) from None
        try:
            await connection.ready
        except BaseException:
            connection.transport.abort()
            raise
        self._by_session[session] = connection
        waiting, self._waiting[session] = self._waiting[session], []
        if waiting:
            connection.send(waiting)
        elif self._closed_until_ns:
            self.go_on(connection, self._most)

    @property
    def outstanding(self) -> int:
        waiting = sum(len(places) for places in self._waiting.values())
        return waiting + sum(connection.in_flight for connection in self._by_session.values())

    def send(self, place: int) -> None:
        session = self._session_of[place]
        connection = self._by_session.get(session)
        if connection is None:
            self._waiting[session].append(place)
        else:
            connection.send([place])

    def run_closed(self, until_ns: int, in_flight: int) -> None:
        """Keep so many orders of each session on their way until then."""
        self._closed_until_ns, self._most = until_ns, in_flight
        places: dict[int, list[int]] = {session: [] for session in self._waiting}
        for place, session in enumerate(self._session_of):
            places[session].append(place)
        self._closed = {session: iter(own) for session, own in places.items()}
        for connection in self._by_session.values():
            self.go_on(connection, in_flight)

    def stop(self) -> None:
        """No new orders in a closed loop."""
        self._closed_until_ns = min(self._closed_until_ns, 1)

    def go_on(self, connection: _Connection, count: int) -> None:
        """In a closed loop: so many orders more."""
        now_ns = self.now_ns()
        if now_ns >= self._closed_until_ns:
            return
        places = [place for _, place in zip(range(count), self._closed[connection.session], strict=False)]
        for place in places:
            self.tally.due_ns[place] = now_ns
        if places:
            connection.send(places)

    def accepted(self, places: list[int]) -> None:
        now_ns, tally = self.now_ns(), self.tally
        for place in places:
            tally.answer(place, now_ns, 200)

    def answered(self, place: int, message: Message) -> None:
        self.tally.answer(place, self.now_ns(), message.status)
        if not 200 <= message.status < 300:
            self.tally.refuse(message.status, (message.error or Answer()).reason)

    def lost(self, connection: _Connection) -> None:
        if self._by_session.get(connection.session) is connection:
            del self._by_session[connection.session]
            self._reconnect(connection.session)

    def _reconnect(self, session: int) -> None:
        if not self._is_closing:
            self._loop.call_later(RECONNECT_SECONDS, self._replace, session)

    def _replace(self, session: int) -> None:
        if not self._is_closing:
            task = self._loop.create_task(self._connect(session))
            task.add_done_callback(lambda ended: self._replaced(ended, session))

    def _replaced(self, task: asyncio.Task[None], session: int) -> None:
        if not task.cancelled() and isinstance(task.exception(), Unreachable | OSError | BenchError):
            self._reconnect(session)

    def close(self) -> None:
        self._is_closing = True
        for connection in [*self._by_session.values()]:
            connection.transport.abort()
