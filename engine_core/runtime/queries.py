"""Answering questions from the book's state, between batches of commands.

Non-goals: the bytes of questions (wire/queries.py), and where answers go.
"""

from collections import deque

import numpy as np

from engine_core.book import queries
from engine_core.book.memory.state import MARKETS
from engine_core.runtime.machine import Machine
from engine_core.transport.redis_connection import Connection
from engine_core.wire.codes import QueryKind, Reason
from engine_core.wire.layout import ANSWER_HEADER, LEVEL, STATUS
from engine_core.wire.queries import ANSWER_RECORDS, BY_CLIENT_ID, decode_query, stamp_of
from engine_core.wire.streams import Keys, pack

MAX_WAITING = 10_000  # beyond, the oldest is forgotten; its asker repeats it


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


class Answers:
    """Questions that wait for the state they are about, and the connection that answers go out by."""

    def __init__(self, connection: Connection, names: Keys) -> None:
        self._connection = connection
        self._channel = names.answers.encode()
        self._waiting: deque[np.void] = deque(maxlen=MAX_WAITING)
        self._open_replies = 0

    def ask(self, question: bytes) -> None:
        query = decode_query(question)
        if query is not None:
            self._waiting.append(query)

    def give(self, machine: Machine) -> int:
        """Answer what the state is recent enough for; the number answered."""
        if not self._waiting:
            return 0
        ripe = [query for query in self._waiting if stamp_of(query) <= machine.position]
        if not ripe:
            return 0
        self._waiting = deque(
            (query for query in self._waiting if stamp_of(query) > machine.position), maxlen=MAX_WAITING
        )
        while self._open_replies:  # of the last time: long there
            self._connection.receive()
            self._open_replies -= 1
        for query in ripe:
            channel = self._channel + b"%d" % int(query["gateway"])
            self._connection.send([pack(b"PUBLISH", channel, answer(machine, query))])
            self._open_replies += 1
        return len(ripe)
