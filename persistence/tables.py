"""The writer's view of the tables: their columns as fixed-size binary COPY rows, so that a batch is one NumPy array.

PostgreSQL's binary COPY is, per row, a column count and for each column its size and its big-endian bytes. No column of
ours is NULL or of variable size, so a row is a packed record, and `rows.tobytes()` is the stream that COPY reads:

    0 columns >i2 · then for each column: size >i4, value (> i2 i4 i8, bool, or timestamptz: i8 microseconds since 2000)

Non-goals: the SQL that creates the tables (schema/*.sql) and what goes into them (projection/rows.py).
"""

from dataclasses import dataclass, field

import numpy as np
from psycopg import Connection, sql

_FORMATS = {"bool": "?", "smallint": ">i2", "integer": ">i4", "bigint": ">i8", "time": ">i8"}
_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER = b"\xff\xff"
_EPOCH_2000_MS = 946_684_800_000

Columns = tuple[tuple[str, str], ...]


def timestamps(times_ms: np.ndarray) -> np.ndarray:
    """Times of the log as timestamptz values."""
    return (times_ms.astype(np.int64) - _EPOCH_2000_MS) * 1000


@dataclass(frozen=True)
class Table:
    """A table (or a temporary one that is created for staging) and the record of its rows."""

    name: str
    columns: Columns
    staging: bool = False
    dtype: np.dtype = field(init=False)

    def __post_init__(self) -> None:
        fields: list[tuple[str, str]] = [("columns", ">i2")]
        for name, kind in self.columns:
            fields += [(f"size of {name}", ">i4"), (name, _FORMATS[kind])]
        object.__setattr__(self, "dtype", np.dtype(fields))

    def rows(self, count: int) -> np.ndarray:
        """`count` rows with everything but the values filled in."""
        rows = np.zeros(count, self.dtype)
        rows["columns"] = len(self.columns)
        for name, _ in self.columns:
            rows[f"size of {name}"] = self.dtype[name].itemsize
        return rows

    def create_staging(self, connection: Connection) -> None:
        types = {"bool": "boolean", "time": "timestamptz"}
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(types.get(kind, kind))) for name, kind in self.columns
        )
        connection.execute(
            sql.SQL("create temporary table {} ({}) on commit delete rows").format(sql.Identifier(self.name), columns)
        )

    def copy(self, connection: Connection, rows: np.ndarray) -> None:
        assert rows.dtype == self.dtype
        names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in self.columns)
        statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(sql.Identifier(self.name), names)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(_HEADER + rows.tobytes() + _TRAILER)


TRADES = Table(
    "trades",
    (
        ("market", "integer"),
        ("trade_id", "bigint"),
        ("time", "time"),
        ("price_ticks", "integer"),
        ("quantity_lots", "bigint"),
        ("quote_atoms", "bigint"),
        ("buyer_is_maker", "bool"),
        ("bid_order_id", "bigint"),
        ("ask_order_id", "bigint"),
    ),
)
FILLS = Table(
    "fills",
    (
        ("account", "integer"),
        ("number", "bigint"),  # the shard in its upper bits
        ("market", "integer"),
        ("market_number", "bigint"),
        ("order_id", "bigint"),
        ("client_id", "bigint"),
        ("trade_id", "bigint"),
        ("side", "smallint"),
        ("is_maker", "bool"),
        ("price_ticks", "integer"),
        ("quantity_lots", "bigint"),
        ("fee_atoms", "bigint"),
        ("time", "time"),
    ),
)
_PROGRESS: Columns = (
    ("status", "smallint"),
    ("reason", "smallint"),
    ("price_ticks", "integer"),
    ("quantity_lots", "bigint"),
    ("executed_lots", "bigint"),
    ("executed_atoms", "bigint"),
    ("updated", "time"),
)
ORDERS = Table(
    "orders",
    (
        ("order_id", "bigint"),
        ("account", "integer"),
        ("market", "integer"),
        ("number", "bigint"),
        ("market_number", "bigint"),
        ("client_id", "bigint"),
        ("side", "smallint"),
        ("order_type", "smallint"),
        ("time_in_force", "smallint"),
        ("self_trade", "smallint"),
        ("flags", "smallint"),
        ("amount_atoms", "bigint"),
        ("trigger_ticks", "bigint"),
        ("display_lots", "bigint"),
        ("created", "time"),
        *_PROGRESS,
    ),
)
# What happened to orders that were stored before. price_ticks -1: unchanged.
ORDER_CHANGES = Table("order_changes", (("order_id", "bigint"), *_PROGRESS), staging=True)
# Balances after the batch. locked -1: unchanged.
BALANCE_CHANGES = Table(
    "balance_changes",
    (("account", "integer"), ("asset", "integer"), ("available", "bigint"), ("locked", "bigint")),
    staging=True,
)
# Moves of money between this shard and another one.
MOVE_CHANGES = Table(
    "move_changes",
    (
        ("account", "integer"),
        ("other", "smallint"),
        ("asset", "integer"),
        ("amount_atoms", "bigint"),
        ("sequence", "bigint"),
        ("reference", "bigint"),
        ("is_out", "bool"),
        ("time", "time"),
    ),
    staging=True,
)
# What the batch adds to candles. Sums are given in two parts, value = high * 2^32 + low, as they may pass 64 bits.
CANDLE_CHANGES = Table(
    "candle_changes",
    (
        ("market", "integer"),
        ("interval", "smallint"),
        ("start", "time"),
        ("open_ticks", "integer"),
        ("high_ticks", "integer"),
        ("low_ticks", "integer"),
        ("close_ticks", "integer"),
        ("volume_high", "bigint"),
        ("volume_low", "bigint"),
        ("quote_high", "bigint"),
        ("quote_low", "bigint"),
        ("trades", "bigint"),
    ),
    staging=True,
)
_TRANSFER: Columns = (
    ("id", "bigint"),
    ("account", "integer"),
    ("asset", "integer"),
    ("amount_atoms", "bigint"),
    ("reference", "bigint"),
    ("time", "time"),
    ("counterparty", "integer"),
    ("asked_address", "bigint"),
    ("asked", "bigint"),
)
DEPOSITS = Table("deposits", _TRANSFER)
WITHDRAWALS = Table("withdrawals", _TRANSFER)
ACCOUNTS = Table(
    "accounts", (("account", "integer"), ("state", "smallint"), ("fee_tier", "smallint"), ("created", "time"))
)
STAGING = (ORDER_CHANGES, BALANCE_CHANGES, MOVE_CHANGES, CANDLE_CHANGES)
