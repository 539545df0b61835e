"""The replica against its dict twin, on random flow; sequence gaps; what it already contains; setup followed live."""

import asyncio
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_core.administration.client import admin
from engine_core.replica.market_data import Changes, EventHandler, MarketData
from engine_core.wire.codes import CommandKind, EventKind, KeyPermission, MarketState, QueryKind, Side
from tests.growth import assert_growth_of
from tests.replica.flow import BTC_USDC, SOL_USDC, START_MS, Engine, Flow

MARKETS = (SOL_USDC, BTC_USDC)


async def started(flow: Flow | None = None) -> tuple[Flow, Engine, MarketData]:
    flow = flow or Flow()
    engine = Engine(flow)
    flow.made.clear()
    return flow, engine, await MarketData.bootstrap(engine.query, [])


def assert_equal(data: MarketData, flow: Flow) -> None:
    for market in MARKETS:
        bids, asks, update_id = data.book(market).snapshot()
        assert bids == flow.levels(market, Side.BID)
        assert asks == flow.levels(market, Side.ASK)
        assert update_id == flow.update_ids[market]
        assert data.book(market).best() == (bids[-1] if bids else None, asks[0] if asks else None)


STEP = st.tuples(
    st.sampled_from(["level", "trade"]),
    st.sampled_from(MARKETS),
    st.sampled_from(list(Side)),
    st.integers(1, 300),
    st.integers(0, 5),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(STEP, max_size=40), max_size=8))
def test_books_and_trades_equal_the_twin_and_every_change_is_told(batches: list[list[tuple]]) -> None:  # type: ignore[type-arg]
    async def run() -> None:
        flow, _, data = await started()
        seen: dict[tuple[int, int], dict[int, int]] = {}
        last_ids = dict.fromkeys(MARKETS, 0)
        for batch in batches:
            for what, market, side, ticks, lots in batch:
                if what == "level":
                    flow.level(side, ticks, lots, market)
                else:
                    flow.trade(side, ticks, 1 + lots, lots, market)
            changes = data.apply(flow.take()) if flow.made else None
            assert_equal(data, flow)
            if changes is not None:
                rebuild(changes, seen, last_ids)
            for market in MARKETS:
                for side in Side:
                    assert seen.get((market, side), {}) == flow.books[market, side]
        for market in MARKETS:
            expected = [(id, ticks, lots) for of, id, ticks, lots in flow.trades if of == market]
            recent = [(t.trade_id, t.price_ticks, t.lots) for t in data.recent_trades(market, 1000)]
            assert recent == expected[::-1]
            assert data.book(market).last_price == (expected[-1][1] if expected else None)

    asyncio.run(run())


def rebuild(changes: Changes, seen: dict[tuple[int, int], dict[int, int]], last_ids: dict[int, int]) -> None:
    """What a client does with the changes: levels are absolute, numbers are continuous."""
    for market, first_id, last_id in changes.spans.tolist():
        assert first_id == last_ids[market] + 1
        last_ids[market] = last_id
    rows = changes.levels.tolist()
    assert len({row[:3] for row in rows}) == len(rows), "a level is told once in a batch"
    for market, side, ticks, lots in rows:
        book = seen.setdefault((market, side), {})
        if lots:
            book[ticks] = lots
        else:
            book.pop(ticks, None)


async def test_many_levels_outgrow_every_first_size() -> None:
    flow, _, data = await started()
    rng = np.random.default_rng(7)
    for ticks, lots in zip(rng.integers(1, 20_000, 6_000).tolist(), rng.integers(0, 4, 6_000).tolist(), strict=True):
        flow.level(Side.BID if ticks <= 10_000 else Side.ASK, ticks, lots, MARKETS[ticks % 2])
        if len(flow.made) == 500:
            data.apply(flow.take())
            assert_equal(data, flow)
    bids, asks, _ = data.book(SOL_USDC).snapshot(10)
    assert bids == flow.levels(SOL_USDC, Side.BID)[-10:]
    assert asks == flow.levels(SOL_USDC, Side.ASK)[:10]


async def test_the_replica_starts_from_a_book_and_ignores_what_that_contains() -> None:
    flow = Flow()
    for ticks in range(1, 100):
        flow.level(Side.BID, ticks, ticks)
    early = flow.take()
    _, _, data = await started(flow)
    assert_equal(data, flow)
    data.apply(early)
    assert_equal(data, flow)
    flow.level(Side.BID, 50, 0)
    late = flow.take()
    data.apply(late)
    changes = data.apply(late)
    assert_equal(data, flow)
    assert len(changes.levels) == len(changes.spans) == 0


async def test_events_that_arrive_during_the_start_are_taken_after_it() -> None:
    flow = Flow()
    engine = Engine(flow)
    on_events: list[EventHandler] = []

    async def query(kind: QueryKind, *, market: int = 0, account: int = 0):  # type: ignore[no-untyped-def]
        answer = await engine.query(kind, market=market, account=account)
        flow.level(Side.BID, 10 + len(flow.update_ids), 5)
        flow.level(Side.ASK, 20, len(engine.asked), BTC_USDC)
        flow.admin(admin(CommandKind.KEY, account=3, public_key=len(engine.asked), code=7))
        on_events[0](flow.take())
        return answer

    data = await MarketData.bootstrap(query, on_events)
    assert_equal(data, flow)
    assert bytes([1] * 32) in data.setup.keys


async def test_each_batch_that_waits_for_a_book_costs_the_same() -> None:
    """The longer an engine is silent, the more of them there are."""

    async def silent(kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
        return await asyncio.Future()

    async def seconds(count: int) -> float:
        flow, _, data = await started()
        data._queries = (silent,)
        flow.level(Side.BID, 10, 1, BTC_USDC)
        known = flow.take()
        data.apply(known)
        data._halt(SOL_USDC, known, 0)
        began = time.process_time()
        for _ in range(count):
            data.apply(known)
        took = time.process_time() - began
        await data.close()
        return took

    await assert_growth_of(seconds, 500, 8_000, 32)  # the square would be 256


async def test_a_gap_halts_one_market_and_a_new_book_continues_its_sequence() -> None:
    flow, engine, data = await started()
    told: list[Changes] = []
    copy: Callable[[Changes], None] = lambda c: told.append(  # noqa: E731
        Changes(c.slots, c.levels.copy(), c.trades.copy(), c.spans.copy(), c.setup, c.time_ms, c.shard)
    )
    data.listeners.append(copy)
    flow.level(Side.BID, 10, 1)
    flow.level(Side.BID, 11, 1)
    data.apply(flow.take())
    flow.level(Side.BID, 10, 0)  # lost
    flow.level(Side.ASK, 30, 3)  # lost
    flow.made.clear()
    flow.level(Side.BID, 12, 2)
    flow.level(Side.BID, 7, 7, BTC_USDC)
    data.apply(flow.take())
    assert not data.book(SOL_USDC).live and data.book(BTC_USDC).live
    assert data.book(BTC_USDC).snapshot()[0] == [(7, 7)]
    flow.trade(Side.BID, 12, 1, 1)
    data.apply(flow.take())
    while not data.book(SOL_USDC).live:
        await asyncio.sleep(0)
    flow.level(Side.ASK, 31, 3)
    data.apply(flow.take())
    assert_equal(data, flow)
    assert (data.gaps, engine.asked.count((QueryKind.BOOK, SOL_USDC))) == (1, 2)
    seen: dict[tuple[int, int], dict[int, int]] = {}
    last_ids = dict.fromkeys(MARKETS, 0)
    for changes in told:
        rebuild(changes, seen, last_ids)
    assert seen[SOL_USDC, Side.BID] == flow.books[SOL_USDC, Side.BID]
    assert seen[SOL_USDC, Side.ASK] == flow.books[SOL_USDC, Side.ASK]
    assert sum(len(changes.trades) for changes in told) == 1, "the trade is told once, halted or not"


async def test_an_engine_that_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine_core.replica.market_data.RETRY_SECONDS", 0)
    flow, _, data = await started()
    answers, failures = data._queries[0], [TimeoutError("no answer"), ConnectionError("gone")]

    async def query(kind: QueryKind, *, market: int = 0, account: int = 0):  # type: ignore[no-untyped-def]
        if failures:
            raise failures.pop()
        return await answers(kind, market=market, account=account)

    data._queries = (query,)
    flow.level(Side.BID, 10, 1)
    flow.made.clear()
    flow.level(Side.BID, 11, 1)
    data.apply(flow.take())
    while not data.book(SOL_USDC).live:
        await asyncio.sleep(0)
    assert_equal(data, flow)


async def test_the_setup_follows_admin_events() -> None:
    flow, _, data = await started()
    setup = data.setup
    market = setup.market_by_symbol["SOL_USDC"]
    assert (market.units.tick_size, market.units.lot_size, market.base.symbol) == ("0.01", "0.01", "SOL")
    assert (setup.log_id, setup.created_ms, setup.accounts) == (77, START_MS, 3)
    flow.admin(admin(CommandKind.MARKET_STATE, market=1, code=MarketState.CANCEL_ONLY))
    flow.admin(admin(CommandKind.MARKET_BANDS, market=1, a=100_000, b=90_000, c=50_000, d=200))
    flow.admin(admin(CommandKind.MARKET_STATE, market=2, code=MarketState.CLOSED), EventKind.REFUSED)
    flow.admin(admin(CommandKind.KEY, account=2, public_key=9, code=KeyPermission.READ))
    flow.admin(admin(CommandKind.DEPOSIT, account=2, asset=1, a=5, b=1))
    changes = data.apply(flow.take())
    assert changes.setup
    market = setup.market_by_symbol["SOL_USDC"]
    assert (market.state, market.band_up_ppm, market.max_open_orders) == (MarketState.CANCEL_ONLY, 100_000, 200)
    assert setup.markets[2].state == MarketState.OPEN
    assert setup.keys[bytes([9] * 32)].permissions == KeyPermission.READ
    flow.admin(admin(CommandKind.KEY_REVOKE, account=2, public_key=9))
    flow.admin(admin(CommandKind.FEE_TIER, account=2, code=3))
    flow.admin(admin(CommandKind.ACCOUNT_STATE, account=3, code=2))
    data.apply(flow.take())
    assert not setup.keys and setup.frozen == {3}
    assert (setup.fees(1, 2).taker_ppm, setup.fees(1, 3).taker_ppm, setup.fees(2).taker_ppm) == (200, 1000, 0)


async def test_a_market_made_while_running_trades_in_the_same_batch() -> None:
    flow, _, data = await started()
    flow.level(Side.BID, 10, 1)
    flow.admin(admin(CommandKind.ASSET, asset=4, symbol=b"ETH", decimals=9))
    flow.admin(admin(CommandKind.MARKET, market=3, asset=4, quote_asset=1, code=1, a=10**6, b=10, c=1, d=10**9))
    flow.level(Side.BID, 77, 4, 3)
    flow.trade(Side.BID, 77, 1, 3, 3)
    changes = data.apply(flow.take())
    assert data.setup.markets[3].symbol == "ETH_USDC"
    assert data.book(3).snapshot()[0] == [(77, 3)]
    assert data.recent_trades(3, 5)[0].lots == 1
    assert changes.spans.tolist() == [(1, 1, 1), (3, 1, 2)]


async def test_events_that_name_no_market_change_nothing() -> None:
    flow, _, data = await started()
    flow.event(EventKind.REJECTED, market=0xFFFF)
    flow.event(EventKind.CANCEL_ALL_DONE, market=0xFFFF, order_type=0)
    changes = data.apply(flow.take())
    assert (len(changes.levels), len(changes.trades), len(changes.slots)) == (0, 0, 2)
    flow.level(Side.BID, 1, 1)
    flow.made[-1]["event"]["market"] = 9
    with pytest.raises(AssertionError, match="market 9, which does not exist"):
        data.apply(flow.take())
