"""What ends a candle is the time of the shard where its market trades. Seconds end when a test says so."""

import asyncio
import json
import time

import numpy as np
import pytest

from egress.hub import Hub
from egress.names import parse
from egress.streams.candles import CandleStreams
from egress.streams.kind import SharedTexts
from engine_core.replica import market_data
from engine_core.replica.market_data import MarketData, Source
from engine_core.wire.codes import MarketFlag, MarketState, QueryKind, Side
from tests.replica.flow import BTC_USDC, SOL_USDC, Engine
from tests.replica.test_shards import Away, Venue

AHEAD_MS = 120_000


class Timeless(Engine):
    """One that does not say what time it is."""

    async def query(self, kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
        if kind == QueryKind.STATUS:
            raise TimeoutError
        return await super().query(kind, market=market, account=account)


class TimelessAndAway(Away, Timeless):
    pass


class Candles:
    """The 1 s candles of a market."""

    def __init__(self, data: MarketData, symbol: str) -> None:
        data.filled = True
        self.kind = CandleStreams(data, Hub(), SharedTexts())
        data.listeners.append(self.kind.apply)
        stream = parse(f"kline.1s.{symbol}", (symbol,))
        assert stream is not None
        self.kind.open(stream, data.setup.market_by_symbol[symbol])

    async def second(self) -> list[tuple[int, bool]]:
        """Let one end: (trades, closed) of each candle that is told."""
        self.kind.second(time.time_ns() // 1_000)
        await asyncio.gather(*self.kind._asking.values())
        told = [json.loads(item.data) for item in self.kind.collect()]
        return [(candle["n"], candle["X"]) for candle in told]


async def started(*engines: type[Engine], ahead: int) -> Venue:
    """Shards of these kinds, of which one is two minutes ahead of the other."""
    venue, now_ms = Venue(), time.time_ns() // 1_000_000 // 1_000 * 1_000
    venue.engines = [kind(one.flow, one.records) for kind, one in zip(engines, venue.engines, strict=True)]
    for shard, flow in enumerate(venue.flows):
        flow.time_ms = now_ms + AHEAD_MS * (shard == ahead)
    home, other = (Source(engine.query, feed) for engine, feed in zip(venue.engines, venue.handlers, strict=True))
    venue.data = await MarketData.bootstrap(home.query, home.on_events, other)
    return venue


async def until_live(data: MarketData, market: int) -> None:
    async with asyncio.timeout(60):
        while not data.book(market).live:
            await asyncio.sleep(0.001)


async def test_a_book_that_is_read_again_ends_no_candle_of_another_shard() -> None:
    """Home's engine is away, with orders of that second before it."""
    venue = await started(Timeless, Engine, ahead=1)
    home, other = venue.flows
    candles = Candles(venue.data, "SOL_USDC")
    for _ in range(2):
        home.trade(Side.BID, 100, 1, 1)
    venue.feed(0)
    other.level(Side.BID, 900, 1, BTC_USDC)
    other.made.clear()  # lost on the way
    other.level(Side.BID, 901, 1, BTC_USDC)
    venue.feed(1)
    assert not venue.data.book(BTC_USDC).live
    await until_live(venue.data, BTC_USDC)
    assert await candles.second() == [(2, False)]
    home.trade(Side.BID, 100, 1, 1)
    home.time_ms += 1_000
    home.trade(Side.BID, 100, 1, 1)
    venue.feed(0)
    assert await candles.second() == [(3, True), (1, False)]


async def test_a_shard_that_joins_late_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_data, "JOIN_SECONDS", 0.02)
    monkeypatch.setattr(market_data, "RETRY_SECONDS", 0.01)
    venue = await started(Engine, TimelessAndAway, ahead=0)
    late = venue.engines[1]
    assert isinstance(late, Away)
    candles = Candles(venue.data, "BTC_USDC")
    venue.flows[1].trade(Side.BID, 900, 1, 1, BTC_USDC)
    venue.feed(1)
    late.back = True
    await until_live(venue.data, BTC_USDC)
    assert await candles.second() == [(1, False)]


async def test_the_shard_whose_candles_end_is_asked_also_if_the_market_just_moves() -> None:
    venue = await started(Engine, Engine, ahead=1)
    candles = Candles(venue.data, "SOL_USDC")
    candles.kind.second(time.time_ns() // 1_000)
    venue.state(0, SOL_USDC, MarketState.ELSEWHERE)
    venue.state(1, SOL_USDC, MarketState.OPEN, a=1, flags=MarketFlag.MOVES_HERE)
    venue.feed(0)
    venue.feed(1)
    await asyncio.gather(*candles.kind._asking.values())
    assert venue.data.setup.shards[SOL_USDC] == 1
    asked = [[kind for kind, _ in engine.asked].count(QueryKind.STATUS) for engine in venue.engines]
    assert asked == [1, 0]
