"""Answering questions from the book's state, between batches of commands.

Non-goals: the bytes of questions (wire/queries.py), and where answers go.
"""

from collections import deque

import numpy as np

from engine_core.book import queries
from engine_core.book.memory.state import MARKETS
from engine_core.runtime.log.replication import Replication
from engine_core.runtime.machine import Machine
from engine_core.transport.redis_connection import Connection
from engine_core.wire.codes import QueryKind, Reason
from engine_core.wire.queries import ANSWER_RECORDS, BY_CLIENT_ID, decode_query, stamp_of
from engine_core.wire.query_records import ANSWER_HEADER, LEVEL, STATUS
from engine_core.wire.streams import EntryId, Keys, pack

MAX_WAITING = 10_000  # beyond, the oldest is forgotten; its asker repeats it
HELD_BYTES = 16 << 20  # of answers that wait for replicas; beyond, none is made


def answer(machine: Machine, query: np.void) -> bytes:
    """ANSWER_HEADER and records."""
    header = np.zeros(1, ANSWER_HEADER)
    kind = QueryKind(int(query["kind"]))
    records, reason = _records(machine, kind, query)
    header["query_id"], header["incarnation"], header["kind"] = query["query_id"], query["incarnation"], kind
    header["reason"], header["record_bytes"], header["count"] = reason, records.dtype.itemsize, len(records)
    header["entry_ms"], header["entry_seq"] = machine.position
    header["time_ms"], header["log_id"] = machine.time_ms, machine.log_id
    if kind in (QueryKind.BOOK, QueryKind.BOOK_ORDERS) and reason == Reason.NONE:
        header["update_id"] = machine.state.markets[int(query["market"])]["updates"]
    return header.tobytes() + records.tobytes()


def _records(machine: Machine, kind: QueryKind, query: np.void) -> tuple[np.ndarray, Reason]:
    state, market, account = machine.state, int(query["market"]), int(query["account"])
    nothing = np.empty(0, ANSWER_RECORDS[kind])
    match kind:
        case QueryKind.SETUP:
            return queries.setup(state), Reason.NONE
        case QueryKind.BOOK | QueryKind.BOOK_ORDERS if not 1 <= market <= state.scalars[MARKETS]:
            return nothing, Reason.UNKNOWN_MARKET
        case QueryKind.BOOK:
            return np.asarray(queries.levels(state, market)[0], LEVEL), Reason.NONE
        case QueryKind.BOOK_ORDERS:
            return queries.market_orders(state, market), Reason.NONE
        case QueryKind.ORDERS:
            return queries.open_orders(state, account, market), Reason.NONE
        case QueryKind.ORDER:
            by_client = bool(query["flags"] & BY_CLIENT_ID)
            order_id, client_id = int(query["order_id"]), int(query["client_id"])
            return queries.find_order(state, account, market, order_id, client_id, by_client), Reason.NONE
        case QueryKind.BALANCES:
            return queries.balances(state, account), Reason.NONE
        case QueryKind.STATUS:
            status = np.asarray(queries.status(state), STATUS).copy()
            status["epoch"] = machine.epoch
            return status, Reason.NONE
        case QueryKind.LINKS:
            return queries.links(state, account), Reason.NONE


class Answers:
    """Questions that wait for the state they are about, and the connection that answers go out by.

    With replication an answer waits, too: until replicas have what it tells of.
    """

    def __init__(self, connection: Connection, names: Keys, replication: Replication | None = None) -> None:
        self._connection, self._replication = connection, replication
        self._channel = names.answers.encode()
        self._waiting: deque[np.void] = deque(maxlen=MAX_WAITING)
        self._held: deque[tuple[EntryId, bytes]] = deque()  # an answer, and the entry that its state is of
        self._held_bytes = 0
        self._open_replies = 0

    def ask(self, question: bytes) -> None:
        query = decode_query(question)
        if query is not None:
            self._waiting.append(query)

    def give(self, machine: Machine) -> int:
        """Answer what the state is recent enough for; the number answered."""
        if not self._waiting or self._held_bytes > HELD_BYTES:
            return 0
        ripe = [query for query in self._waiting if stamp_of(query) <= machine.position]
        if not ripe:
            return 0
        self._waiting = deque(
            (query for query in self._waiting if stamp_of(query) > machine.position), maxlen=MAX_WAITING
        )
        self._take_replies()
        for query in ripe:
            channel = self._channel + b"%d" % int(query["gateway"])
            message = pack(b"PUBLISH", channel, answer(machine, query))
            if self._replication is None or not self._replication.is_behind(machine.position):
                self._send(message)
            else:
                self._held.append((machine.position, message))
                self._held_bytes += len(message)
        return len(ripe)

    def release(self) -> None:
        """Send what replicas have the state of by now."""
        assert self._replication is not None
        if self._held:
            self._take_replies()
        while self._held and not self._replication.is_behind(self._held[0][0]):
            message = self._held.popleft()[1]
            self._held_bytes -= len(message)
            self._send(message)

    def _take_replies(self) -> None:
        """Of the last time: long there."""
        while self._open_replies:
            self._connection.receive()
            self._open_replies -= 1

    def _send(self, message: bytes) -> None:
        self._connection.send([message])
        self._open_replies += 1
