"""The writer against a real Valkey and a real PostgreSQL: its tables equal what the log says, row for row."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import psycopg
import pytest
import redis

from engine_core.wire.codes import CommandKind
from engine_core.wire.intervals import INTERVALS
from engine_core.wire.layout import EVENT, join
from persistence.config import WriterConfig
from persistence.metrics import Metrics
from persistence.migrate import Variant, migrations
from persistence.projection.balances import FeeBalances
from persistence.projection.definitions import Setup
from persistence.projection.numbering import Numbering
from persistence.projection.rows import Books, Rows, make_rows
from persistence.source import Batch, EventSource, SourceError
from persistence.store import Position, Store, StoreError
from persistence.writer import store_next
from tests.persistence.blocks import Block, append
from tests.persistence.database import assert_candles_equal_log, assert_equals_log, select
from tests.persistence.flow import Flow
from tests.persistence.slow import moment


def config(redis_url: str, database_url: str, batch_bytes: int = 2**20) -> WriterConfig:
    return WriterConfig(redis_url, database_url, pause_ms=0, batch_bytes=batch_bytes)


def store_all(settings: WriterConfig, events: int) -> None:
    """Run the writer's loop until it has stored that many events."""
    store, source = Store(settings.database_url, 0), EventSource(settings.redis_url, 0)
    try:
        source.check(store.position)
        while events > 0:
            events -= store_next(store, source, settings, Metrics())
    finally:
        source.close()
        store.close()
    assert events == 0


@pytest.mark.parametrize(
    ("took_s", "is_full", "pauses"),
    [(0.0, False, [0.25]), (0.125, False, [0.125]), (0.25, False, []), (1.0, False, []), (0.0, True, [])],
)
def test_the_pause_begins_with_storing(
    monkeypatch: pytest.MonkeyPatch, took_s: float, is_full: bool, pauses: list[float]
) -> None:
    """So there is none while events come as fast as they are stored."""
    clock, slept = [0.0], list[float]()

    class Idle:
        position, setup = Position(), Setup()
        books = Books(Numbering(lambda pairs: []), Numbering(lambda pairs: []), FeeBalances(lambda asset: 0), 0, 0)

        def read(self, position: Position, max_bytes: int) -> Batch:
            return Batch(np.zeros(0, EVENT), np.zeros(0, np.int64), position, [], [], is_full)

        def commit(self, rows: Rows, position: Position) -> None:
            clock[0] += took_s

        def tell_stored(self, batch: Batch) -> None:
            pass

    monkeypatch.setattr("persistence.writer.time", SimpleNamespace(perf_counter=lambda: clock[0], sleep=slept.append))
    store_next(cast(Store, Idle()), cast(EventSource, Idle()), WriterConfig("", ""), Metrics())
    assert slept == pauses


def count(blocks: list[Block]) -> int:
    return sum(len(block.records) for block in blocks)


@pytest.mark.parametrize(
    ("seed", "batch_bytes", "max_step_ms"),
    [(1, 1, 40), (2, 30_000, 900_000), (3, 2**24, 40), (4, 2**24, 40_000_000)],
)
def test_tables_equal_the_log(valkey: str, postgres: str, seed: int, batch_bytes: int, max_step_ms: int) -> None:
    flow = Flow(seed, max_step_ms)
    blocks = [flow.genesis(), *(flow.block() for _ in range(120))]
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks[:70])
        store_all(config(valkey, postgres, batch_bytes), count(blocks[:70]))
        assert_equals_log(postgres, blocks[:70])
        append(client, blocks[70:])
    store_all(config(valkey, postgres, batch_bytes), count(blocks[70:]))
    expected = assert_equals_log(postgres, blocks)
    assert_candles_equal_log(postgres, expected)
    assert len(expected.trades) > 300 and expected.balances[1, 1, 0][0] > 0
    stored = {(account, asset): [a, b] for account, asset, a, b, _ in select(postgres, "select * from balances")}
    assert stored == {key: value for key, value in flow.balances.items() if key in stored}


def test_views_give_decimals_and_names(valkey: str, postgres: str) -> None:
    flow = Flow()
    blocks = [flow.genesis()]
    maker = flow.place(2, 1, 2, 10_050, 150)
    taker = flow.place(3, 1, 1, 10_050, 150, client_id=7, flags=2)
    flow.trade(maker, taker, 150)
    blocks.append(flow.close())
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
    store_all(config(valkey, postgres), count(blocks))

    def texts(query: str) -> list[list[str]]:
        return [[str(value) for value in row] for row in select(postgres, query)]

    assert texts("select symbol, price, quantity, quote_quantity, is_buyer_maker, trade_id from trade_created") == [
        ["SOL_USDC", "100.5", "1.5", "150.75", "False", "1"]
    ]
    assert texts(
        "select client_id, side, status, time_in_force, price, reason from order_states order by order_id"
    ) == [
        ["None", "Ask", "Filled", "GTC", "100.5", "None"],
        ["7", "Bid", "Filled", "GTC", "100.5", "None"],
    ]
    assert texts("select symbol, is_maker, fee, fee_symbol from fill_details order by account") == [
        ["SOL_USDC", "True", "0.03015", "USDC"],
        ["SOL_USDC", "False", "0.00075", "SOL"],
    ]
    assert texts("select available, locked from account_balances where account = 1 order by symbol") == [
        ["0.00075", "0"],
        ["0.03015", "0"],
    ]
    assert texts("select interval, open, volume, quote_volume, trades from klines where interval = '1month'") == [
        ["1month", "100.5", "1.5", "150.75", "1"]
    ]
    for name in INTERVALS:
        assert texts(f"select symbol, open, high, low, close, volume, quote_volume, trades from candles_{name}") == [
            ["SOL_USDC", *4 * ["100.5"], "1.5", "150.75", "1"]
        ]


def test_odd_definitions_do_not_stop_the_writer(valkey: str, postgres: str) -> None:
    """Two assets of one name, any bytes for it, and a tick that no decimal can write, as an older log may hold."""
    flow = Flow()
    blocks = [flow.genesis()]
    flow.admin(kind=CommandKind.ASSET, asset=4, symbol=b"SOL", decimals=0)
    flow.admin(kind=CommandKind.ASSET, asset=5, symbol=b"\xff\x00\xe2X", decimals=9)
    flow.admin(kind=CommandKind.MARKET, market=3, asset=4, quote_asset=5, code=1, a=3, b=1, c=1, d=5)
    flow.admin(kind=CommandKind.MARKET, market=4, asset=2, quote_asset=1, code=1, a=10_000_000, b=100, c=1, d=5)
    blocks.append(flow.close())
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
    store_all(config(valkey, postgres), count(blocks))
    found = select(postgres, "select symbol, tick_size::text, lot_size::text from markets order by market offset 2")
    assert found == [("SOL_\\xff\\0\\xe2X", "0.000000000333333333333333333333", "3"), ("SOL_USDC", "0.01", "0.01")]


def test_sums_beyond_64_bits(valkey: str, postgres: str) -> None:
    flow = Flow()
    blocks = [flow.genesis()]
    for turn in range(6):  # the money goes to and fro
        maker = flow.place(2, 2, 1 + turn % 2, 2**30, 2**31 - 1)
        flow.trade(maker, flow.place(3, 2, 2 - turn % 2, 2**30, 2**31 - 1), 2**31 - 1)
        blocks.append(flow.close())
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
    store_all(config(valkey, postgres), count(blocks))
    total = sum(int(row[0]) for row in select(postgres, "select quote_atoms from candles where interval = 16"))
    assert total == 6 * 2**30 * (2**31 - 1) > 2**63


def test_an_empty_database_and_an_empty_log(valkey: str, postgres: str) -> None:
    store, source = Store(postgres, 0), EventSource(valkey, 0)
    source.check(store.position)
    store.close()
    again = Store(postgres, 0)  # the schema is there already: nothing runs twice
    assert again.position == store.position and again.variant is Variant.PLAIN
    assert select(postgres, "select version from schema_version order by version") == [
        (migration.version,) for migration in migrations(Variant.PLAIN)
    ]
    again.close()
    source.close()
    assert_equals_log(postgres, [])


def test_of_two_writers_one_commits(valkey: str, postgres: str) -> None:
    flow = Flow()
    blocks = [flow.genesis(), *(flow.block() for _ in range(5))]
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
    settings = config(valkey, postgres)
    slow_one, source = Store(postgres, 0), EventSource(valkey, 0)
    batch = source.read(slow_one.position, settings.batch_bytes)
    assert batch is not None
    store_all(settings, count(blocks))
    with pytest.raises(StoreError, match="another writer"):
        slow_one.commit(make_rows(batch.events, batch.times_ms, slow_one.setup, slow_one.books), batch.position)
    slow_one.close()
    source.close()
    assert_equals_log(postgres, blocks)


def test_an_accounts_rows_stand_side_by_side() -> None:
    """In the order of their numbers; so they go into the same pages of each index."""
    flow = Flow(1)
    blocks = [flow.genesis(), *(flow.block() for _ in range(60))]
    events = join([block.records for block in blocks])
    times_ms = np.repeat([block.time_ms for block in blocks], [len(block.records) for block in blocks])

    def numbering() -> Numbering:
        return Numbering(lambda pairs: [0] * len(pairs))

    books = Books(numbering(), numbering(), FeeBalances(lambda asset: 0), 0, 0)
    rows = make_rows(events, times_ms, Setup(), books)
    for table in (rows.fills, rows.new_orders):
        found = list(zip(table["account"].tolist(), table["number"].tolist(), strict=True))
        assert len(found) > 50 and len(set(table["account"].tolist())) > 1 and found == sorted(found)


def test_a_database_changed_by_hand_stops_the_writer(valkey: str, postgres: str) -> None:
    flow = Flow()
    blocks = [flow.genesis()]
    order = flow.place(2, 1, 1, 100, 5)
    blocks.append(flow.close())
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
        store_all(config(valkey, postgres), count(blocks))
        store = Store(postgres, 0)
        store._connection.execute("delete from orders")
        flow.end(order, 4, 4, 80)
        append(client, [flow.close()])
    source = EventSource(valkey, 0)
    with pytest.raises(StoreError, match="1 orders of the log are missing"):
        store_next(store, source, config(valkey, postgres), Metrics())
    store.close()
    source.close()


def check(redis_url: str, database_url: str) -> None:
    store, source = Store(database_url, 0), EventSource(redis_url, 0)
    try:
        source.check(store.position)
        source.read(store.position, 2**20)
    finally:
        source.close()
        store.close()


def test_logs_that_lie_are_named(valkey: str, postgres: str) -> None:
    flow = Flow()
    blocks = [flow.genesis(), *(flow.block() for _ in range(5))]
    stream = "events:{s0}"
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks[1:])
        with pytest.raises(SourceError, match="without the log's GENESIS"):
            check(valkey, postgres)
        client.delete(stream)
        append(client, blocks)
        store_all(config(valkey, postgres), count(blocks))
        client.delete(stream)
        with pytest.raises(SourceError, match=r"events:\{s0\} is empty"):
            check(valkey, postgres)
        append(client, blocks[:3])
        with pytest.raises(SourceError, match="Redis lost its last entries"):
            check(valkey, postgres)
        other = Flow(seed=9)
        append(client, [Block(old.entry, old.time_ms, other.genesis().records) for old in blocks[3:]])
        with pytest.raises(SourceError, match="went back in time"):
            check(valkey, postgres)
        client.delete(stream)
        append(client, blocks, log_id=78)
        with pytest.raises(SourceError, match="is log 78: one of the two is foreign"):
            check(valkey, postgres)
        client.delete(stream)
        append(client, [flow.block()])
        with pytest.raises(SourceError, match="trimmed too far"):
            check(valkey, postgres)
        client.delete(stream)
        append(client, blocks)
        client.xadd(stream, {"b": b"\0" * 80})
        with pytest.raises(SourceError, match="is damaged"):
            check(valkey, postgres)
    assert_equals_log(postgres, blocks)


def test_a_database_of_before_stores_keys_from_now_on(
    valkey: str, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow, public_keys = Flow(), [np.full(32, number, np.uint8) for number in (7, 8)]
    blocks = [flow.genesis()]
    known = migrations(Variant.PLAIN)
    keys = next(each for each in known if "keys" in each.name)
    before = [replace(each, text="select 1") if each is keys else each for each in known]
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
        monkeypatch.setattr("persistence.migrate.migrations", lambda variant: before)
        store_all(config(valkey, postgres), count(blocks))
        with psycopg.connect(postgres) as connection:
            connection.execute(keys.text.encode())
        # The first key's command is of before, and was never stored: it has no row, and its end is none either.
        flow.admin(kind=CommandKind.KEY_REVOKE, account=2, public_key=public_keys[0])
        flow.admin(kind=CommandKind.KEY, account=2, code=3, public_key=public_keys[1])
        more = [flow.close()]
        append(client, more)
    store_all(config(valkey, postgres), count(more))
    found = select(postgres, "select public_key, account, permissions, created, revoked from api_keys")
    assert found == [(public_keys[1].tobytes(), 2, 3, moment(more[0].time_ms), None)]


def test_a_database_of_before_gets_the_candle_views_with_its_rows(
    valkey: str, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = Flow()
    blocks = [flow.genesis()]
    flow.trade(flow.place(2, 1, 2, 10_050, 150), flow.place(3, 1, 1, 10_050, 150), 150)
    blocks.append(flow.close())
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
    known = migrations(Variant.PLAIN)
    views = next(each for each in known if "candle_views" in each.name)
    without = [replace(each, text="select 1") if each is views else each for each in known]
    monkeypatch.setattr("persistence.migrate.migrations", lambda variant: without)
    store_all(config(valkey, postgres), count(blocks))
    assert select(postgres, "select market, open_ticks from candles_1m") == [(1, 10_050)]
    with psycopg.connect(postgres) as connection:
        connection.execute(views.text.encode())
    found = select(postgres, "select symbol, open::text, volume::text, quote_volume::text from candles_1m")
    assert found == [("SOL_USDC", "100.5", "1.5", "150.75")]
