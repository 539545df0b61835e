"""A database that holds more than the log does any more follows it back, if the log can fill it anew."""

from collections.abc import Callable

import psycopg
import pytest
import redis

from persistence.refill import refill
from persistence.source import SourceError
from tests.persistence.blocks import Block, append
from tests.persistence.database import assert_candles_equal_log, assert_equals_log, select
from tests.persistence.flow import Flow
from tests.persistence.test_writer import config, count, store_all
from tests.runtime.rig import NAMES


def assert_refilled(redis_url: str, database_url: str, meanwhile: Callable[[list[Block]], None]) -> None:
    """Ten of forty blocks are lost; other ones come in their place."""
    flow = Flow(6, max_step_ms=900_000)
    blocks = [flow.genesis(), *(flow.block() for _ in range(40))]
    with redis.Redis.from_url(redis_url) as client:
        append(client, blocks)
        store_all(config(redis_url, database_url), count(blocks))
        meanwhile(blocks)
        with psycopg.connect(database_url) as connection:
            connection.execute("insert into users (log_id, name, password) values (1, 'somebody', 'hash')")
        assert "it stays as it is" in refill([redis_url], database_url)
        assert_equals_log(database_url, blocks)
        kept = blocks[:31]
        client.delete(NAMES.events, NAMES.stored)
        append(client, kept)
        assert "Redis lost its last entries" in refill([redis_url], database_url)
        assert select(database_url, "select count(*) from candles") == [(0,)]
        assert refill([redis_url], database_url) == "the database is empty"
        store_all(config(redis_url, database_url), count(kept))
        assert_candles_equal_log(database_url, assert_equals_log(database_url, kept))
        assert select(database_url, "select name from users") == [("somebody",)]


def test_what_redis_lost_is_given_up(valkey: str, postgres: str) -> None:
    assert_refilled(valkey, postgres, lambda blocks: None)


def test_a_trimmed_log_cannot_fill_it_anew(valkey: str, postgres: str) -> None:
    flow = Flow(7)
    blocks = [flow.genesis(), *(flow.block() for _ in range(20))]
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
        store_all(config(valkey, postgres), count(blocks))
        client.delete(NAMES.events)
        append(client, blocks[5:15])
        with pytest.raises(SourceError, match="without the log's GENESIS: it was trimmed"):
            refill([valkey], postgres)
    assert_equals_log(postgres, blocks)
