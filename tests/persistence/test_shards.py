"""The writers of several shards fill one database: as if there were one log, and whichever of them is ahead."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import redis

from engine_core.wire.codes import CommandKind, EventKind, MarketFlag, MarketState, OrderStatus, Reason
from persistence.config import WriterConfig
from persistence.metrics import Metrics
from persistence.refill import refill
from persistence.source import EventSource
from persistence.store import NotYet, Store
from persistence.writer import store_next
from tests.persistence.blocks import Block, append
from tests.persistence.database import assert_candles_equal_log, assert_equals_log, select
from tests.persistence.flow import ASSETS, FIRST_TRADER, TRADERS, Flow
from tests.persistence.test_writer import count

ACCOUNTS = range(FIRST_TRADER, FIRST_TRADER + TRADERS)


class Writer:
    """The loop of one shard's, a batch at a time."""

    def __init__(self, redis_url: str, database_url: str, shard: int) -> None:
        self._config = WriterConfig(redis_url, database_url, shard, pause_ms=0)
        self._store, self._source = Store(database_url, shard), EventSource(redis_url, shard)
        self._source.check(self._store.position)

    def store(self, blocks: list[Block]) -> None:
        """So many events as these have."""
        left = count(blocks)
        while left > 0:
            left -= store_next(self._store, self._source, self._config, Metrics())
        assert left == 0

    def close(self) -> None:
        self._store.close()
        self._source.close()


@contextmanager
def writers(redis_url: str, database_url: str, shards: int = 2) -> Iterator[list[Writer]]:
    with ExitStack() as stack:
        made = [Writer(redis_url, database_url, shard) for shard in range(shards)]
        for each in made:
            stack.callback(each.close)
        yield made


def funded(home: Flow, other: Flow) -> list[Block]:
    """Both begin, and every account moves some of everything to the other shard; its last move is in flight."""
    home_blocks, blocks = [home.genesis()], [other.genesis()]
    for account in ACCOUNTS:
        for sequence, asset in enumerate(ASSETS, start=1):
            home.move(CommandKind.MOVE_OUT, account, 1, asset, 10**14, sequence)
            other.move(CommandKind.MOVE_IN, account, 0, asset, 10**14, sequence)
        home.move(CommandKind.MOVE_OUT, account, 1, 1, 7, len(ASSETS) + 1)
    home_blocks.append(home.close())
    blocks.append(other.close())
    return home_blocks + blocks


def of(blocks: list[Block], shard: int) -> list[Block]:
    return [block for block in blocks if block.shard == shard]


@pytest.mark.parametrize("first", [0, 1])
def test_two_shards_in_one_database(valkey: str, postgres: str, first: int) -> None:
    """`first`: whose writer is ahead of the other one."""
    home, other = Flow(31, traded=(1,)), Flow(32, shard=1, traded=(2,))
    blocks = funded(home, other)
    blocks += [flow.block() for _ in range(40) for flow in (home, other)]
    with redis.Redis.from_url(valkey) as client, writers(valkey, postgres) as both:
        append(client, blocks)
        for shard in (first, 1 - first):
            both[shard].store(of(blocks, shard))
    expected = assert_equals_log(postgres, blocks)
    assert_candles_equal_log(postgres, expected)
    assert {trade[0] for trade in expected.trades} == {1, 2}
    numbers = select(postgres, "select distinct number >> 48, order_id >> 59 from orders order by 1")
    assert numbers == [(0, 0), (1, 1)]
    in_flight = select(postgres, "select account, amount_atoms from moves where arrived is null order by account")
    assert in_flight == [(account, 7) for account in ACCOUNTS]


def test_an_accounts_balance_is_the_sum_over_shards(valkey: str, postgres: str) -> None:
    home, other = Flow(33, traded=(1,)), Flow(34, shard=1, traded=(2,))
    blocks = funded(home, other)
    with redis.Redis.from_url(valkey) as client, writers(valkey, postgres) as both:
        append(client, blocks)
        for shard, each in enumerate(both):
            each.store(of(blocks, shard))
    held = select(postgres, "select available::text from account_balances where symbol = 'USDC' order by account")
    assert held == [("999999999.999993",)] * TRADERS  # of a thousand million, but for what is in flight
    assert select(postgres, "select shard, available from balances where account = 2 and asset = 2 order by shard") == [
        (0, 10**15 - 10**14),
        (1, 10**14),
    ]


def moved(flow_from: Flow, flow_to: Flow, market: int) -> list[Block]:
    """The market goes from one shard to the other, as `exchange market move` has it."""
    for order in [order for order in flow_from.live.values() if order.market == market]:
        flow_from.end(order, OrderStatus.CANCELLED, EventKind.CANCELLED, Reason.USER)
    flow_from.admin(kind=CommandKind.MARKET_STATE, market=market, code=MarketState.ELSEWHERE)
    left = flow_from.close()
    flow_to.time_ms = max(flow_to.time_ms, left.time_ms + 1)
    for other in flow_to.traded:
        flow_to.place(2, other, 1, 9_000, 1)  # in the same batch as what follows
    before = flow_to.close()
    flow_to.admin(
        kind=CommandKind.MARKET_STATE, market=market, code=MarketState.OPEN, flags=MarketFlag.MOVES_HERE,
        asset=flow_from.shard, d=left.entry.ms, a=flow_from.trade_ids[market],
    )  # fmt: skip
    flow_to.trade_ids[market] = flow_from.trade_ids[market]
    flow_from.traded = tuple(each for each in flow_from.traded if each != market)
    flow_to.traded = (*flow_to.traded, market)
    return [left, before, flow_to.close()]


@pytest.fixture
def to_and_fro() -> list[Block]:
    """Market 2 trades in shard 0, in shard 1 beside market 1, and in shard 0 again; in the order of time."""
    home, other = Flow(35, traded=(2,)), Flow(36, shard=1, traded=(1,))
    blocks = [home.genesis(), other.genesis(), *(home.block() for _ in range(20))]
    blocks += [*moved(home, other, 2), *(other.block() for _ in range(20))]
    return [*blocks, *moved(other, home, 2), *(home.block() for _ in range(20))]


def test_numbers_go_on_where_a_market_moves(valkey: str, postgres: str, to_and_fro: list[Block]) -> None:
    """The writer of the shard that it comes to waits for the other one, and stores what came before meanwhile."""
    home, other = of(to_and_fro, 0), of(to_and_fro, 1)
    with redis.Redis.from_url(valkey) as client, writers(valkey, postgres) as both:
        append(client, to_and_fro)
        with pytest.raises(NotYet, match="market 2 comes from shard 0, whose writer has to store"):
            both[1].store(other)
        assert select(postgres, "select count(*) from orders where account = 2") == [(1,)], "of market 1, before"
        with pytest.raises(NotYet, match="market 2 comes from shard 1"):
            both[0].store(home)
        both[1].store(other[2:])
        last = next(place for place, block in enumerate(home) if block.entry > other[-1].entry)
        both[0].store(home[last:])
    expected = assert_equals_log(postgres, to_and_fro)
    assert_candles_equal_log(postgres, expected)
    assert select(postgres, "select shard from markets where market = 2") == [(0,)]


def test_an_empty_database_is_filled_from_all_logs(valkey: str, postgres: str, to_and_fro: list[Block]) -> None:
    with redis.Redis.from_url(valkey) as client:
        append(client, to_and_fro)
        fill(valkey, postgres, to_and_fro)
        urls = [valkey, valkey]
        assert "it stays as it is" in refill(urls, postgres)
        lost = of(to_and_fro, 0)[-1]
        client.xdel("events:{s0}", str(lost.entry))
        assert "Redis lost its last entries" in refill(urls, postgres)
        kept = [block for block in to_and_fro if block is not lost]
        fill(valkey, postgres, kept)
        assert_candles_equal_log(postgres, assert_equals_log(postgres, kept))


def fill(redis_url: str, database_url: str, blocks: list[Block]) -> None:
    """By writers that take turns, each until it is done or has to wait."""
    left = [count(of(blocks, shard)) for shard in (0, 1)]
    for _ in range(10):
        for shard in (1, 0):
            writer = Writer(redis_url, database_url, shard)
            try:
                while left[shard] > 0:
                    left[shard] -= store_next(writer._store, writer._source, writer._config, Metrics())
            except NotYet:
                pass
            finally:
                writer.close()
    assert left == [0, 0]


def test_times_and_numbers_of_each_shard(valkey: str, postgres: str) -> None:
    home, other = Flow(37, traded=(1,), max_step_ms=5_000), Flow(38, shard=1, traded=(2,), max_step_ms=5_000)
    blocks = funded(home, other) + [flow.block() for _ in range(60) for flow in (home, other)]
    with redis.Redis.from_url(valkey) as client, writers(valkey, postgres) as both:
        append(client, blocks)
        for shard, each in enumerate(both):
            each.store(of(blocks, shard))
    for table, time in (("fills", "time"), ("orders", "created")):
        for shard in (0, 1):
            rows = select(
                postgres,
                f"select number, {time} from {table} where account = 3 and number >> 48 = {shard} order by number",
            )
            assert len(rows) > 10
            for number, moment in (rows[0], rows[7], rows[-1]):
                before = max((n for n, t in rows if t < moment), default=shard << 48)
                asked = f"select {table}_before(3, 0, '{moment}', {shard})"
                assert select(postgres, asked) == [(before,)], (number, table)
