"""Statistics of the time before this process began, rebuilt from the event log in the background.

Reads `events:{s}` from a month back (or from where the log begins) up to where the live replica stood when it started.
Trades that happen meanwhile are recorded by the replica and added last, so the result is exact. Non-goals: depth and
setup (asked from the engine), and what was trimmed from the log.
"""

import asyncio
import logging
import time
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
from engine_core.wire.streams import FIELD, EntryId, decode_block, keys

CHUNK_BYTES = 2 * 2**20  # read at once: bounds the pause of the event loop to a few milliseconds
FIRST_COUNT = 64
WAIT_SECONDS = 0.05  # for the log's top to reach the replica's position
PATIENCE_SECONDS = 10.0
RETRY_SECONDS = 1.0

Rows = list[tuple[bytes, dict[bytes, bytes]]]
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


async def backfill(data: MarketData, redis_url: str, shard: int = 0) -> int:
    """Complete the statistics of `data`; the number of entries read. OSError or redis errors pass to the caller.

    TimeoutError, an OSError, if the log does not hold what the replica has seen.
    """
    now_ms = time.time_ns() // 1_000_000
    target, history = data.begin_history()
    cursor, entries, count = f"{min(INTERVALS['1month'].start(now_ms), now_ms - 7 * DAY_MS)}-0", 0, FIRST_COUNT
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        async with async_redis_of(redis_url) as redis:
            data.begins_midway = await _begins_midway(redis, keys(shard).events, cursor)
            while True:
                rows = cast(Rows, await redis.xrange(keys(shard).events, min=cursor, max=str(target), count=count))
                blocks = [fields[FIELD] for _, fields in rows]
                batches = [trades_of(events, int(header["time_ms"])) for header, events in map(_decode, blocks)]
                if batches:
                    history.add(np.concatenate(batches))
                    entries += len(batches)
                    last = EntryId.parse(rows[-1][0])
                    cursor, deadline = f"({last}", time.monotonic() + PATIENCE_SECONDS
                    if last >= target:
                        break
                    count = max(1, CHUNK_BYTES * len(blocks) // sum(map(len, blocks)))
                elif target == EntryId(0, 0):
                    break
                elif time.monotonic() > deadline:
                    raise TimeoutError(f"the event log does not come up to {target}, where the replica stands")
                else:
                    await asyncio.sleep(WAIT_SECONDS)
    except BaseException:
        data.drop_history()
        raise
    data.end_history(history)
    logger.info("statistics rebuilt from %d entries of the event log", entries)
    return entries


async def keep_filling(data: MarketData, redis_url: str, shard: int = 0) -> None:
    """Backfill, again and again until it is done: statistics cannot be shown before."""
    while not data.filled:
        try:
            await backfill(data, redis_url, shard)
        except (RedisError, OSError) as error:
            logger.warning("statistics of the time before this start cannot be rebuilt, trying again: %s", error)
            await asyncio.sleep(RETRY_SECONDS)


async def _begins_midway(redis: Redis, name: str, cursor: str) -> bool:
    """Whether the log has, or had, entries before `cursor`."""
    log = await describe(redis, name)
    return not log.is_complete or log.first < EntryId.parse(cursor)


def _decode(block: bytes) -> tuple[np.void, np.ndarray]:
    return decode_block(block, EVENT)
