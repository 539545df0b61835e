"""One replica of a venue with two shards: SOL_USDC trades in shard 0, BTC_USDC in shard 1."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import redis

from engine_core.administration.client import admin
from engine_core.replica import market_data
from engine_core.replica.backfill import backfill
from engine_core.replica.market_data import MarketData, Source
from engine_core.wire.codes import AccountState, CommandKind, KeyPermission, MarketFlag, MarketState, QueryKind, Side
from engine_core.wire.intervals import DAY_MS
from engine_core.wire.layout import join
from tests.replica.flow import BTC_USDC, SOL_USDC, Engine, Flow, setup_records
from tests.replica.test_statistics import append

TRADED_IN = {SOL_USDC: 0, BTC_USDC: 1}


def records_of(shard: int, log_id: int) -> np.ndarray:
    records = setup_records().copy()
    records["log_id"][records["kind"] == CommandKind.GENESIS] = log_id
    for market, own in TRADED_IN.items():
        of_market = (records["kind"] == CommandKind.MARKET) & (records["market"] == market)
        records["code"][of_market] = MarketState.OPEN if own == shard else MarketState.ELSEWHERE
    return records


class Venue:
    """Two engines, and what each of their feeds hands on."""

    def __init__(self) -> None:
        self.flows = [Flow(), Flow()]
        self.engines = [Engine(flow, records_of(shard, 77 + shard)) for shard, flow in enumerate(self.flows)]
        self.handlers: list[list[Callable[[np.ndarray], Any]]] = [[], []]
        self.data: MarketData

    @classmethod
    async def started(cls) -> "Venue":
        venue = cls()
        home, other = (Source(engine.query, feed) for engine, feed in zip(venue.engines, venue.handlers, strict=True))
        venue.data = await MarketData.bootstrap(home.query, home.on_events, other)
        return venue

    def feed(self, shard: int) -> None:
        batch = self.flows[shard].take()
        for handler in self.handlers[shard]:
            handler(batch)

    def state(self, shard: int, market: int, state: MarketState, **numbers: int) -> None:
        self.flows[shard].admin(admin(CommandKind.MARKET_STATE, market=market, code=state, **numbers))


async def test_each_market_is_of_the_shard_that_trades_it() -> None:
    venue = await Venue.started()
    assert (venue.data.setup.shards, venue.data.setup.log_ids) == (TRADED_IN, {0: 77, 1: 78})
    assert venue.data.setup.former == {}
    assert [venue.data.setup.markets[market].state for market in TRADED_IN] == [MarketState.OPEN] * 2
    for market, shard in TRADED_IN.items():
        asked = [(QueryKind.BOOK, market) in engine.asked for engine in venue.engines]
        assert asked == [shard == 0, shard == 1]


async def test_books_and_trades_come_from_both() -> None:
    venue = await Venue.started()
    told = []
    venue.data.listeners.append(lambda changes: told.append((changes.shard, len(changes.trades))))
    venue.flows[0].level(Side.BID, 100, 5)
    venue.flows[1].trade(Side.ASK, 900, 2, 3, market=BTC_USDC)
    venue.feed(1)
    venue.feed(0)
    assert venue.data.book(SOL_USDC).best() == ((100, 5), None)
    assert venue.data.book(BTC_USDC).best() == (None, (900, 3))
    assert [trade.price_ticks for trade in venue.data.recent_trades(BTC_USDC, 9)] == [900]
    assert told == [(1, 1), (0, 0)]
    assert venue.data.positions == [(flow.time_ms, flow.entry) for flow in venue.flows]


async def test_what_changes_has_the_shard_and_the_time_of_its_market(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a book is read again, and events that waited for it are taken once more."""
    venue = await Venue.started()
    home, other = venue.flows
    other.time_ms += 120_000
    home.level(Side.BID, 100, 5)
    other.level(Side.BID, 900, 1, BTC_USDC)
    venue.feed(0)
    other.made.clear()  # lost on the way
    told: list[tuple[int, int]] = []
    venue.data.listeners.append(lambda changes: told.append((changes.shard, changes.time_ms)))
    other.level(Side.BID, 901, 1, BTC_USDC)
    venue.feed(1)
    home.level(Side.BID, 101, 5)
    venue.feed(0)
    of_home, of_other = (0, home.time_ms), (1, other.time_ms)
    assert told == [of_other, of_home]
    async with asyncio.timeout(60):
        while not venue.data.book(BTC_USDC).live:
            await asyncio.sleep(0.001)
    assert told[2:] == [of_other, of_other, of_home], "the book, and both batches that waited"
    assert [venue.data.time_of(market) for market in TRADED_IN] == [home.time_ms, other.time_ms]
    assert venue.data.time_ms == other.time_ms


async def test_only_home_says_who_has_keys_and_is_frozen() -> None:
    venue = await Venue.started()
    key = admin(CommandKind.KEY, account=2, code=KeyPermission.READ)
    key["public_key"] = 7
    for command in (key, admin(CommandKind.ACCOUNT_STATE, account=2, code=AccountState.FROZEN)):
        venue.flows[1].admin(command)
    venue.flows[1].admin(admin(CommandKind.FEES, market=SOL_USDC, code=0, a=9, b=9))
    venue.feed(1)
    setup = venue.data.setup
    assert (setup.keys, setup.frozen, setup.fees(SOL_USDC).maker_ppm) == ({}, set(), 800)
    venue.flows[0].admin(key)
    venue.feed(0)
    assert set(setup.keys) == {bytes([7] * 32)}


@pytest.mark.parametrize("first", [0, 1], ids=["left-before-it-came", "came-before-it-left"])
async def test_a_market_moves_and_its_numbers_go_on(first: int) -> None:
    """The logs of two shards may be read in either order."""
    venue = await Venue.started()
    setup = venue.data.setup
    venue.flows[0].trade(Side.BID, 100, 1, 0)
    venue.feed(0)
    venue.state(0, SOL_USDC, MarketState.CLOSED)
    venue.state(0, SOL_USDC, MarketState.ELSEWHERE)
    venue.flows[1].update_ids[SOL_USDC], venue.flows[1].trade_ids[SOL_USDC] = 1, 1
    venue.state(1, SOL_USDC, MarketState.OPEN, a=1, b=1, c=100, flags=MarketFlag.MOVES_HERE)
    venue.flows[1].trade(Side.ASK, 103, 1, 4)
    venue.feed(first)
    if first == 0:
        assert (setup.markets[SOL_USDC].state, setup.shards[SOL_USDC]) == (MarketState.ELSEWHERE, 0)
    venue.feed(1 - first)
    assert (setup.markets[SOL_USDC].state, setup.shards[SOL_USDC]) == (MarketState.OPEN, 1)
    assert setup.former == {SOL_USDC: {0}}
    assert (venue.data.book(SOL_USDC).best(), venue.data.gaps) == ((None, (103, 4)), 0)
    assert [trade.trade_id for trade in venue.data.recent_trades(SOL_USDC, 9)] == [2, 1]


async def test_back_and_forth_the_last_word_counts() -> None:
    """Away and back again in one log, before anything of the other one is read."""
    venue = await Venue.started()
    venue.state(0, SOL_USDC, MarketState.ELSEWHERE)
    venue.state(0, SOL_USDC, MarketState.OPEN)
    venue.state(1, SOL_USDC, MarketState.CLOSED)
    venue.state(1, SOL_USDC, MarketState.ELSEWHERE)
    venue.feed(0)
    venue.feed(1)
    assert (venue.data.setup.markets[SOL_USDC].state, venue.data.setup.shards[SOL_USDC]) == (MarketState.OPEN, 0)


async def test_a_new_market_is_known_from_whichever_log_comes_first() -> None:
    venue = await Venue.started()
    asset = admin(CommandKind.ASSET, asset=4, symbol=b"ETH", decimals=8)
    market = admin(CommandKind.MARKET, market=3, asset=4, quote_asset=1, a=10**7, b=100, c=1, d=10**9)
    for shard, state in ((1, MarketState.OPEN), (0, MarketState.ELSEWHERE)):
        market["code"] = state
        venue.flows[shard].admin(asset)
        venue.flows[shard].admin(market.copy())
        venue.flows[1].level(Side.BID, 50, 1, market=3)
        venue.feed(shard)
    venue.feed(1)
    assert (venue.data.setup.shards[3], venue.data.setup.market_by_symbol["ETH_USDC"].state) == (1, MarketState.OPEN)
    assert venue.data.book(3).best() == ((50, 1), None)


async def test_statistics_of_a_market_that_moved_are_rebuilt_from_both_logs(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It traded in shard 1 first: read one after the other, its earlier trades would come too late to count."""
    monkeypatch.setattr("engine_core.replica.backfill.FIRST_COUNT", 2)
    monkeypatch.setattr("engine_core.replica.backfill.CHUNK_BYTES", 1)
    venue = Venue()
    now_ms = int(np.datetime64("now", "ms").astype(int)) - 60_000
    with redis.Redis.from_url(valkey) as client:
        for shard, ids in ((1, range(5)), (0, range(5, 9))):
            flow = venue.flows[shard]
            flow.trade_ids[SOL_USDC] = ids[0]
            for number in ids:
                flow.time_ms = now_ms + 1000 * number
                flow.trade(Side.BID, 100 + number, 1, 1)
                append(client, flow.take(), shard)
    home, other = (Source(engine.query, []) for engine in venue.engines)
    data = await MarketData.bootstrap(home.query, home.on_events, other)
    await backfill(data, valkey, valkey)
    assert [trade.price_ticks for trade in data.recent_trades(SOL_USDC, 20)] == list(range(108, 99, -1))


async def test_one_log_that_lacks_what_was_seen_is_an_error(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine_core.replica.backfill.PATIENCE_SECONDS", 0)
    venue = Venue()
    for flow in venue.flows:
        flow.time_ms = int(np.datetime64("now", "ms").astype(int))
        flow.trade(Side.BID, 100, 1, 1)
    with redis.Redis.from_url(valkey) as client:
        append(client, venue.flows[0].take(), 0)
    home, other = (Source(engine.query, []) for engine in venue.engines)
    data = await MarketData.bootstrap(home.query, home.on_events, other)
    with pytest.raises(TimeoutError, match=r"events:\{s1\}"):
        await backfill(data, valkey, valkey)
    assert not data.filled


async def test_a_shard_where_nothing_happened_for_long_holds_up_no_statistics(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine_core.replica.backfill.PATIENCE_SECONDS", 0)
    venue = Venue()
    now_ms = int(np.datetime64("now", "ms").astype(int))
    venue.flows[0].time_ms, venue.flows[1].time_ms = now_ms, now_ms - 40 * DAY_MS
    with redis.Redis.from_url(valkey) as client:
        for shard, flow in enumerate(venue.flows):
            flow.trade(Side.BID, 100, 1, 1, market=(SOL_USDC, BTC_USDC)[shard])
            append(client, flow.take(), shard)
    home, other = (Source(engine.query, []) for engine in venue.engines)
    data = await MarketData.bootstrap(home.query, home.on_events, other)
    assert await backfill(data, valkey, valkey) == 1
    assert data.filled and len(data.recent_trades(SOL_USDC, 9)) == 1


async def test_where_a_market_traded_before_is_known_from_the_start() -> None:
    """By the numbers that it has left there."""
    venue = Venue()
    numbers = {"trades": 3, "update_id": 9, "last_ticks": 5}
    left = admin(CommandKind.MARKET_STATE, market=SOL_USDC, code=MarketState.ELSEWHERE, **numbers)
    never = admin(CommandKind.MARKET_STATE, market=BTC_USDC, code=MarketState.ELSEWHERE)
    venue.engines[1].records = join([records_of(1, 78), left])
    venue.engines[0].records = join([records_of(0, 77), never])
    home, other = (Source(engine.query, []) for engine in venue.engines)
    data = await MarketData.bootstrap(home.query, home.on_events, other)
    assert (data.setup.former, data.setup.shards) == ({SOL_USDC: {1}}, TRADED_IN)


def test_both_setups_are_alike_but_for_where_markets_trade() -> None:
    """What these tests stand on."""
    home, other = records_of(0, 77), records_of(1, 77)
    differ = [at for at in range(len(home)) if home[at].tobytes() != other[at].tobytes()]
    assert [int(kind) for kind in join([home[differ]])["kind"]] == [CommandKind.MARKET] * 2


class Away(Engine):
    """One that does not answer until it is back."""

    back = False

    async def query(self, kind: QueryKind, *, market: int = 0, account: int = 0) -> tuple[np.void, np.ndarray]:
        if not self.back:
            await asyncio.sleep(0.005)
            raise TimeoutError("nobody answers")
        return await super().query(kind, market=market, account=account)


async def test_a_shard_that_joins_late_has_the_time_of_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nothing happens there: its markets' books have a time all the same."""
    monkeypatch.setattr(market_data, "JOIN_SECONDS", 0.02)
    monkeypatch.setattr(market_data, "RETRY_SECONDS", 0.01)
    venue = Venue()
    venue.engines[1] = away = Away(venue.flows[1], venue.engines[1].records)
    home, other = (Source(engine.query, feed) for engine, feed in zip(venue.engines, venue.handlers, strict=True))
    data = venue.data = await MarketData.bootstrap(home.query, home.on_events, other)
    away.back = True
    async with asyncio.timeout(60):
        while not data.book(BTC_USDC).live:
            await asyncio.sleep(0.01)
    assert data.time_of(BTC_USDC) == venue.flows[1].time_ms > 0
    await data.close()


async def test_a_shard_that_does_not_answer_at_the_start_joins_when_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its markets wait, those of others do not; of its trades none is lost, neither of those before it answered."""
    monkeypatch.setattr(market_data, "JOIN_SECONDS", 0.02)
    monkeypatch.setattr(market_data, "RETRY_SECONDS", 0.01)
    venue = Venue()
    venue.engines[1] = away = Away(venue.flows[1], venue.engines[1].records)
    venue.flows[1].level(Side.BID, 700, 4, market=BTC_USDC)
    venue.flows[1].take()  # before this process began
    home, other = (Source(engine.query, feed) for engine, feed in zip(venue.engines, venue.handlers, strict=True))
    data = venue.data = await MarketData.bootstrap(home.query, home.on_events, other)
    sol, btc = data.book(SOL_USDC), data.book(BTC_USDC)
    assert (sol.live, btc.live, data.setup.shards) == (True, False, TRADED_IN)
    assert data.setup.markets[BTC_USDC].state == MarketState.ELSEWHERE
    venue.flows[0].level(Side.BID, 100, 5)
    venue.flows[1].trade(Side.ASK, 900, 2, 3, market=BTC_USDC)
    venue.feed(0)
    venue.feed(1)
    assert sol.best() == ((100, 5), None)
    told = []
    data.listeners.append(lambda changes: told.append(changes.setup))
    away.back = True
    async with asyncio.timeout(60):
        while not btc.live:
            await asyncio.sleep(0.01)
    venue.flows[1].trade(Side.ASK, 900, 1, 2, market=BTC_USDC)
    venue.feed(1)
    assert btc.best() == ((700, 4), (900, 2))
    assert (data.setup.markets[BTC_USDC].state, data.setup.log_ids) == (MarketState.OPEN, {0: 77, 1: 78})
    assert [trade.lots for trade in data.recent_trades(BTC_USDC, 9)] == [1, 2]
    assert (told[0], data.gaps) == (True, 0)
    await data.close()
