"""What happened, as the API shows it: orders, fills, trades, candles, deposits, withdrawals.

Rows come from the writer's tables, merged with the events that it has not committed yet, so an order that ended a
millisecond ago is there, once:

    one transaction:  the writer's position ─▶ the tail after it (unstored.py) ─▶ the rows of the page, tail applied

Orders and fills carry running numbers of their account, so a page at any offset and its total are index look-ups. Of
several shards each has a writer, a position and a tail: a market's rows are one sequence wherever it traded, and an
account's lists of all markets are merged (merged.py).
Non-goals: parameters and HTTP (operations/history.py), open orders and balances (the engine answers those).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import numpy as np
from psycopg import AsyncConnection

from engine_core.process.tasks import ended
from engine_core.replica.setup import HOME, Setup
from engine_core.wire.codes import CommandKind
from engine_core.wire.intervals import INTERVALS
from engine_core.wire.limits import MAX_INT64
from engine_core.wire.streams import ORIGIN, EntryId
from ingress.database import Database, HistoryUnavailable
from ingress.history import moves, queries, rows
from ingress.history.candles import add_parts, parts_of_trades, without_gaps
from ingress.history.forms import Forms, Json
from ingress.history.fresh import FreshOrders, fresh_fills, fresh_trades, transfer_rows
from ingress.history.moves import MoveFilter, MoveRow
from ingress.history.of_shards import FillsOfShards, OrdersOfShards, UnknownRow
from ingress.history.queries import OrderFills, Scope, StoredPage, TransferFilter
from ingress.history.rows import AskedWith, TransferRow
from ingress.history.unstored import Tail, fills_of, orders_of, pick, together, trades_of, transfers_of
from ingress.schemas.order_answers import HistoryOrder, LiveOrder, OrderRow

__all__ = ["History", "HistoryUnavailable", "UnknownRow"]

T = TypeVar("T")
Work = Callable[[AsyncConnection, list[np.ndarray]], Awaitable[T]]  # tails, by shard

_ATTEMPTS, _RETRY_S = 40, 0.05  # how long a read waits for the writer to come up to where the tail begins
_TABLES = {CommandKind.DEPOSIT: "deposits", CommandKind.WITHDRAW: "withdrawals"}


class History:
    """`since`: of each shard, the log position after which `observe` gets every event; `setup` is kept current by its
    owner.

    `complete`: waits for `observe` to have got all that any client can know of; whether it has.
    """

    def __init__(
        self,
        database_url: str,
        setup: Setup,
        since: Sequence[EntryId] = (ORIGIN,),
        complete: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._complete = complete
        self._database = Database(database_url)
        self._setup = setup
        self._tails = [Tail(position) for position in since]
        self._trimming: asyncio.Task[None] | None = None
        self._forms = Forms(setup)

    async def close(self) -> None:
        await ended(self._trimming)
        await self._database.close()

    def observe(self, slots: np.ndarray, shard: int = HOME) -> None:
        """Take a batch of a shard's feed: every event once, in log order."""
        tail = self._tails[shard]
        tail.observe(slots)
        if tail.is_long and (self._trimming is None or self._trimming.done()):
            self._trimming = asyncio.get_running_loop().create_task(self._trim())

    async def orders(
        self,
        account: int,
        *,
        market: int | None = None,
        order_id: int | None = None,
        limit: int = 100,
        offset: int = 0,
        ascending: bool = False,
        from_id: int | None = None,
    ) -> tuple[list[HistoryOrder], int]:
        """Open and ended ones, by creation; from_id: those that come after this one in the page's direction."""
        scope, several = Scope(account, market), market is None and order_id is None and len(self._tails) > 1

        async def work(connection: AsyncConnection, tails: list[np.ndarray]) -> tuple[list[HistoryOrder], int]:
            if several:
                shards = OrdersOfShards(connection, account, tails)
                found, total = await shards.page(limit, offset, ascending, from_id)
                return [rows.history_order(order, self._forms) for order in found], total
            events = together([orders_of(tail, account, market, order_id) for tail in tails])
            fresh = FreshOrders(events)
            begun: Sequence[OrderRow] = fresh.begun
            if order_id is None:
                low, high = await queries.bounds(connection, "orders", scope)
            else:
                low, high = await queries.order_bounds(connection, scope, order_id)
            if from_id is not None:
                number = await queries.order_number(connection, scope, from_id)
                place = fresh.place(from_id)
                if number is None and place is None:
                    raise UnknownRow(from_id)
                low, high = _cut(low, high, number, ascending)
                begun = _beside(begun, place, ascending)
            page = StoredPage(high - low, len(begun), limit, offset, ascending)
            found = await queries.orders(connection, scope, low, high, page)
            fresh.apply(found)
            return [rows.history_order(order, self._forms) for order in page.join(found, begun)], page.total

        return await self._read(work)

    async def order_of_client(self, account: int, market: int, client_id: int, since_ms: int) -> LiveOrder | None:
        """The newest order of this clientId since then, as the answer to its placement shows it."""

        async def work(connection: AsyncConnection, tails: list[np.ndarray]) -> OrderRow | None:
            fresh = FreshOrders(together([orders_of(tail, account, market) for tail in tails]))
            if newest := fresh.newest_of_client(client_id, since_ms):
                return newest
            order = await queries.order_of_client(connection, account, market, client_id, since_ms)
            if order is not None:
                fresh.apply([order])
            return order

        found = await self._read(work)
        return None if found is None else rows.live_order(found, self._forms)

    async def fills(
        self,
        account: int,
        *,
        market: int | None = None,
        order_id: int | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        limit: int = 100,
        offset: int = 0,
        ascending: bool = False,
        from_id: int | None = None,
    ) -> tuple[list[Json], int]:
        """By time; `from_ms` and `to_ms` are both part of the span. from_id, of a trade of `market`: those after it."""
        assert from_id is None or market is not None
        scope, several = Scope(account, market), market is None and order_id is None and len(self._tails) > 1
        first_ms, end_ms = queries.span(from_ms, to_ms)

        async def work(connection: AsyncConnection, tails: list[np.ndarray]) -> tuple[list[Json], int]:
            if several:
                shards = FillsOfShards(connection, account, tails)
                found, total = await shards.page(limit, offset, ascending, (first_ms, end_ms))
                return [fill.json(self._forms) for fill in found], total
            events = together([fills_of(tail, account, market, order_id, first_ms, end_ms) for tail in tails])
            number = None
            if from_id is not None:
                number = await queries.fill_number(
                    connection, scope, *await queries.bounds(connection, "fills", scope), from_id
                )
                ids = events["event"]["trade_id"]
                if number is None and from_id not in ids:
                    raise UnknownRow(from_id)
                events = pick(events, np.flatnonzero(ids > from_id if ascending else ids < from_id))
            fresh = fresh_fills(events)
            if order_id is not None:
                after = None if from_id is None else (from_id, ascending)
                of_order = OrderFills(scope, order_id, from_ms, to_ms, after)
                page = StoredPage(await of_order.count(connection), len(fresh), limit, offset, ascending)
                found = await of_order.page(connection, page)
            else:
                low, high = await queries.bounds(connection, "fills", scope)
                if from_ms is not None:
                    low = await queries.fills_before(connection, scope, first_ms)
                if to_ms is not None:
                    high = max(low, await queries.fills_before(connection, scope, end_ms))
                if from_id is not None:
                    low, high = _cut(low, high, number, ascending)
                page = StoredPage(high - low, len(fresh), limit, offset, ascending)
                found = await queries.fills(connection, scope, low, high, page)
            return [fill.json(self._forms) for fill in page.join(found, fresh)], page.total

        return await self._read(work)

    async def trades(
        self, market: int, *, limit: int = 100, offset: int = 0, from_id: int | None = None
    ) -> tuple[list[Json], int]:
        """Newest first, or those before the trade from_id.

        A market's trades are numbered without gaps, so the newest one's id is the total.
        """

        async def work(connection: AsyncConnection, tails: list[np.ndarray]) -> tuple[list[Json], int]:
            events = together([trades_of(tail, market) for tail in tails])
            newest = await queries.newest_trade(connection, market)
            if from_id is not None:
                newest = min(newest, from_id - 1)
                events = pick(events, np.flatnonzero(events["event"]["trade_id"] < from_id))
            fresh = fresh_trades(events)
            page = StoredPage(newest, len(fresh), limit, offset)
            found = await queries.trades(connection, market, *page.numbers(0, newest))
            return [trade.json(self._forms, market) for trade in page.join(found, fresh)], page.total

        return await self._read(work)

    async def klines(self, market: int, interval: str, start_ms: int, end_ms: int, *, limit: int = 1000) -> list[Json]:
        """Candles, ascending, whose start is not before the bucket of `start_ms` and is before `end_ms`.

        Buckets without trades carry the close before them; those before a market's first trade, and those that begin
        after now, are left out.
        """
        kind = INTERVALS[interval]
        first_ms = kind.start(start_ms)

        async def work(connection: AsyncConnection, tails: list[np.ndarray]) -> list[Json]:
            candles, before = await queries.candles(connection, market, kind, first_ms, end_ms, limit)
            fresh = together([trades_of(tail, market) for tail in tails])
            parts = parts_of_trades(fresh, kind, self._forms[market].tick_atoms)
            first, end = np.searchsorted(parts["start"], (first_ms, end_ms)).tolist()
            if first:
                before = int(parts["close_ticks"][first - 1])
            add_parts(candles, parts[first:end][:limit])
            filled = without_gaps(candles, before, kind, (first_ms, end_ms), _now_ms(), limit)
            return [candle.json(self._forms, market, kind) for candle in filled]

        return await self._read(work)

    async def deposits(
        self,
        account: int,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        limit: int = 100,
        offset: int = 0,
        from_id: int | None = None,
    ) -> tuple[list[Json], int]:
        """Newest first, or those before from_id; both ends are part of the span."""
        wanted = TransferFilter(account, from_ms, to_ms, before=from_id or MAX_INT64)
        found, total = await self._transfers(CommandKind.DEPOSIT, wanted, limit, offset)
        return [rows.deposit_json(row, self._setup.assets[row.asset], account) for row in found], total

    async def withdrawals(
        self,
        account: int,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        number: int | None = None,
        references: list[int] | None = None,
        limit: int = 100,
        offset: int = 0,
        from_id: int | None = None,
    ) -> tuple[list[Json], int]:
        """Newest first, or those before from_id; both ends are part of the span."""
        wanted = TransferFilter(account, from_ms, to_ms, number, references, from_id or MAX_INT64)
        found, total = await self._transfers(CommandKind.WITHDRAW, wanted, limit, offset)
        return await self._told(account, found), total

    async def withdrawal(self, account: int, reference: int) -> tuple[TransferRow, Json] | None:
        """The one with this reference, as it stands in the log and as it is shown."""
        wanted = TransferFilter(account, references=[reference])
        found, _ = await self._transfers(CommandKind.WITHDRAW, wanted, 1, 0)
        return (found[0], (await self._told(account, found))[0]) if found else None

    async def _told(self, account: int, found: list[TransferRow]) -> list[Json]:
        async with self._database.snapshot() as connection:  # a later one than that of the rows: requests come first
            asked = await queries.asked_with(connection, self._setup.log_id, account, found)
        nothing = AskedWith()
        return [
            rows.withdrawal_json(row, self._setup.assets[row.asset], asked.get(row.number, nothing)) for row in found
        ]

    async def _transfers(
        self, kind: CommandKind, wanted: TransferFilter, limit: int, offset: int
    ) -> tuple[list[TransferRow], int]:
        table = _TABLES[kind]

        async def work(connection: AsyncConnection, tails: list[np.ndarray]) -> tuple[list[TransferRow], int]:
            stored, last_id = await queries.transfer_count(connection, table, wanted)
            own = transfer_rows(transfers_of(tails[HOME], kind), last_id, wanted.account)
            fresh = [row for row in own if wanted.admits(row)]
            page = StoredPage(stored, len(fresh), limit, offset)
            found = await queries.transfers(connection, table, wanted, page)
            return page.join(found, fresh), page.total

        return await self._read(work)

    async def moves(
        self,
        account: int,
        *,
        reference: int | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[MoveRow], int]:
        """Between shards, newest first, that left in a span; `reference`: the one that has it, if there is one."""
        wanted = MoveFilter(account, reference, from_ms, to_ms)

        async def work(connection: AsyncConnection, tails: list[np.ndarray]) -> tuple[list[MoveRow], int]:
            return await moves.page(connection, tails, wanted, limit, offset)

        return await self._read(work)

    async def _read(self, work: Work[T]) -> T:
        """Run `work` on a snapshot that, together with the tail, is complete."""
        if self._complete is not None and not await self._complete():
            raise HistoryUnavailable("the newest events have not come to this process yet")
        positions = [ORIGIN]
        for _ in range(_ATTEMPTS):
            async with self._database.snapshot() as connection:
                positions = await self._positions(connection)
                pairs = zip(self._tails, positions, strict=True)
                tails = [slots for tail, position in pairs if (slots := tail.after(position)) is not None]
                if len(tails) == len(self._tails):
                    return await work(connection, tails)
            await asyncio.sleep(_RETRY_S)
        behind = [
            f"the database holds events up to {position} and is being filled up to {tail.complete_after}"
            for tail, position in zip(self._tails, positions, strict=True)
            if position < tail.complete_after
        ]
        raise HistoryUnavailable("; ".join(behind))

    async def _positions(self, connection: AsyncConnection) -> list[EntryId]:
        """Of each shard's writer."""
        found = await queries.positions(connection)
        positions = []
        for shard in range(len(self._tails)):
            log_id, entry_ms, entry_seq = found.get(shard, (0, *ORIGIN))
            own = self._setup.log_ids.get(shard, 0)
            if log_id and own and log_id != own:
                raise HistoryUnavailable(f"the database was filled from log {log_id}, the exchange runs on another one")
            positions.append(EntryId(entry_ms, entry_seq))
        return positions

    async def _trim(self) -> None:
        """Let the tail forget what is stored, when no reader asks."""
        try:
            async with self._database.snapshot() as connection:
                for tail, position in zip(self._tails, await self._positions(connection), strict=True):
                    tail.after(position)
        except HistoryUnavailable:
            pass
        await asyncio.sleep(_RETRY_S)


def _cut(low: int, high: int, number: int | None, ascending: bool) -> tuple[int, int]:
    """The running numbers (low, high] that come after a row; `number` None: it is newer than all that is stored."""
    if ascending:
        return (high, high) if number is None else (max(low, number), max(low, number, high))
    return (low, high) if number is None else (low, max(low, min(high, number - 1)))


def _beside(fresh: Sequence[T], place: int | None, ascending: bool) -> Sequence[T]:
    """The fresh rows, oldest first, that come after the one at a place; None: after one that is stored."""
    if place is None:
        return fresh if ascending else fresh[:0]
    return fresh[place + 1 :] if ascending else fresh[:place]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
