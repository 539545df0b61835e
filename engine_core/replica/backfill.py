"""Statistics of the time before this process began, rebuilt from the event log in the background.

Reads `events:{s}` from a month back (or from where the log begins) up to where the live replica stood when it started.
Trades that happen meanwhile are recorded by the replica and added last, so the result is exact. The logs of several
shards are read together, in the order of time: a market may have moved from one to another. Non-goals: depth and setup
(asked from the engine), and what was trimmed from the log.
"""

import asyncio
import logging
import time
from collections import deque
from contextlib import AsyncExitStack
from typing import cast

import numpy as np
from redis.asyncio import Redis
from redis.exceptions import RedisError

from engine_core.replica.market_data import MarketData
from engine_core.replica.records import TRADE
from engine_core.transport.feed import describe
from engine_core.transport.primary import async_redis_of
from engine_core.wire.codes import EventKind, OrderFlag
from engine_core.wire.intervals import DAY_MS, INTERVALS
from engine_core.wire.layout import EVENT
from engine_core.wire.streams import FIELD, BlockError, EntryId, StreamEntries, decode_block, keys

CHUNK_BYTES = 2 * 2**20  # read at once: bounds the pause of the event loop to a few milliseconds
FIRST_COUNT = 64
WAIT_SECONDS = 0.05  # for the log's top to reach the replica's position
PATIENCE_SECONDS = 10.0
RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)


def trades_of(events: np.ndarray, time_ms: int) -> np.ndarray:
    """The trades among EVENT records of one block, as TRADE records."""
    makers = events[(events["kind"] == EventKind.FILL) & (events["flags"] & OrderFlag.TAKER == 0)]
    trades = np.empty(len(makers), TRADE)
    for name in ("market", "trade_id", "price_ticks"):
        trades[name] = makers[name]
    trades["maker_side"], trades["lots"], trades["time_ms"] = makers["side"], makers["fill_lots"], time_ms
    trades["maker_order_id"], trades["taker_order_id"] = makers["order_id"], makers["counter_order_id"]
    return trades


class _Log:
    """The trades of one shard, from the entry `cursor` on up to `target`."""

    def __init__(self, redis: Redis, shard: int, cursor: str, target: EntryId) -> None:
        self.blocks: deque[tuple[EntryId, np.ndarray]] = deque()  # read, and not taken yet
        self.entries = 0
        self._redis, self._name, self._cursor, self._target = redis, keys(shard).events, cursor, target
        self._count = FIRST_COUNT
        self._is_read = False

    async def begins_midway(self) -> bool:
        """Whether the log has, or had, entries before those that are read."""
        log = await describe(self._redis, self._name)
        return not log.is_complete or log.first < EntryId.parse(self._cursor)

    async def has_more(self) -> bool:
        """Whether there is a block to take; TimeoutError if the log does not come up to its target.

        The target's own entry need not be met: it may be older than what is read, or trimmed.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.blocks and not self._is_read:
            await self._read()
            if self.blocks:
                break
            if await self._reaches_target():
                await self._read()  # what came between the two; what is not found now is not there
                self._is_read = not self.blocks
            elif time.monotonic() > deadline:
                raise TimeoutError(f"{self._name} does not come up to {self._target}, where the replica stands")
            else:
                await asyncio.sleep(WAIT_SECONDS)
        return bool(self.blocks)

    async def _reaches_target(self) -> bool:
        return (await describe(self._redis, self._name)).top >= self._target

    async def _read(self) -> None:
        read = self._redis.xrange(self._name, min=self._cursor, max=str(self._target), count=self._count)
        rows = cast(StreamEntries, await read)
        if not rows:
            return
        for name, fields in rows:
            try:
                header, events = decode_block(fields[FIELD], EVENT)
            except BlockError as error:
                raise BlockError(error.reason, f"entry {name.decode()} of {self._name} is damaged: {error}") from None
            self.blocks.append((EntryId.parse(name), trades_of(events, header.time_ms)))
        last = self.blocks[-1][0]
        self._cursor, self._is_read, self.entries = f"({last}", last >= self._target, self.entries + len(rows)
        self._count = max(1, CHUNK_BYTES * len(rows) // sum(len(fields[FIELD]) for _, fields in rows))


async def backfill(data: MarketData, *logs: str) -> int:
    """Complete the statistics of `data`; the number of entries read. OSError or redis errors pass to the caller.

    `logs`: the Redis URL of each shard. TimeoutError, an OSError, if a log does not hold what the replica has seen.
    """
    now_ms = time.time_ns() // 1_000_000
    targets, history = data.begin_history()
    cursor = f"{min(INTERVALS['1month'].start(now_ms), now_ms - 7 * DAY_MS)}-0"
    try:
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(async_redis_of(url)) for url in logs]
            pairs = zip(clients, targets, strict=True)
            read = [_Log(client, shard, cursor, target) for shard, (client, target) in enumerate(pairs)]
            data.begins_midway = any([await log.begins_midway() for log in read])
            while waiting := [log for log in read if await log.has_more()]:
                history.add(np.concatenate(_oldest(waiting)))
    except BaseException:
        data.drop_history()
        raise
    data.end_history(history)
    entries = sum(log.entries for log in read)
    logger.info("statistics rebuilt from %d entries of the event log", entries)
    return entries


def _oldest(logs: list[_Log]) -> list[np.ndarray]:
    """Take blocks of all logs, in the order of their entries, until one of the logs has to be read on."""
    taken = []
    while all(log.blocks for log in logs):
        first = min(logs, key=lambda log: log.blocks[0][0])
        taken.append(first.blocks.popleft()[1])
    return taken


async def keep_filling(data: MarketData, *logs: str) -> None:
    """Backfill, again and again until it is done: statistics cannot be shown before."""
    while not data.filled:
        try:
            await backfill(data, *logs)
        except (RedisError, OSError) as error:
            logger.warning("statistics of the time before this start cannot be rebuilt, trying again: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
        except BlockError as error:  # trading goes on without them: an entry of long ago is no reason to end
            logger.error("statistics of the time before this start are not to be had: %s", error)
            return
