"""Rolling statistics and candles against sums over the plain list of trades; their rebuilding from the event log."""

import time
from dataclasses import dataclass

import numpy as np
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from engine_core.replica.backfill import backfill, keep_filling
from engine_core.replica.candles import INTERVAL_INDEX, KEPT, bucket_bounds
from engine_core.replica.market_data import MarketData
from engine_core.replica.records import TRADE
from engine_core.replica.ticker import MINUTE_MS, WEEK_MS
from engine_core.replica.trades import TAPE, Trades
from engine_core.wire.codes import Side
from engine_core.wire.intervals import DAY_MS, INTERVALS
from engine_core.wire.layout import EVENT
from engine_core.wire.limits import MAX_INT64
from engine_core.wire.streams import FIELD, Header, encode_block, keys
from tests.replica.flow import SOL_USDC, START_MS, Engine, Flow


@dataclass(frozen=True)
class Made:
    time_ms: int
    ticks: int
    lots: int


def records(made: list[Made], first_id: int = 1) -> np.ndarray:
    trades = np.zeros(len(made), TRADE)
    for row, (number, trade) in zip(trades, enumerate(made, first_id), strict=True):
        row["market"], row["maker_side"], row["trade_id"] = SOL_USDC, Side.ASK, number
        row["time_ms"], row["price_ticks"], row["lots"] = trade.time_ms, trade.ticks, trade.lots
    return trades


def statistics(made: list[Made]) -> Trades:
    trades = Trades()
    trades.reserve(SOL_USDC)
    trades.add(records(made))
    return trades


STEPS = st.lists(
    st.builds(
        Made,
        st.sampled_from([0, 1, 999, 1000, MINUTE_MS, 17 * MINUTE_MS, DAY_MS // 3, DAY_MS, 5 * DAY_MS]),
        st.integers(1, 50),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=30,
)


def at_times(steps: list[Made]) -> list[Made]:
    """Steps carry the time since the one before."""
    now, made = START_MS, []
    for step in steps:
        now += step.time_ms
        made.append(Made(now, step.ticks, step.lots))
    return made


@settings(max_examples=80, deadline=None)
@given(STEPS, st.sampled_from([DAY_MS, WEEK_MS]), st.integers(0, 2 * DAY_MS))
def test_the_ticker_equals_sums_over_its_minutes(steps: list[Made], window_ms: int, later_ms: int) -> None:
    made = at_times(steps)
    now = made[-1].time_ms + later_ms
    first = (now // MINUTE_MS + 1) * MINUTE_MS - window_ms
    inside = [trade for trade in made if trade.time_ms >= first]
    ticker = statistics(made).ticker(SOL_USDC, window_ms, now)
    assert (ticker.trades, ticker.lots) == (len(inside), sum(trade.lots for trade in inside))
    assert ticker.value == sum(trade.lots * trade.ticks for trade in inside)
    prices = [trade.ticks for trade in inside] or [made[-1].ticks]
    assert (ticker.first_ticks, ticker.last_ticks) == (prices[0], prices[-1])
    assert (ticker.high_ticks, ticker.low_ticks) == (max(prices), min(prices))


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_candles_of_every_interval_equal_their_trades(steps: list[Made]) -> None:
    made = at_times(steps)
    trades = statistics(made)
    for name, interval in INTERVALS.items():
        buckets: dict[int, list[Made]] = {}
        for trade in made:
            buckets.setdefault(interval.start(trade.time_ms), []).append(trade)
        expected = [
            (
                start,
                interval.next(start),
                inside[0].ticks,
                max(trade.ticks for trade in inside),
                min(trade.ticks for trade in inside),
                inside[-1].ticks,
                sum(trade.lots for trade in inside),
                sum(trade.lots * trade.ticks for trade in inside),
                len(inside),
            )
            for start, inside in sorted(buckets.items(), reverse=True)
        ]
        assert trades.candle_rows(SOL_USDC, INTERVAL_INDEX[name]) == expected[:KEPT]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 4_102_444_800_000), st.sampled_from(list(INTERVALS)))
def test_bucket_bounds_are_those_of_the_shared_rule(time_ms: int, name: str) -> None:
    start, end = bucket_bounds(time_ms, INTERVAL_INDEX[name])
    assert start == INTERVALS[name].start(time_ms)
    assert end == INTERVALS[name].next(start)


def test_a_trade_known_by_its_number_counts_once_and_the_tape_is_bounded() -> None:
    made = [Made(START_MS + i, 100 + i % 7, 1) for i in range(TAPE + 50)]
    trades = statistics(made)
    trades.add(records(made[-5:], len(made) - 4))
    recent = trades.recent(SOL_USDC, TAPE + 50)
    assert [trade.trade_id for trade in recent] == list(range(TAPE + 50, 50, -1))
    assert trades.ticker(SOL_USDC, DAY_MS, START_MS).trades == TAPE + 50
    assert [trade.trade_id for trade in trades.recent(SOL_USDC, 2)] == [TAPE + 50, TAPE + 49]


def test_without_trades_prices_are_zero_and_sums_stop_at_the_largest_number() -> None:
    empty = Trades()
    empty.reserve(SOL_USDC)
    assert empty.ticker(SOL_USDC, DAY_MS, START_MS).last_ticks == 0
    assert empty.last_price(SOL_USDC) is None and empty.recent(SOL_USDC, 10) == []
    huge = statistics([Made(START_MS, 1, MAX_INT64 - 1), Made(START_MS, 1, 5), Made(START_MS + MINUTE_MS, 1, 5)])
    ticker = huge.ticker(SOL_USDC, DAY_MS, START_MS + MINUTE_MS)
    assert (ticker.lots, ticker.value, ticker.trades) == (MAX_INT64, MAX_INT64, 3)


def test_the_change_is_relative_to_the_first_price_rounded_towards_zero() -> None:
    ticker = statistics([Made(START_MS, 300, 1), Made(START_MS, 299, 1)]).ticker(SOL_USDC, DAY_MS, START_MS)
    assert (ticker.change_ticks, ticker.change_ppm) == (-1, -3333)


def append(client: "redis.Redis[bytes]", slots: np.ndarray, shard: int = 0) -> None:
    """One entry of the event log with these events."""
    header = Header(0, 0, 0, 0, 0, int(slots["time_ms"][0]))
    events = np.frombuffer(b"".join(slot["event"].tobytes() for slot in slots), EVENT)
    entry = f"{slots['entry_ms'][-1]}-{slots['entry_seq'][-1]}"
    client.execute_command("XADD", keys(shard).events, entry, FIELD, encode_block(header, events))


async def test_statistics_are_rebuilt_from_the_log_and_joined_with_live_trades(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine_core.replica.backfill.FIRST_COUNT", 3)
    monkeypatch.setattr("engine_core.replica.backfill.CHUNK_BYTES", 1)
    now_ms = INTERVALS["1m"].start(INTERVALS["1month"].start(np.datetime64("now", "ms").astype(int)) + 2 * MINUTE_MS)
    flow = Flow(time_ms=now_ms)
    twin = Flow(time_ms=now_ms)
    with redis.Redis.from_url(valkey) as client:
        for i in range(20):
            for one in (flow, twin):
                one.trade(Side.BID, 100 + i, 2, 1)
                one.time_ms += 1_000
            append(client, flow.take())
        data = await MarketData.bootstrap(Engine(flow).query, [])
        for i in range(5):  # live, while the log is read: in the log and in the feed
            for one in (flow, twin):
                one.trade(Side.ASK, 200 + i, 2, 1)
            batch = flow.take()
            append(client, batch)
            data.apply(batch)
        live = flow.trade_ids[SOL_USDC]
        reading = backfill(data, valkey)
        assert len(data.recent_trades(SOL_USDC, 100)) == 5
        assert await reading == 25
        assert [trade.trade_id for trade in data.recent_trades(SOL_USDC, 100)] == list(range(live, 0, -1))
        whole = await MarketData.bootstrap(Engine(Flow(time_ms=now_ms)).query, [])
        whole.apply(twin.take())
    for interval in INTERVALS:
        assert data.candles(SOL_USDC, interval) == whole.candles(SOL_USDC, interval)
    assert data.ticker(SOL_USDC, WEEK_MS) == whole.ticker(SOL_USDC, WEEK_MS)


async def test_a_damaged_entry_of_long_ago_costs_the_statistics_and_no_more(
    valkey: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither does the process end, again and again, nor is the log read for ever."""
    flow = Flow(time_ms=time.time_ns() // 1_000_000)
    flow.trade(Side.BID, 100, 1, 1)
    slots = flow.take()
    before = f"{slots['entry_ms'][0] - 1}-0"
    with redis.Redis.from_url(valkey) as client:
        client.execute_command("XADD", keys(0).events, before, FIELD, b"no block")
        append(client, slots)
    data = await MarketData.bootstrap(Engine(flow).query, [])
    await keep_filling(data, valkey)
    assert not data.filled and f"entry {before} of" in caplog.text and "is damaged" in caplog.text


async def test_trades_made_while_the_log_is_read_are_neither_lost_nor_doubled(valkey: str) -> None:
    flow = Flow()
    flow.trade(Side.BID, 100, 1, 1)
    logged = flow.take()
    data = await MarketData.bootstrap(Engine(flow).query, [])
    with redis.Redis.from_url(valkey) as client:
        append(client, logged)
    [target], history = data.begin_history()
    assert target == (flow.time_ms, flow.entry)
    flow.trade(Side.BID, 101, 1, 1)
    data.apply(flow.take())
    history.add(records([Made(START_MS, 100, 1)]))
    data.end_history(history)
    assert [trade.price_ticks for trade in data.recent_trades(SOL_USDC, 9)] == [101, 100]


async def test_an_exchange_where_nothing_happened_for_long_has_statistics(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last entry is older than all that is read for them, so it is never met."""
    monkeypatch.setattr("engine_core.replica.backfill.PATIENCE_SECONDS", 0)
    flow = Flow(time_ms=time.time_ns() // 1_000_000 - 40 * DAY_MS)
    flow.trade(Side.BID, 100, 1, 1)
    with redis.Redis.from_url(valkey) as client:
        append(client, flow.take())
    data = await MarketData.bootstrap(Engine(flow).query, [])
    assert await backfill(data, valkey) == 0
    assert data.filled and data.begins_midway and data.recent_trades(SOL_USDC, 9) == []


async def test_where_the_replica_stood_may_be_trimmed(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine_core.replica.backfill.PATIENCE_SECONDS", 0)
    flow = Flow(time_ms=time.time_ns() // 1_000_000)
    flow.trade(Side.BID, 100, 1, 1)
    flow.take()  # nobody finds it in the log any more
    data = await MarketData.bootstrap(Engine(flow).query, [])
    flow.trade(Side.BID, 101, 1, 1)
    with redis.Redis.from_url(valkey) as client:
        append(client, flow.take())
    assert await backfill(data, valkey) == 0
    assert data.filled


async def test_a_new_exchange_has_statistics(valkey: str) -> None:
    data = MarketData(Engine(Flow()).query)  # stands at no entry, and there is no log
    assert await backfill(data, valkey) == 0
    assert data.filled
