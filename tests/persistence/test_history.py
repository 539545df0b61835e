"""History reads: what the database holds merged with what it does not hold yet equals what the log says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import redis

from engine_core.replica.setup import Setup
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, OrderStatus, Reason, Side
from engine_core.wire.intervals import INTERVALS
from engine_core.wire.layout import ADMIN_EVENT, SLOT
from engine_core.wire.streams import ORIGIN, EntryId
from ingress.history.reader import History, HistoryUnavailable
from ingress.history.unstored import MAX_EVENTS, Tail
from ingress.schemas.order_answers import HistoryOrder
from tests.persistence import slow
from tests.persistence.blocks import Block, append, slots
from tests.persistence.flow import FIRST_TRADER, START_MS, TRADERS, Flow
from tests.persistence.klines import expected_klines
from tests.persistence.test_writer import config, count, store_all

ACCOUNTS = (FIRST_TRADER, FIRST_TRADER + TRADERS - 1)
MARKET_NAMES = {1: "SOL_USDC", 2: "BTC_USDC"}
PAGES = [(100, 0), (7, 5), (10, 90), (50, 100_000)]


def setup_of(blocks: list[Block]) -> Setup:
    setup = Setup()
    for block in blocks:
        setup.apply_events(block.records.view(ADMIN_EVENT))
    return setup


@asynccontextmanager
async def history(url: str, blocks: list[Block], since: EntryId = ORIGIN) -> AsyncIterator[History]:
    reader = History(url, setup_of(blocks), [since])
    try:
        yield reader
    finally:
        await reader.close()


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def store(valkey: str, postgres: str, blocks: list[Block]) -> None:
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
    store_all(config(valkey, postgres), count(blocks))


@pytest.fixture(scope="module")
def flow_blocks() -> list[Block]:
    flow = Flow(11, max_step_ms=30_000)
    return [flow.genesis(), *(flow.block() for _ in range(60))]


@pytest.mark.parametrize("stored", [1, 30, 61])
async def test_pages_equal_the_log(valkey: str, postgres: str, flow_blocks: list[Block], stored: int) -> None:
    """Whatever part is stored: the tail overlaps the stored part, and no row is lost or doubled."""
    store(valkey, postgres, flow_blocks[:stored])
    expected = slow.tables(flow_blocks)
    async with history(postgres, flow_blocks) as reader:
        for block in flow_blocks[max(0, stored - 5) :]:
            reader.observe(slots([block]))
        for account in ACCOUNTS:
            for market in (None, 1):
                await check_orders(reader, expected, account, market)
                await check_fills(reader, expected, account, market)
            await check_transfers(reader, expected, account)
        await check_trades(reader, expected)


async def check_orders(reader: History, expected: slow.Tables, account: int, market: int | None) -> None:
    rows = [
        order
        for order_id, order in sorted(expected.orders.items())
        if order["account"] == account and market in (None, order["market"])
    ]
    for limit, offset in PAGES:
        for ascending in (False, True):
            found, total = await reader.orders(account, market=market, limit=limit, offset=offset, ascending=ascending)
            wanted = rows if ascending else rows[::-1]
            assert total == len(rows)
            assert [order.id for order in found] == [
                str(order["order_id"]) for order in wanted[offset : offset + limit]
            ]
            for order, row in zip(found, wanted[offset : offset + limit], strict=True):
                check_order(order, row)
    one = rows[len(rows) // 2]
    found, total = await reader.orders(account, market=market, order_id=one["order_id"])
    assert total == 1
    check_order(found[0], one)
    assert await reader.orders(account, market=market, order_id=12345) == ([], 0)
    other = next(order for order in expected.orders.values() if order["account"] != account)
    assert await reader.orders(account, market=market, order_id=other["order_id"]) == ([], 0)


def check_order(found: HistoryOrder, row: dict[str, Any]) -> None:
    places = {1: 2, 2: 5}[row["market"]]
    assert found.symbol == MARKET_NAMES[row["market"]]
    assert found.status == OrderStatus(row["status"]).name.title().replace("_", "")
    assert found.side == ("Bid" if row["side"] == Side.BID else "Ask")
    assert found.clientId == (None if row["client_id"] < 0 else row["client_id"])
    assert round(float(found.executedQuantity) * 10**places) == row["executed_lots"]
    assert round(float(found.executedQuoteQuantity) * 10**6) == row["executed_atoms"]
    assert milliseconds(found.createdAt) == row["created"].timestamp() * 1000
    if row["flags"] & OrderFlag.BY_QUOTE:
        assert found.quantity is None and found.quoteQuantity == "5"
    else:
        assert round(float(found.quantity) * 10**places) == row["quantity_lots"]
        assert round(float(found.price) * {1: 100, 2: 10}[row["market"]]) == row["price_ticks"]
    expired = row["status"] in (OrderStatus.EXPIRED, OrderStatus.TRIGGER_FAILED)
    assert found.expiryReason == (Reason(row["reason"]).name.title().replace("_", "") if expired else None)
    assert found.triggerBy == ("LastPrice" if row["flags"] & OrderFlag.TRIGGER else None)


async def check_fills(reader: History, expected: slow.Tables, account: int, market: int | None) -> None:
    rows = [row for row in expected.fills if row[0] == account and market in (None, row[2])]
    times = [int(row[12].timestamp() * 1000) for row in rows]
    spans = [(None, None), (times[len(times) // 3], None), (None, times[len(times) // 2]), (times[5], times[-5]),
             (times[-1] + 1, None), (None, START_MS - 1), (times[0] - 10**9, times[-1] + 10**9)]  # fmt: skip
    for from_ms, to_ms in spans:
        wanted = [
            row
            for row, time in zip(rows, times, strict=True)
            if (from_ms is None or time >= from_ms) and (to_ms is None or time <= to_ms)
        ]
        for limit, offset in PAGES:
            for ascending in (False, True):
                found, total = await reader.fills(
                    account, market=market, from_ms=from_ms, to_ms=to_ms, limit=limit, offset=offset,
                    ascending=ascending,
                )  # fmt: skip
                page = (wanted if ascending else wanted[::-1])[offset : offset + limit]
                assert total == len(wanted)
                assert [fill_key(fill) for fill in found] == [row_key(row) for row in page]
    one = rows[len(rows) // 2]
    found, total = await reader.fills(account, market=market, order_id=one[4])
    same = [row for row in rows if row[4] == one[4]]
    assert [fill_key(fill) for fill in found] == [row_key(row) for row in same[::-1]] and total == len(same)


def fill_key(fill: dict[str, Any]) -> tuple[Any, ...]:
    return (
        fill["symbol"], fill["tradeId"], fill["orderId"], fill["clientId"], fill["side"], fill["isMaker"],
        milliseconds(fill["timestamp"]), fill["price"], fill["fee"], fill["feeSymbol"],
    )  # fmt: skip


def row_key(row: tuple[Any, ...]) -> tuple[Any, ...]:
    is_bid = row[7] == Side.BID
    base, base_decimals = {1: ("SOL", 9), 2: ("BTC", 8)}[row[2]]
    fee = f"{row[11] / 10 ** (base_decimals if is_bid else 6):.9f}".rstrip("0").rstrip(".")
    return (
        MARKET_NAMES[row[2]], row[6], str(row[4]), None if row[5] < 0 else str(row[5]), "Bid" if is_bid else "Ask",
        row[8], int(row[12].timestamp() * 1000), f"{row[9] / {1: 100, 2: 10}[row[2]]:g}",
        fee, base if is_bid else "USDC",
    )  # fmt: skip


async def check_transfers(reader: History, expected: slow.Tables, account: int) -> None:
    for kind, read in ((CommandKind.DEPOSIT, reader.deposits), (CommandKind.WITHDRAW, reader.withdrawals)):
        rows = [row for row in expected.transfers[kind] if row[1] == account][::-1]
        for limit, offset in PAGES:
            found, total = await read(account, limit=limit, offset=offset)
            assert total == len(rows)
            assert [(row["id"], milliseconds(row["createdAt"])) for row in found] == [
                (row[0], row[5].timestamp() * 1000) for row in rows[offset : offset + limit]
            ]
        before = [row[0] for row in rows]
        for place in {0, len(rows) // 2, len(rows) - 1} if rows else ():
            found, total = await read(account, limit=3, from_id=before[place])
            assert [row["id"] for row in found] == before[place + 1 : place + 4]
    deposits = [row for row in expected.transfers[CommandKind.DEPOSIT] if row[1] == account]
    last_ms = int(deposits[-1][5].timestamp() * 1000)
    found, total = await reader.deposits(account, from_ms=last_ms, to_ms=last_ms)
    assert total == sum(row[5] == deposits[-1][5] for row in deposits) and found[0]["id"] == deposits[-1][0]


async def check_trades(reader: History, expected: slow.Tables) -> None:
    for market in (1, 2):
        rows = [row for row in expected.trades if row[0] == market][::-1]
        for limit, offset in PAGES:
            found, total = await reader.trades(market, limit=limit, offset=offset)
            assert total == len(rows)
            assert [(row["id"], row["isBuyerMaker"], row["timestamp"]) for row in found] == [
                (row[1], row[6], row[2].timestamp() * 1000) for row in rows[offset : offset + limit]
            ]


@pytest.mark.parametrize("stored", [1, 40, 61])
async def test_klines_equal_the_log(
    valkey: str, postgres: str, flow_blocks: list[Block], stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(valkey, postgres, flow_blocks[:stored])
    trades = [row for row in slow.tables(flow_blocks).trades if row[0] == 1]
    last_ms = int(trades[-1][2].timestamp() * 1000)
    async with history(postgres, flow_blocks) as reader:
        reader.observe(slots(flow_blocks[max(0, stored - 5) :]))
        for name, interval in INTERVALS.items():
            for start_ms in (0, START_MS, last_ms - 50_000):
                found = await reader.klines(1, name, start_ms, last_ms + 1)
                wanted = expected_klines(trades, name, start_ms, last_ms + 1)
                assert [tuple(candle.values()) for candle in found] == wanted[:1000]
                for candle in found:
                    assert milliseconds(candle["end"]) == interval.next(milliseconds(candle["start"]))
        assert await reader.klines(1, "1m", last_ms + 60_000, last_ms + 60_001) != []  # the close is carried on
        monkeypatch.setattr(
            "ingress.history.reader._now_ms", lambda: last_ms - 50_000
        )  # and the engine's clock is ahead
        for name, interval in INTERVALS.items():
            found = await reader.klines(1, name, last_ms - 100_000, last_ms + 10**8)
            starts = [milliseconds(candle["start"]) for candle in found]
            empty = {start for start, candle in zip(starts, found, strict=True) if candle["trades"] == "0"}
            traded = {interval.start(int(row[2].timestamp() * 1000)) for row in trades}
            assert starts == sorted(set(starts)) and max(empty, default=0) <= last_ms - 50_000
            assert {start for start in traded if start >= interval.start(last_ms - 100_000)} <= set(starts)
        assert await reader.klines(1, "1s", last_ms + 60_000, last_ms + 120_000) == []
        assert await reader.klines(1, "1m", START_MS - 10**9, START_MS - 10**8) == []  # before the first trade


async def test_an_order_is_there_before_it_is_stored_and_once_after(valkey: str, postgres: str) -> None:
    flow = Flow()
    genesis = flow.genesis()
    store(valkey, postgres, [genesis])
    order = flow.place(2, 1, Side.BID, 10_000, 100)
    placed = flow.close()
    flow.end(order, OrderStatus.EXPIRED, EventKind.EXPIRED, Reason.SELF_TRADE)
    ended = flow.close()
    async with history(postgres, [genesis], genesis.entry) as reader:
        assert await reader.orders(2) == ([], 0)
        reader.observe(slots([placed]))
        found, total = await reader.orders(2, order_id=order.order_id)
        assert (found[0].status, found[0].expiryReason, total) == ("New", None, 1)
        store(valkey, postgres, [placed])
        reader.observe(slots([ended]))
        for _ in range(2):
            found, total = await reader.orders(2)
            assert (found[0].status, found[0].expiryReason, total) == ("Expired", "SelfTradePrevention", 1)
            assert found[0].createdAt == "2026-09-21T14:13:20.000" and found[0].price == "100"
            store(valkey, postgres, [ended] if _ == 0 else [])


async def test_history_waits_for_what_it_cannot_know(
    valkey: str, postgres: str, flow_blocks: list[Block], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events between the stored position and the beginning of the tail would be missing: no answer is better."""
    monkeypatch.setattr("ingress.history.reader._ATTEMPTS", 2)
    store(valkey, postgres, flow_blocks[:10])
    async with history(postgres, flow_blocks, flow_blocks[20].entry) as reader:
        reader.observe(slots(flow_blocks[21:]))
        with pytest.raises(HistoryUnavailable, match=f"filled up to {flow_blocks[20].entry}"):
            await reader.orders(2)
        store(valkey, postgres, flow_blocks[10:25])
        assert (await reader.trades(1))[1] == sum(row[0] == 1 for row in slow.tables(flow_blocks).trades)


def test_a_tail_that_begins_inside_an_entry(flow_blocks: list[Block]) -> None:
    tail = Tail(flow_blocks[0].entry)
    tail.observe(slots(flow_blocks[1:3])[5:])
    assert tail.after(flow_blocks[0].entry) is None
    assert tail.after(flow_blocks[1].entry) is not None


def test_a_tail_looks_at_what_it_took_when_it_is_asked(flow_blocks: list[Block]) -> None:
    taken = slots(flow_blocks[1:20])
    at_once, piece_by_piece = Tail(flow_blocks[0].entry), Tail(flow_blocks[0].entry)
    at_once.observe(taken)
    for slot in range(len(taken)):
        piece_by_piece.observe(taken[slot : slot + 1])
    first, second = (tail.after(flow_blocks[0].entry) for tail in (at_once, piece_by_piece))
    assert first is not None and second is not None and first.tobytes() == second.tobytes()
    assert len(at_once) == len(piece_by_piece) == len(first) > 0


async def test_a_tail_that_grows_without_a_database(flow_blocks: list[Block]) -> None:
    """Bounded memory: the oldest half goes, and reads wait until that is stored."""
    batch = np.frombuffer(bytearray(slots(flow_blocks[1:]).tobytes()), SLOT)
    async with history("postgresql:///nowhere?host=/nonexistent", flow_blocks) as reader:
        ms, batch["entry_seq"] = START_MS, 0
        while reader._tails[0].complete_after == ORIGIN:
            ms += 1
            batch["entry_ms"] = ms
            reader.observe(batch)
        assert MAX_EVENTS // 3 < len(reader._tails[0]) <= MAX_EVENTS
        assert reader._tails[0].after(ORIGIN) is None
        kept = reader._tails[0].after(reader._tails[0].complete_after)
        assert kept is not None and EntryId(int(kept["entry_ms"][0]), 0) > reader._tails[0].complete_after
        with pytest.raises(HistoryUnavailable, match="no connection to the database"):
            await reader.fills(2)


async def test_the_tail_forgets_what_is_stored(valkey: str, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingress.history.unstored._TRIM_EVENTS", 50)
    monkeypatch.setattr("ingress.history.unstored._SIFT_EVENTS", 1)
    flow = Flow(5)
    blocks = [flow.genesis(), *(flow.block() for _ in range(20))]
    store(valkey, postgres, blocks[:20])
    async with history(postgres, blocks) as reader:
        reader.observe(slots(blocks))
        assert reader._trimming is not None
        await reader._trimming
        assert 0 < len(reader._tails[0]) <= len(blocks[20].records)
        assert (await reader.orders(2))[1] == sum(o["account"] == 2 for o in slow.tables(blocks).orders.values())


def test_what_is_stored_is_asked_again_when_half_of_the_tail_may_be(
    flow_blocks: list[Block], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a busy exchange's writer is some events behind, which is always, and not all the time."""
    monkeypatch.setattr("ingress.history.unstored._TRIM_EVENTS", 10)
    monkeypatch.setattr("ingress.history.unstored._SIFT_EVENTS", 1)
    tail = Tail(flow_blocks[0].entry)
    for block in flow_blocks[1:30]:
        tail.observe(slots([block]))
    assert tail.is_long
    assert tail.after(flow_blocks[0].entry) is not None  # nothing is stored yet
    asked_at, later = len(tail), iter(flow_blocks[30:])
    while not tail.is_long:
        assert len(tail) <= 2 * asked_at
        tail.observe(slots([next(later)]))
    assert len(tail) > 2 * asked_at
    assert tail.after(flow_blocks[29].entry) is not None
    assert len(tail) < 2 * asked_at and not tail.is_long


def test_a_tail_that_is_nearly_full_is_long_whatever_is_stored(
    flow_blocks: list[Block], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingress.history.unstored._TRIM_EVENTS", 10)
    tail = Tail(flow_blocks[0].entry)
    tail.observe(slots(flow_blocks[1:40]))
    monkeypatch.setattr("ingress.history.unstored.MAX_EVENTS", len(tail) + 1)
    assert tail.after(flow_blocks[0].entry) is not None
    assert tail.is_long


async def test_an_unprepared_or_foreign_database(
    valkey: str, postgres: str, flow_blocks: list[Block], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with history(postgres, flow_blocks) as reader:
        with pytest.raises(HistoryUnavailable, match="not prepared"):
            await reader.klines(1, "1m", 0, START_MS)
        store(valkey, postgres, flow_blocks[:3])
        await reader.klines(1, "1m", 0, START_MS)
        reader._setup.log_ids[0] = 5
        with pytest.raises(HistoryUnavailable, match="filled from log 77"):
            await reader.klines(1, "1m", 0, START_MS)


async def test_reads_are_answered_again_after_the_database_closed_the_connections(
    valkey: str, postgres: str, flow_blocks: list[Block]
) -> None:
    store(valkey, postgres, flow_blocks)
    async with history(postgres, flow_blocks) as reader:
        before = await reader.orders(2)
        async with reader._database.snapshot() as connection:
            await connection.execute(
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity "
                "where application_name = 'exchange history' and pid <> pg_backend_pid()"
            )
        closed = reader._database._idle[0]
        async with await type(closed).connect(postgres, autocommit=True) as other:
            await other.execute("select pg_terminate_backend(%s, 60000)", (closed.info.backend_pid,))
        assert await reader.orders(2) == before


def test_slots_keep_their_layout(flow_blocks: list[Block]) -> None:
    records = np.concatenate([block.records.view("V128") for block in flow_blocks])
    assert slots(flow_blocks)["event"].tobytes() == records.tobytes()
