"""Questions to the engine and its answers: their bytes, and the script that asks.

A question is an entry of `queries:{s}`, a stream that is kept out of the append-only file, so that asking writes
nothing. The script stamps it with the command log's top, and the engine answers once it has applied that far: who asks
sees the effect of everything appended before. Answers are published on `answers:{s}:GATEWAY`; one without a receiver is
lost, so a caller that gets none in time asks again.
"""

from typing import NamedTuple, TypedDict, Unpack

import numpy as np

from engine_core.wire.codes import QueryKind
from engine_core.wire.layout import ADMIN, EVENT
from engine_core.wire.query_records import ANSWER_HEADER, BALANCE, LEVEL, LINK, QUERY, STATUS
from engine_core.wire.streams import EntryId

KEPT_QUERIES = 4096  # entries of the query stream, about

# KEYS: command log, query stream. ARGV: the QUERY record up to its stamp. Returns the stamp.
ASK_SCRIPT = f"""
redis.set_repl(redis.REPL_NONE)
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local ms, seq = 0, 0
if last[1] then
    local dash = string.find(last[1][1], '-', 1, true)
    ms, seq = tonumber(string.sub(last[1][1], 1, dash - 1)), tonumber(string.sub(last[1][1], dash + 1))
end
local query = ARGV[1] .. struct.pack('<i8i8', ms, seq)
redis.call('XADD', KEYS[2], 'MAXLEN', '~', {KEPT_QUERIES}, '*', 'b', query)
return {{tostring(ms), tostring(seq)}}
"""

ANSWER_RECORDS = {
    QueryKind.SETUP: ADMIN,
    QueryKind.BOOK: LEVEL,
    QueryKind.ORDERS: EVENT,
    QueryKind.ORDER: EVENT,
    QueryKind.BALANCES: BALANCE,
    QueryKind.BOOK_ORDERS: EVENT,
    QueryKind.STATUS: STATUS,
    QueryKind.LINKS: LINK,
}
BY_CLIENT_ID = 1  # QUERY.flags: client_id is set
STAMP_AT = 48  # the bytes of QUERY before top_ms

assert QUERY.fields is not None and QUERY.fields["top_ms"][1] == STAMP_AT


class Asker(NamedTuple):
    """Who asks: answers go to this gateway, and another life of it ignores them."""

    gateway: int
    incarnation: int


class About(TypedDict, total=False):
    """What is asked about; each kind of question looks at what it needs. What is left out is 0, or None."""

    market: int
    account: int
    order_id: int
    client_id: int | None


def encode_query(asker: Asker, query_id: int, kind: QueryKind, **about: Unpack[About]) -> bytes:
    """The argument of ASK_SCRIPT."""
    query = np.zeros(1, QUERY)
    query["kind"] = kind
    for name in ("market", "account", "order_id"):
        query[name] = about.get(name, 0)
    if (client_id := about.get("client_id")) is not None:
        query["flags"], query["client_id"] = BY_CLIENT_ID, client_id
    query["gateway"], query["incarnation"] = asker
    query["query_id"] = query_id
    return query.tobytes()[:STAMP_AT]


def decode_query(data: bytes) -> np.void | None:
    """One QUERY, or None if these bytes are none."""
    if len(data) != QUERY.itemsize:
        return None
    query: np.void = np.frombuffer(data, QUERY, 1)[0]
    return query if int(query["kind"]) in ANSWER_RECORDS else None


def stamp_of(query: np.void) -> EntryId:
    return EntryId(int(query["top_ms"]), int(query["top_seq"]))


def decode_answer(data: bytes) -> tuple[np.void, np.ndarray]:
    """(ANSWER_HEADER, records, read-only)."""
    header: np.void = np.frombuffer(data, ANSWER_HEADER, 1)[0]
    record = ANSWER_RECORDS[QueryKind(int(header["kind"]))]
    assert header["record_bytes"] == record.itemsize, "an answer of other code than this process runs"
    return header, np.frombuffer(data, record, int(header["count"]), ANSWER_HEADER.itemsize)
