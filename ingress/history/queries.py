"""The SQL of the history reads, and the arithmetic of pages over stored rows and the fresh ones above them.

Every statement is answered from an index: running numbers for pages and totals, primary keys for the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from psycopg import AsyncConnection

from engine_core.replica.setup import HOME
from engine_core.wire.intervals import Interval
from engine_core.wire.limits import MAX_INT64, SHARD_OF_NUMBER_AT
from ingress.history.candles import CandleRow
from ingress.history.rows import AskedWith, FillRow, TradeRow, TransferRow
from ingress.schemas.order_answers import OrderRow

T = TypeVar("T")
FOREVER_MS = 253_402_300_800_000  # the year 10000
_NEWEST = 100_000  # orders of an account in a market: more than it can place within the window of a signature

_MS = "(extract(epoch from {}) * 1000)::bigint"
milliseconds: Final = _MS.format
_ORDER_COLUMNS = f"""select order_id, market, client_id, side, order_type, time_in_force, self_trade, flags, status,
    reason, price_ticks, quantity_lots, amount_atoms, trigger_ticks, display_lots, executed_lots, executed_atoms,
    {_MS.format("created")}"""
_ORDER = f"{_ORDER_COLUMNS} from orders"
_FILL = f"""select trade_id, order_id, client_id, market, side, is_maker, price_ticks, quantity_lots, fee_atoms,
    {_MS.format("time")} from fills"""
_TRADE = f"""select trade_id, price_ticks, quantity_lots, buyer_is_maker, {_MS.format("time")} from trades"""
_CANDLE = f"""select {_MS.format("start")}, open_ticks, high_ticks, low_ticks, close_ticks, volume_lots::text,
    quote_atoms::text, trades from candles where interval = {{}} and market = %s"""
_SPAN = "time >= to_timestamp(%s / 1000.0) and time < to_timestamp(%s / 1000.0)"


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page of a list made of `stored` rows and `fresh` newer ones; newest first, or oldest first if `ascending`."""

    stored: int
    fresh: int
    limit: int
    offset: int
    ascending: bool = False

    @property
    def total(self) -> int:
        return self.stored + self.fresh

    @property
    def skip(self) -> int:
        """Stored rows before the page, in the page's direction."""
        return min(self.stored, self.offset if self.ascending else max(0, self.offset - self.fresh))

    @property
    def rows(self) -> int:
        room = self.limit if self.ascending else self.limit - min(self.limit, max(0, self.fresh - self.offset))
        return min(room, self.stored - self.skip)

    def numbers(self, low: int, high: int) -> tuple[int, int]:
        """The running numbers of the page's stored rows, of those in (low, high]; again as (low, high]."""
        if self.ascending:
            return low + self.skip, low + self.skip + self.rows
        return high - self.skip - self.rows, high - self.skip

    def join(self, stored: Sequence[T], fresh: Sequence[T]) -> list[T]:
        """The page, of its stored rows in its direction and of all fresh rows, oldest first."""
        if self.ascending:
            first = max(0, self.offset - self.stored)
            return [*stored, *fresh[first : first + self.limit - self.rows]]
        return [*fresh[::-1][self.offset : self.offset + self.limit], *stored]


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows: of an account, in one market or in all. The running numbers differ accordingly."""

    account: int
    market: int | None

    @property
    def number(self) -> str:
        return "number" if self.market is None else "market_number"

    @property
    def condition(self) -> str:
        return "account = %s" if self.market is None else "account = %s and market = %s"

    @property
    def values(self) -> tuple[int, ...]:
        return (self.account,) if self.market is None else (self.account, self.market)


async def fetch(connection: AsyncConnection, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(statement.encode(), values, binary=True)  # half the time of text for integers
    return await cursor.fetchall()


async def bounds(connection: AsyncConnection, table: str, scope: Scope) -> tuple[int, int]:
    """The running numbers that exist: (low, high]; of all markets, those of a venue's only shard."""
    number = scope.number
    statement = (
        f"select coalesce(min({number}), 1) - 1, coalesce(max({number}), 0) from {table} where {scope.condition}"
    )
    [(low, high)] = await fetch(connection, statement, scope.values)
    return low, high


async def bounds_of_shards(connection: AsyncConnection, table: str, account: int, shards: int) -> list[tuple[int, int]]:
    """Of each shard, the running numbers that exist in all of its markets: (low, high]."""
    own = f"from {table} where account = %s and number > base and number < base + {1 << SHARD_OF_NUMBER_AT}"
    statement = f"""select coalesce((select min(number) {own}), base + 1) - 1,
        coalesce((select max(number) {own}), base)
        from (select shard::bigint << {SHARD_OF_NUMBER_AT} base from generate_series(0, %s) shard) shards
        order by base"""
    return [(low, high) for low, high in await fetch(connection, statement, (account, account, shards - 1))]


async def before_in_shards(
    connection: AsyncConnection, table: str, account: int, shards: int, time_ms: int
) -> list[int]:
    """Of each shard, the running number of the account's last row before a moment."""
    assert table in ("orders", "fills")
    statement = f"""select {table}_before(%s, 0, to_timestamp(%s / 1000.0), shard)
        from generate_series(0, %s) shard order by shard"""
    return [number for (number,) in await fetch(connection, statement, (account, time_ms, shards - 1))]


async def order_place(connection: AsyncConnection, account: int, order_id: int) -> tuple[int, int] | None:
    """(when it was made, in ms; its running number) of a stored order of an account."""
    statement = f"select {_MS.format('created')}, number from orders where order_id = %s and account = %s"
    found = await fetch(connection, statement, (order_id, account))
    return (found[0][0], found[0][1]) if found else None


async def order_bounds(connection: AsyncConnection, scope: Scope, order_id: int) -> tuple[int, int]:
    """The running number of one order as (number - 1, number]; (0, 0] if it is not stored or not in scope."""
    statement = f"select {scope.number} from orders where order_id = %s and {scope.condition}"
    found = await fetch(connection, statement, (order_id, *scope.values))
    return (found[0][0] - 1, found[0][0]) if found else (0, 0)


async def fills_before(connection: AsyncConnection, scope: Scope, time_ms: int) -> int:
    """The running number of the last fill before a moment."""
    statement = "select fills_before(%s, %s, to_timestamp(%s / 1000.0))"
    [(number,)] = await fetch(connection, statement, (scope.account, scope.market or 0, time_ms))
    return int(number)


async def orders(connection: AsyncConnection, scope: Scope, low: int, high: int, page: StoredPage) -> list[OrderRow]:
    return [OrderRow(*row) for row in await _numbered(connection, _ORDER, scope, low, high, page)]


async def fills(connection: AsyncConnection, scope: Scope, low: int, high: int, page: StoredPage) -> list[FillRow]:
    return [FillRow(*row) for row in await _numbered(connection, _FILL, scope, low, high, page)]


async def _numbered(
    connection: AsyncConnection, select: str, scope: Scope, low: int, high: int, page: StoredPage
) -> list[tuple[Any, ...]]:
    number, direction = scope.number, "asc" if page.ascending else "desc"
    statement = f"{select} where {scope.condition} and {number} > %s and {number} <= %s order by {number} {direction}"
    return await fetch(connection, statement, (*scope.values, *page.numbers(low, high)))


async def orders_between(connection: AsyncConnection, account: int, low: int, high: int) -> list[OrderRow]:
    """By running numbers (low, high] of one shard, oldest first."""
    return [OrderRow(*row) for row in await _between(connection, _ORDER, account, low, high)]


async def fills_between(connection: AsyncConnection, account: int, low: int, high: int) -> list[FillRow]:
    return [FillRow(*row) for row in await _between(connection, _FILL, account, low, high)]


async def _between(
    connection: AsyncConnection, select: str, account: int, low: int, high: int
) -> list[tuple[Any, ...]]:
    statement = f"{select} where account = %s and number > %s and number <= %s order by number"
    return await fetch(connection, statement, (account, low, high))


async def order_number(connection: AsyncConnection, scope: Scope, order_id: int) -> int | None:
    """The running number of a stored order in scope."""
    low, high = await order_bounds(connection, scope, order_id)
    return high if high > low else None


async def fill_number(connection: AsyncConnection, scope: Scope, low: int, high: int, trade_id: int) -> int | None:
    """The running number of the account's stored fill of a trade: their trades' numbers ascend, so it is bisected."""
    statement = "select trade_id from fills where account = %s and market = %s and market_number = %s"
    while low < high:
        middle = (low + high + 1) // 2
        [(found,)] = await fetch(connection, statement, (*scope.values, middle))
        if found == trade_id:
            return middle
        low, high = (middle, high) if found < trade_id else (low, middle - 1)
    return None


class OrderFills:
    """The fills of one order; they are few, so they are counted and skipped."""

    def __init__(
        self, scope: Scope, order_id: int, from_ms: int | None, to_ms: int | None, after: "tuple[int, bool] | None"
    ) -> None:
        self._where = f"order_id = %s and {scope.condition} and {_SPAN}"
        self._values = (order_id, *scope.values, *span(from_ms, to_ms))
        if after is not None:  # (a trade's id, whether the page ascends)
            self._where += f" and trade_id {'>' if after[1] else '<'} %s"
            self._values += (after[0],)

    async def count(self, connection: AsyncConnection) -> int:
        [(count,)] = await fetch(connection, f"select count(*) from fills where {self._where}", self._values)
        return int(count)

    async def page(self, connection: AsyncConnection, page: StoredPage) -> list[FillRow]:
        direction = "asc" if page.ascending else "desc"
        statement = f"{_FILL} where {self._where} order by number {direction} offset %s limit %s"
        return [FillRow(*row) for row in await fetch(connection, statement, (*self._values, page.skip, page.rows))]


async def order_of_client(
    connection: AsyncConnection, account: int, market: int, client_id: int, since_ms: int
) -> OrderRow | None:
    """The newest of this clientId, if it is among the account's newest orders."""
    statement = f"""{_ORDER_COLUMNS} from
        (select * from orders where account = %s and market = %s order by market_number desc limit {_NEWEST}) newest
        where client_id = %s and created >= to_timestamp(%s / 1000.0) order by order_id desc limit 1"""
    found = await fetch(connection, statement, (account, market, client_id, since_ms))
    return OrderRow(*found[0]) if found else None


async def newest_trade(connection: AsyncConnection, market: int) -> int:
    """The id of a market's newest stored trade, which is also how many there were; 0 for none."""
    [(trade_id,)] = await fetch(
        connection, "select coalesce(max(trade_id), 0) from trades where market = %s", (market,)
    )
    return int(trade_id)


async def trades(connection: AsyncConnection, market: int, low: int, high: int) -> list[TradeRow]:
    """Those with ids in (low, high], newest first."""
    statement = f"{_TRADE} where market = %s and trade_id > %s and trade_id <= %s order by trade_id desc"
    return [TradeRow(*row) for row in await fetch(connection, statement, (market, low, high))]


async def candles(
    connection: AsyncConnection, market: int, interval: Interval, first_ms: int, end_ms: int, limit: int
) -> tuple[dict[int, CandleRow], int | None]:
    """(the first `limit` candles from `first_ms` to before `end_ms`, by start; the close before them, if any)."""
    select = _CANDLE.format(interval.number)
    before = await fetch(
        connection, f"{select} and start < to_timestamp(%s / 1000.0) order by start desc limit 1", (market, first_ms)
    )
    statement = f"""{select} and start >= to_timestamp(%s / 1000.0) and start < to_timestamp(%s / 1000.0)
        order by start limit %s"""
    found = await fetch(connection, statement, (market, first_ms, end_ms, limit))
    made = [
        CandleRow(start, first, high, low, last, int(volume), int(quote), count)
        for start, first, high, low, last, volume, quote, count in found
    ]
    return {candle.start_ms: candle for candle in made}, before[0][4] if before else None


@dataclass(frozen=True, slots=True)
class TransferFilter:
    """Of an account: in a span, and perhaps only one id, or only some references."""

    account: int
    from_ms: int | None = None
    to_ms: int | None = None
    number: int | None = None
    references: list[int] | None = None
    before: int = MAX_INT64  # ids below this one

    where = f"""account = %s and {_SPAN} and (%s::bigint is null or id = %s)
        and (%s::bigint[] is null or reference = any(%s)) and id < %s"""

    @property
    def values(self) -> tuple[Any, ...]:
        repeated = (self.number, self.number, self.references, self.references)
        return (self.account, *span(self.from_ms, self.to_ms), *repeated, self.before)

    def admits(self, row: TransferRow) -> bool:
        """One of the account's."""
        first_ms, end_ms = span(self.from_ms, self.to_ms)
        return (
            first_ms <= row.time_ms < end_ms
            and self.number in (None, row.number)
            and row.number < self.before
            and (self.references is None or row.reference in self.references)
        )


async def transfer_count(connection: AsyncConnection, table: str, wanted: TransferFilter) -> tuple[int, int]:
    """(how many are wanted; how many of all accounts there are, which is the last id given)."""
    statement = f"""select (select count(*) from {table} where {wanted.where}),
        coalesce((select {table} from log_position where shard = {HOME}), 0)"""
    [(count, last_id)] = await fetch(connection, statement, wanted.values)
    return count, last_id


async def transfers(
    connection: AsyncConnection, table: str, wanted: TransferFilter, page: StoredPage
) -> list[TransferRow]:
    """Newest first."""
    statement = f"""select id, asset, amount_atoms, reference, {_MS.format("time")}, counterparty, asked_address, asked
        from {table} where {wanted.where} order by id desc offset %s limit %s"""
    found = await fetch(connection, statement, (*wanted.values, page.skip, page.rows))
    return [
        TransferRow(number, asset, atoms, reference, time_ms, other, (address, asked))
        for number, asset, atoms, reference, time_ms, other, address, asked in found
    ]


async def asked_with(
    connection: AsyncConnection, log_id: int, account: int, rows: Sequence[TransferRow]
) -> dict[int, AskedWith]:
    """By their numbers, what an account asked these withdrawals with: only text that fits what the log says."""
    statement = """select asset, reference, address, blockchain, client_id from withdrawal_requests
        where log_id = %s and account = %s and reference = any(%s)"""
    found = await fetch(connection, statement, (log_id, account, [row.reference for row in rows]))
    return {
        row.number: asked
        for row in rows
        for asset, reference, *text in found
        if (asset, reference) == (row.asset, row.reference) and (asked := AskedWith(*text)).fits(row.words)
    }


async def positions(connection: AsyncConnection) -> dict[int, tuple[int, int, int]]:
    """(log id, entry ms, entry sequence) of each writer that ever ran, by its shard."""
    found = await fetch(connection, "select shard, log_id, entry_ms, entry_seq from log_position", ())
    return {shard: (log_id, entry_ms, entry_seq) for shard, log_id, entry_ms, entry_seq in found}


def span(from_ms: int | None, to_ms: int | None) -> tuple[int, int]:
    """[first, end) of a span whose two ends are both part of it."""
    return from_ms or 0, FOREVER_MS if to_ms is None else to_ms + 1
