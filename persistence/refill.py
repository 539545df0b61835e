"""`python -m persistence.refill`: when Redis has lost the end of the log for good, the database follows it back.

    database  … 41 42 43 44              emptied: the writer then fills it again, from a log that begins with GENESIS
    log       … 41 42                    refused: the log was trimmed, and cannot fill it again

Where there are several shards, each has a log: the database fits if it fits all of them, and all of them fill it.
A database that fits is left as it is. Users and requests for withdrawals are not from a log and stay.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack

import psycopg
import redis
from psycopg import sql

from engine_core.config.redis_url import to_shard
from engine_core.config.shards import shards_of
from engine_core.config.toml_section import ConfigError
from engine_core.wire.intervals import INTERVALS
from engine_core.wire.streams import ORIGIN
from persistence.migrate import SchemaError, Variant
from persistence.source import EventSource, SourceError
from persistence.store import Position, Store

FROM_THE_LOG = (
    *("log_position", "assets", "markets", "fees", "accounts", "balances", "deposits", "withdrawals"),
    *("orders", "trades", "fills", "moves", "api_keys"),
)


def refill(redis_urls: Sequence[str], database_url: str) -> str:
    """What was done. SourceError if the database holds more than the logs, and one of them cannot fill it again.

    `redis_urls`: of the log of each shard."""
    with ExitStack() as stack:
        sources = [EventSource(url, shard) for shard, url in enumerate(redis_urls)]
        for source in sources:
            stack.callback(source.close)
        positions = []
        for shard, source in enumerate(sources):
            store = Store(database_url, shard, source.check_behaviour)
            stack.callback(store.close)
            positions.append(store.position)
            variant = store.variant
        if all(position.entry == ORIGIN for position in positions):
            return "the database is empty"
        ends = " and ".join(str(position.entry) for position in positions)
        try:
            for source, position in zip(sources, positions, strict=True):
                source.check(position)
            return f"the database ends at {ends} of the log: it stays as it is"
        except SourceError as error:
            why = str(error)
        for source in sources:
            source.check(Position())
    _empty(database_url, variant)
    return f"{why}; it is empty now, and the writer fills it again from the log"


def _empty(database_url: str, variant: Variant) -> None:
    tables = (*FROM_THE_LOG, "candles") if variant is Variant.PLAIN else FROM_THE_LOG
    names = sql.SQL(", ").join(map(sql.Identifier, tables))
    with psycopg.connect(database_url, autocommit=True, connect_timeout=5, prepare_threshold=None) as connection:
        connection.execute(sql.SQL("truncate {}").format(names))
        if variant is Variant.TIMESCALE:
            for name in INTERVALS:  # and forget how far they were materialised, or what comes again stays out of sight
                connection.execute(sql.SQL("truncate {}").format(sql.Identifier(f"candle_rows_{name}")))


def main() -> int:
    argparse.ArgumentParser(prog="python -m persistence.refill", description=__doc__).parse_args()
    try:
        url, shards = os.environ["REDIS_URL"], shards_of(os.environ)
        urls = [url] if shards == 1 else [to_shard(url, shard) for shard in range(shards)]
        print(refill(urls, os.environ["DATABASE_URL"]))
    except (ConfigError, SourceError, SchemaError, psycopg.Error, redis.RedisError) as error:
        print(f"the database cannot be filled again: {str(error).strip()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
