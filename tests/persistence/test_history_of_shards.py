"""History reads of a venue with two shards: one list, whichever writer is ahead and however much of each is stored."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis

from engine_core.replica.setup import Setup
from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import ADMIN_EVENT
from engine_core.wire.streams import ORIGIN
from ingress.history import merged
from ingress.history.reader import History, HistoryUnavailable, UnknownRow
from tests.persistence import slow
from tests.persistence.blocks import Block, append, slots
from tests.persistence.flow import FIRST_TRADER, Flow
from tests.persistence.test_history import check_order, fill_key, milliseconds, row_key
from tests.persistence.test_shards import funded, moved, of, writers

ACCOUNT, OTHER = FIRST_TRADER, FIRST_TRADER + 1
PAGES = [(1000, 0), (7, 0), (7, 5), (10, 90), (3, 151), (50, 100_000)]


@asynccontextmanager
async def history(url: str, blocks: list[Block]) -> AsyncIterator[History]:
    setup = Setup()
    for block in blocks:
        setup.apply_events(block.records.view(ADMIN_EVENT), block.shard)
    reader = History(url, setup, [ORIGIN, ORIGIN])
    for block in blocks:
        reader.observe(slots([block]), block.shard)
    try:
        yield reader
    finally:
        await reader.close()


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    """SOL_USDC trades in shard 0, BTC_USDC in shard 1; in both several rows have the same time."""
    home, other = Flow(41, traded=(1,), max_step_ms=300), Flow(42, shard=1, traded=(2,), max_step_ms=300)
    return funded(home, other) + [flow.block() for _ in range(30) for flow in (home, other)]


def store(valkey: str, postgres: str, blocks: list[Block], stored: tuple[int, int]) -> None:
    """So many blocks of each shard."""
    kept = [of(blocks, shard)[:count] for shard, count in enumerate(stored)]
    with redis.Redis.from_url(valkey) as client, writers(valkey, postgres) as both:
        append(client, [*kept[0], *kept[1]])
        for writer, own in zip(both, kept, strict=True):
            writer.store(own)


STORED = [(0, 0), (32, 32), (32, 2), (5, 20), (0, 32), (4, 32)]


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("near", [merged.NEAR, 0], ids=["near", "by-time"])
async def test_orders_of_all_markets(
    valkey: str, postgres: str, blocks: list[Block], stored: tuple[int, int], near: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged, "NEAR", near)
    store(valkey, postgres, blocks, stored)
    rows = sorted(
        (row for row in slow.tables(blocks).orders.values() if row["account"] == ACCOUNT),
        key=lambda row: (row["created"], row["order_id"]),  # whose upper bits are the shard
    )
    ids = [str(row["order_id"]) for row in rows]
    assert len({row["order_id"] >> 59 for row in rows}) == 2
    async with history(postgres, blocks) as reader:
        for ascending in (False, True):
            wanted = rows if ascending else rows[::-1]
            for limit, offset in PAGES:
                found, total = await reader.orders(ACCOUNT, limit=limit, offset=offset, ascending=ascending)
                assert total == len(rows)
                assert len(found) == len(wanted[offset : offset + limit])
                for order, row in zip(found, wanted[offset : offset + limit], strict=True):
                    check_order(order, row)
                    assert order.id == str(row["order_id"])
            listed = ids if ascending else ids[::-1]
            for place in (0, 1, len(rows) // 3, len(rows) // 2, len(rows) - 1):
                last = int(listed[place])
                found, total = await reader.orders(ACCOUNT, limit=9, ascending=ascending, from_id=last)
                assert [order.id for order in found] == listed[place + 1 : place + 10]
                assert total == len(listed) - place - 1
        somebodys = next(row["order_id"] for row in slow.tables(blocks).orders.values() if row["account"] == OTHER)
        for unknown in (12345, somebodys):
            with pytest.raises(UnknownRow):
                await reader.orders(ACCOUNT, from_id=unknown)
        one = rows[len(rows) // 2]
        found, total = await reader.orders(ACCOUNT, order_id=one["order_id"])
        assert [order.id for order in found] == [str(one["order_id"])] and total == 1


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("near", [merged.NEAR, 0], ids=["near", "by-time"])
async def test_fills_of_all_markets(
    valkey: str, postgres: str, blocks: list[Block], stored: tuple[int, int], near: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merged, "NEAR", near)
    store(valkey, postgres, blocks, stored)
    made = [row for row in slow.tables(blocks).fills if row[0] == ACCOUNT]
    rows = sorted(made, key=lambda row: (row[12], row[2]))  # the market's number is here the shard's, plus one
    times = [int(row[12].timestamp() * 1000) for row in rows]
    spans = [(None, None), (times[len(times) // 3], None), (None, times[len(times) // 2]), (times[5], times[-5])]
    async with history(postgres, blocks) as reader:
        for from_ms, to_ms in spans:
            wanted = [
                row
                for row, time in zip(rows, times, strict=True)
                if (from_ms is None or time >= from_ms) and (to_ms is None or time <= to_ms)
            ]
            for ascending in (False, True):
                listed = wanted if ascending else wanted[::-1]
                for limit, offset in PAGES:
                    found, total = await reader.fills(
                        ACCOUNT, from_ms=from_ms, to_ms=to_ms, limit=limit, offset=offset, ascending=ascending
                    )
                    page = listed[offset : offset + limit]
                    assert total == len(wanted)
                    assert [fill_key(fill) for fill in found] == [row_key(row) for row in page]


@pytest.mark.parametrize("stored", STORED)
async def test_moves(valkey: str, postgres: str, blocks: list[Block], stored: tuple[int, int]) -> None:
    """Each half is of the writer of its own shard."""
    store(valkey, postgres, blocks, stored)
    rows = [(key, row) for key, row in slow.tables(blocks).moves.items() if key[0] == ACCOUNT]
    wanted = sorted(rows, key=lambda each: (each[1][3], each[0][1:]), reverse=True)
    async with history(postgres, blocks) as reader:
        found, total = await reader.moves(ACCOUNT)
        assert total == len(wanted) == 4
        assert {(ACCOUNT, *move.key): (move.asset, move.amount_atoms, move.reference) for move in found} == {
            key: tuple(row[:3]) for key, row in wanted
        }
        assert found == sorted(found, key=lambda move: (move.sent_ms, move.key), reverse=True)
        in_flight = [move for move in found if move.arrived_ms is None]
        assert [move.amount_atoms for move in in_flight] == [7]
        pages = [(await reader.moves(ACCOUNT, limit=1, offset=place))[0][0].key for place in range(4)]
        assert pages == [move.key for move in found]
        one = found[2]
        same, total = await reader.moves(ACCOUNT, reference=one.reference)
        assert one.key in {move.key for move in same} and total == len(same)
        assert await reader.moves(ACCOUNT, reference=1) == ([], 0)
        at = one.sent_ms
        for from_ms, to_ms in ((at, None), (at + 1, None), (None, at), (None, at - 1), (at, at)):
            within = [move for move in found if (from_ms or 0) <= move.sent_ms <= (to_ms or 2 * at)]
            assert await reader.moves(ACCOUNT, from_ms=from_ms, to_ms=to_ms) == (within, len(within))


async def test_deposits_are_numbered_by_home_alone(valkey: str, postgres: str, blocks: list[Block]) -> None:
    store(valkey, postgres, blocks, (3, 32))
    rows = [row for row in slow.tables(blocks).transfers[CommandKind.DEPOSIT] if row[1] == ACCOUNT][::-1]
    async with history(postgres, blocks) as reader:
        found, total = await reader.deposits(ACCOUNT)
        assert [(row["id"], milliseconds(row["createdAt"])) for row in found] == [
            (row[0], row[5].timestamp() * 1000) for row in rows
        ]
        assert total == len(rows)


@pytest.mark.parametrize("stored", [(0, 0), (21, 0), (22, 25)])
async def test_a_market_that_moved_is_one_list(valkey: str, postgres: str, stored: tuple[int, int]) -> None:
    home, other = Flow(43, traded=(2,)), Flow(44, shard=1, traded=())
    blocks = [home.genesis(), other.genesis(), *(home.block() for _ in range(20))]
    blocks += [*moved(home, other, 2), *(other.block() for _ in range(20))]
    store(valkey, postgres, blocks, stored)
    tables = slow.tables(blocks)
    async with history(postgres, blocks) as reader:
        trades = [row[1] for row in tables.trades][::-1]
        found, total = await reader.trades(2, limit=1000)
        assert ([row["id"] for row in found], total) == (trades, len(trades))
        rows = sorted(
            (row for row in tables.orders.values() if row["account"] == ACCOUNT),
            key=lambda row: (row["created"], row["order_id"]),
        )
        wanted = [str(row["order_id"]) for row in rows]
        found, total = await reader.orders(ACCOUNT, market=2, limit=1000, ascending=True)
        assert ([order.id for order in found], total) == (wanted, len(wanted))
        candles: list[dict[str, Any]] = await reader.klines(2, "1d", 0, 2 * 10**12)
        assert sum(int(candle["trades"]) for candle in candles) == len(trades)


async def test_a_database_of_another_log_of_one_shard(valkey: str, postgres: str, blocks: list[Block]) -> None:
    store(valkey, postgres, blocks, (2, 2))
    async with history(postgres, blocks) as reader:
        reader._setup.log_ids[1] = 5
        with pytest.raises(HistoryUnavailable, match="filled from log 77"):
            await reader.orders(ACCOUNT)
