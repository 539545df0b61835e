"""The records of queries and their answers, which are outside both logs (queries.py asks and reads them)."""

from engine_core.jit.records import I4, I8, U1, Record, dtype_of
from engine_core.wire.layout import Bytes3, record

QUERY = record(
    64,
    [
        ("kind", "u1", 0),
        ("flags", "u1", 1),
        ("pad0", "(2,)u1", 2),
        ("market", "<u4", 4),
        ("account", "<u4", 8),
        ("client_id", "<u4", 12),
        ("order_id", "<i8", 16),
        ("gateway", "<u4", 24),
        ("pad1", "(4,)u1", 28),
        ("query_id", "<i8", 32),
        ("incarnation", "<i8", 40),
        ("top_ms", "<i8", 48),  # the command log's top when it was asked: answered once applied that far
        ("top_seq", "<i8", 56),
    ],
)
# An answer: this header, then `count` records (EVENT, ADMIN, LEVEL, BALANCE, STATUS or LINK, by the query's kind).
ANSWER_HEADER = record(
    64,
    [
        ("query_id", "<i8", 0),
        ("incarnation", "<i8", 8),
        ("kind", "u1", 16),
        ("reason", "u1", 17),
        ("record_bytes", "<u2", 18),
        ("count", "<u4", 20),
        ("update_id", "<i8", 24),  # BOOK, BOOK_ORDERS: the market's depth sequence at this position
        ("entry_ms", "<i8", 32),  # last entry that the answer contains
        ("entry_seq", "<i8", 40),
        ("time_ms", "<i8", 48),  # engine time
        ("log_id", "<i8", 56),
    ],
)


class LevelRow(Record):
    side: U1
    pad0: Bytes3
    price_ticks: I4
    lots: I8
    orders: I8


LEVEL = dtype_of(LevelRow)
BALANCE = record(24, [("asset", "<u4", 0), ("pad0", "(4,)u1", 4), ("available", "<i8", 8), ("locked", "<i8", 16)])
STATUS = record(
    64,
    [
        ("log_id", "<i8", 0),
        ("epoch", "<i8", 8),
        ("commands", "<i8", 16),
        ("events", "<i8", 24),
        ("open_orders", "<i8", 32),
        ("accounts", "<i8", 40),
        ("markets", "<i8", 48),
        ("started_ms", "<i8", 56),
    ],
)

# Between two shards, of one account, as the one that answers has it: the last move out to the other one, and how many
# have arrived from there. In flight is what has out_sequence here above in_sequence there.
LINK = record(
    48,
    [
        ("account", "<u4", 0),
        ("shard", "<u4", 4),  # the other one
        ("out_sequence", "<i8", 8),
        ("out_atoms", "<i8", 16),
        ("out_asset", "<u4", 24),
        ("pad0", "(4,)u1", 28),
        ("out_reference", "<i8", 32),
        ("in_sequence", "<i8", 40),
    ],
)
