"""A page of a list that several shards have a part of each, in the order of time.

    shard 0   ─ stored ────────┤─ fresh ─┤      of each: running numbers (low, high] in the database, then rows that the
    shard 1   ─ stored ──┤─ fresh ─────────┤    writer has not stored yet; both in the order of time

Rows of the same millisecond stand in the order of their shards. A page far from the end is found by bisecting time,
with the running numbers of each shard, so it costs little more than a near one. Non-goals: what the rows are, and SQL.
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ingress.history.queries import FOREVER_MS

T = TypeVar("T")
NEAR = 1_000  # rows that are read from each shard rather than skipped by time


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """What one shard has of the list."""

    low: int
    high: int
    fresh: Sequence[T]  # oldest first

    def __len__(self) -> int:
        return self.high - self.low + len(self.fresh)


@dataclass(frozen=True, slots=True)
class Merged(Generic[T]):
    """`rows`: of a shard, those with numbers (low, high], oldest first. `before`: of each shard, the number of its last
    stored row before a time, in ms."""

    time_of: Callable[[T], int]
    rows: Callable[[int, int], Awaitable[list[T]]]
    before: Callable[[int], Awaitable[list[int]]]

    async def page(self, parts: Sequence[Part[T]], limit: int, offset: int, ascending: bool) -> list[T]:
        if offset >= sum(map(len, parts)):
            return []
        if offset > NEAR:
            parts, offset = await self._skip(parts, offset, ascending)
        near = offset + limit
        found: list[tuple[int, int, T]] = []
        for shard, part in enumerate(parts):
            own = await (self._first(part, near) if ascending else self._last(part, near))
            found += [(self.time_of(row), shard, row) for row in own]
        sign = 1 if ascending else -1
        found.sort(key=lambda each: (sign * each[0], sign * each[1]))  # those of a shard stay in their order
        return [row for _, _, row in found[offset : offset + limit]]

    async def _first(self, part: Part[T], count: int) -> list[T]:
        stored = await self._stored(part.low, min(part.high, part.low + count))
        return [*stored, *part.fresh[: count - len(stored)]]

    async def _last(self, part: Part[T], count: int) -> list[T]:
        fresh = part.fresh[::-1][:count]
        stored = await self._stored(max(part.low, part.high - (count - len(fresh))), part.high)
        return [*fresh, *stored[::-1]]

    async def _stored(self, low: int, high: int) -> list[T]:
        return await self.rows(low, high) if high > low else []

    async def _skip(self, parts: Sequence[Part[T]], offset: int, ascending: bool) -> tuple[list[Part[T]], int]:
        """The parts without all that is certainly before the page, and how much is left to skip."""
        low_ms, high_ms = 0, FOREVER_MS
        while high_ms - low_ms > 1:
            middle = (low_ms + high_ms) // 2
            older, newer = await self.split(parts, middle)
            too_many = sum(map(len, older if ascending else newer)) > offset
            low_ms, high_ms = (low_ms, middle) if too_many == ascending else (middle, high_ms)
        older, newer = await self.split(parts, low_ms if ascending else high_ms)
        return (newer, offset - sum(map(len, older))) if ascending else (older, offset - sum(map(len, newer)))

    async def split(self, parts: Sequence[Part[T]], time_ms: int) -> tuple[list[Part[T]], list[Part[T]]]:
        """(what is before a time; the rest) of each part."""
        older, newer = [], []
        for part, number in zip(parts, await self.before(time_ms), strict=True):
            cut = min(max(number, part.low), part.high)
            place = bisect_left(part.fresh, time_ms, key=self.time_of)
            older.append(replace(part, high=cut, fresh=part.fresh[:place]))
            newer.append(replace(part, low=cut, fresh=part.fresh[place:]))
        return older, newer
