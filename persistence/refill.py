"""`python -m persistence.refill`: when Redis has lost the end of the log for good, the database follows it back.

    database  … 41 42 43 44              emptied: the writer then fills it again, from a log that begins with GENESIS
    log       … 41 42                    refused: the log was trimmed, and cannot fill it again

A database that fits the log is left as it is. Users and requests for withdrawals are not from the log and stay.
"""

import argparse
import os
import sys

import psycopg
import redis
from psycopg import sql

from engine_core.wire.intervals import INTERVALS
from engine_core.wire.streams import ORIGIN
from persistence.migrate import SchemaError, Variant
from persistence.source import EventSource, SourceError
from persistence.store import Position, Store

FROM_THE_LOG = (
    *("log_position", "assets", "markets", "fees", "accounts", "balances", "deposits", "withdrawals"),
    *("orders", "trades", "fills", "api_keys"),
)


def refill(redis_url: str, database_url: str, shard: int = 0) -> str:
    """What was done. SourceError if the database holds more than the log, which cannot fill it again."""
    source = EventSource(redis_url, shard)
    store = Store(database_url, shard, source.check_behaviour)
    try:
        position, variant = store.position, store.variant
        store.close()
        if position.entry == ORIGIN:
            return "the database is empty"
        try:
            source.check(position)
            return f"the database ends at {position.entry} of the log: it stays as it is"
        except SourceError as error:
            why = str(error)
        source.check(Position())
    finally:
        store.close()
        source.close()
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
        print(refill(os.environ["REDIS_URL"], os.environ["DATABASE_URL"]))
    except (SourceError, SchemaError, psycopg.Error, redis.RedisError) as error:
        print(f"the database cannot be filled again: {str(error).strip()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
