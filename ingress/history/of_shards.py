"""The lists of an account's orders and fills in all markets, of a venue with several shards."""

from functools import partial

import numpy as np
from psycopg import AsyncConnection

from engine_core.wire.limits import SHARD_OF_NUMBER_AT
from ingress.history import queries
from ingress.history.fresh import FreshOrders, fresh_fills
from ingress.history.merged import Merged, Part
from ingress.history.rows import FillRow
from ingress.history.unstored import fills_of, orders_of
from ingress.schemas.order_answers import OrderRow


class UnknownRow(Exception):
    """A page is to begin after a row that there is not."""


class OrdersOfShards:
    """`tails`: by shard, what its writer has not stored."""

    def __init__(self, connection: AsyncConnection, account: int, tails: list[np.ndarray]) -> None:
        self._connection, self._account = connection, account
        self._fresh = [FreshOrders(orders_of(tail, account, None)) for tail in tails]
        before = partial(queries.before_in_shards, connection, "orders", account, len(tails))
        self._merged = Merged(lambda order: order.created_ms, self._stored, before)

    async def page(self, limit: int, offset: int, ascending: bool, from_id: int | None) -> tuple[list[OrderRow], int]:
        """(rows, how many there are in all); from_id: of those that come after this one in the page's direction."""
        bounds = await queries.bounds_of_shards(self._connection, "orders", self._account, len(self._fresh))
        parts = [Part(low, high, own.begun) for (low, high), own in zip(bounds, self._fresh, strict=True)]
        if from_id is not None:
            parts = await self._after(parts, from_id, ascending)
        return await self._merged.page(parts, limit, offset, ascending), sum(map(len, parts))

    async def _stored(self, low: int, high: int) -> list[OrderRow]:
        found = await queries.orders_between(self._connection, self._account, low, high)
        for fresh in self._fresh:
            fresh.apply(found)
        return found

    async def _after(self, parts: list[Part[OrderRow]], from_id: int, ascending: bool) -> list[Part[OrderRow]]:
        """What stands behind an order: in its own shard by its place, in others by its time, as Merged sorts them."""
        places = [own.place(from_id) for own in self._fresh]
        shard, place = next(((at, found) for at, found in enumerate(places) if found is not None), (0, None))
        if place is not None:
            own = parts[shard]
            time_ms = own.fresh[place].created_ms
            older, newer = own.fresh[:place], own.fresh[place + 1 :]
            after = Part(own.high, own.high, newer) if ascending else Part(own.low, own.high, older)
        else:
            stored = await queries.order_place(self._connection, self._account, from_id)
            if stored is None:
                raise UnknownRow(from_id)
            time_ms, number = stored
            shard = number >> SHARD_OF_NUMBER_AT
            own = parts[shard]
            after = Part(number, own.high, own.fresh) if ascending else Part(own.low, number - 1, [])
        until, rest = await self._merged.split(parts, time_ms)
        through, beyond = await self._merged.split(parts, time_ms + 1)
        lower, higher = (beyond, rest) if ascending else (through, until)  # of shards before and behind its own
        return [*lower[:shard], after, *higher[shard + 1 :]]


class FillsOfShards:
    def __init__(self, connection: AsyncConnection, account: int, tails: list[np.ndarray]) -> None:
        self._connection, self._account, self._tails = connection, account, tails
        before = partial(queries.before_in_shards, connection, "fills", account, len(tails))
        stored = partial(queries.fills_between, connection, account)
        self._merged = Merged(lambda fill: fill.time_ms, stored, before)

    async def page(self, limit: int, offset: int, ascending: bool, span: tuple[int, int]) -> tuple[list[FillRow], int]:
        """(rows, how many there are in all) of a span [first, end) in ms."""
        bounds = await queries.bounds_of_shards(self._connection, "fills", self._account, len(self._tails))
        fresh = [fresh_fills(fills_of(tail, self._account, None, None, *span)) for tail in self._tails]
        parts = [Part(low, high, own) for (low, high), own in zip(bounds, fresh, strict=True)]
        if span[0] > 0:
            parts = (await self._merged.split(parts, span[0]))[1]
        if span[1] < queries.FOREVER_MS:
            parts = (await self._merged.split(parts, span[1]))[0]
        return await self._merged.page(parts, limit, offset, ascending), sum(map(len, parts))
