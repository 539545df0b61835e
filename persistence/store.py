"""The database side of the writer: what is stored, and one transaction a batch with rows and position together.

Each shard has a writer, and a position. Its row is changed by compare-and-set, so of two writers of one shard only one
can commit a batch; the other finds that it is behind and begins again from what is stored.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import Connection

from engine_core.replica.setup import Asset
from engine_core.wire.limits import FEE_ACCOUNT, SHARD_OF_NUMBER_AT
from engine_core.wire.streams import ORIGIN, EntryId
from persistence.arrivals import Arrival
from persistence.migrate import Variant, migrate
from persistence.projection.balances import FeeBalances
from persistence.projection.definitions import Market, Setup, Statement
from persistence.projection.numbering import LastNumbers, Numbering
from persistence.projection.rows import Books, Rows
from persistence.tables import (
    BALANCE_CHANGES,
    CANDLE_CHANGES,
    DEPOSITS,
    FILLS,
    MOVE_CHANGES,
    ORDER_CHANGES,
    ORDERS,
    STAGING,
    TRADES,
    WITHDRAWALS,
)

# The planner must never read a large table as a whole, or hash it, because its statistics are those of an empty one:
# every join of the writer is from a small staging table into an index.
_OPTIONS = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off -c timezone=UTC"
_CHANGE_ORDERS = """
    update orders set status = change.status, reason = change.reason,
        price_ticks = case when change.price_ticks < 0 then orders.price_ticks else change.price_ticks end,
        quantity_lots = change.quantity_lots, executed_lots = change.executed_lots,
        executed_atoms = change.executed_atoms, updated = change.updated
    from order_changes change where orders.order_id = change.order_id"""
_CHANGE_BALANCES = """
    insert into balances (account, asset, shard, available, locked)
    select account, asset, %(shard)s, change.available,
        case when change.locked < 0 then coalesce(held.locked, 0) else change.locked end
    from balance_changes change
    left join lateral (select locked from balances b where b.account = change.account and b.asset = change.asset
        and b.shard = %(shard)s) held on true
    on conflict (account, asset, shard) do update set available = excluded.available, locked = excluded.locked"""
# Either half may be stored first; when it was sent, only the shard knows that it left. Of two writers that store halves
# of the same moves, each locks rows in their order: else they would wait for each other.
_CHANGE_MOVES = """
    insert into moves (account, from_shard, to_shard, sequence, asset, amount_atoms, reference, sent, arrived)
    select account, case when is_out then %(shard)s::smallint else other end,
        case when is_out then other else %(shard)s::smallint end, sequence, asset, amount_atoms, reference, time,
        case when is_out then null else time end
    from move_changes order by 1, 2, 3, 4
    on conflict (account, from_shard, to_shard, sequence) do update set
        sent = case when excluded.arrived is null then excluded.sent else moves.sent end,
        arrived = coalesce(excluded.arrived, moves.arrived)"""
_CHANGE_CANDLES = """
    insert into candles (market, interval, start, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots,
        quote_atoms, trades)
    select market, interval, start, open_ticks, high_ticks, low_ticks, close_ticks,
        volume_high::numeric * 4294967296 + volume_low, quote_high::numeric * 4294967296 + quote_low, trades
    from candle_changes
    on conflict (market, interval, start) do update set high_ticks = greatest(candles.high_ticks, excluded.high_ticks),
        low_ticks = least(candles.low_ticks, excluded.low_ticks), close_ticks = excluded.close_ticks,
        volume_lots = candles.volume_lots + excluded.volume_lots,
        quote_atoms = candles.quote_atoms + excluded.quote_atoms, trades = candles.trades + excluded.trades"""
_MOVE_POSITION = """
    update log_position set log_id = %s, epoch = %s, entry_ms = %s, entry_seq = %s, block_crc = %s, deposits = %s,
        withdrawals = %s, stored_at = now()
    where shard = %s and log_id = %s and entry_ms = %s and entry_seq = %s"""


class StoreError(Exception):
    """The database does not hold what the log says it must, or another writer was faster."""


class NotYet(StoreError):
    """Another shard's writer comes first."""


@dataclass(frozen=True, slots=True)
class Position:
    """Up to where in which log the tables are complete. log_id 0: nothing is stored yet."""

    log_id: int = 0
    epoch: int = 0
    entry: EntryId = ORIGIN
    block_crc: int = 0


class Store:
    """One connection, and the state of the last commit. After any error: close it and open another."""

    def __init__(self, database_url: str, shard: int, check: Callable[[], None] = lambda: None) -> None:
        """`check` as of migrate()."""
        self._shard = shard
        self._connection: Connection = psycopg.connect(
            database_url, autocommit=True, options=_OPTIONS, application_name="exchange writer", connect_timeout=5
        )
        try:
            self.variant = migrate(self._connection, check)
            for table in STAGING:
                table.create_staging(self._connection)
            self.position, self.setup, self.books = self._load()
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def commit(self, rows: Rows, position: Position) -> None:
        """Store the rows and move the position, or change nothing at all."""
        with self._connection.transaction():
            self._move_position(position)
            self._define(rows.definitions)
            for table, new in (
                (TRADES, rows.trades),
                (FILLS, rows.fills),
                (ORDERS, rows.new_orders),
                (DEPOSITS, rows.deposits),
                (WITHDRAWALS, rows.withdrawals),
            ):
                if len(new):
                    table.copy(self._connection, new)
            if len(rows.order_changes):
                ORDER_CHANGES.copy(self._connection, rows.order_changes)
                changed = self._connection.execute(_CHANGE_ORDERS).rowcount
                if changed != len(rows.order_changes):
                    raise StoreError(
                        f"{len(rows.order_changes) - changed} orders of the log are missing in the table orders: "
                        "the database was changed by hand; restore it, or let an empty one be filled from the log"
                    )
            if len(rows.balance_changes):
                BALANCE_CHANGES.copy(self._connection, rows.balance_changes)
                self._connection.execute(_CHANGE_BALANCES, {"shard": self._shard})
            if len(rows.move_changes):
                MOVE_CHANGES.copy(self._connection, rows.move_changes)
                self._connection.execute(_CHANGE_MOVES, {"shard": self._shard})
            if len(rows.candle_changes) and self.variant is Variant.PLAIN:
                CANDLE_CHANGES.copy(self._connection, rows.candle_changes)
                self._connection.execute(_CHANGE_CANDLES)
        self.position = position

    def _move_position(self, position: Position) -> None:
        before, books = self.position, self.books
        moved = self._connection.execute(
            _MOVE_POSITION,
            (
                position.log_id,
                position.epoch,
                *position.entry,
                position.block_crc,
                books.deposits,
                books.withdrawals,
                self._shard,
                before.log_id,
                *before.entry,
            ),
        ).rowcount
        if moved != 1:
            raise StoreError("another writer has stored events meanwhile; only one should run on a database")

    def begin(self, arrival: Arrival) -> None:
        """NotYet unless all rows that a market had in another shard are there."""
        row = self._connection.execute(
            "select entry_ms from log_position where shard = %s", (arrival.before,)
        ).fetchone()
        if (row[0] if row else 0) < arrival.until_ms:
            raise NotYet(
                f"market {arrival.market} comes from shard {arrival.before}, whose writer has to store what that shard "
                f"did with it first: up to {arrival.until_ms} of its log"
            )
        self.books.forget(arrival.market)

    def _define(self, statements: list[Statement]) -> None:
        with self._connection.cursor() as cursor:
            for first, last in _runs([statement.text for statement in statements]):
                cursor.executemany(statements[first].text, [statement.values for statement in statements[first:last]])

    def _load(self) -> tuple[Position, Setup, Books]:
        connection = self._connection
        connection.execute(
            "insert into log_position values (%s, 0, 0, 0, 0, 0, 0, 0) on conflict do nothing", (self._shard,)
        )
        row = connection.execute(
            "select log_id, epoch, entry_ms, entry_seq, block_crc, deposits, withdrawals from log_position "
            "where shard = %s",
            (self._shard,),
        ).fetchone()
        assert row is not None
        position = Position(row[0], row[1], EntryId(row[2], row[3]), row[4])
        setup = Setup(self._shard)
        for number, symbol, decimals in connection.execute("select asset, symbol, decimals from assets"):
            setup.assets[number] = Asset(number, symbol, decimals)
        for number, base, quote, tick_atoms in connection.execute(
            "select market, base, quote, tick_atoms from markets"
        ):
            setup.markets[number] = Market(number, base, quote, tick_atoms)
        books = Books(
            orders=Numbering(self._last_numbers("orders")),
            fills=Numbering(self._last_numbers("fills")),
            fee_balances=FeeBalances(self._fee_balance),
            deposits=row[5],
            withdrawals=row[6],
        )
        return position, setup, books

    def _last_numbers(self, table: str) -> LastNumbers:
        assert table in ("orders", "fills")
        low = self._shard << SHARD_OF_NUMBER_AT
        statement = f"""
            select case when asked.market = 0
                then coalesce((select max(number) from {table} t where t.account = asked.account
                               and t.number > {low} and t.number < {low + (1 << SHARD_OF_NUMBER_AT)}), {low})
                else coalesce((select max(market_number) from {table} t
                               where t.account = asked.account and t.market = asked.market), 0) end
            from unnest(%s::integer[], %s::integer[]) with ordinality as asked (account, market, place)
            order by place"""

        def last_numbers(pairs: list[tuple[int, int]]) -> list[int]:
            accounts, markets = [account for account, _ in pairs], [market for _, market in pairs]
            return [number for (number,) in self._connection.execute(statement, (accounts, markets))]

        return last_numbers

    def _fee_balance(self, asset: int) -> int:
        row = self._connection.execute(
            "select available from balances where account = %s and asset = %s and shard = %s",
            (FEE_ACCOUNT, asset, self._shard),
        ).fetchone()
        return int(row[0]) if row else 0


def _runs(texts: list[str]) -> list[tuple[int, int]]:
    """(first, end) of each run of equal texts."""
    edges = [0, *(place for place in range(1, len(texts)) if texts[place] != texts[place - 1]), len(texts)]
    return list(itertools.pairwise(edges)) if texts else []
