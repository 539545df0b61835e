"""The writer: event log in, tables out, each event exactly once.

    connect database ─▶ position ─▶ connect log ─▶ check ─▶ read ─▶ rows ─▶ one transaction ─▶ read ...
          ▲                                                                        │
          └──────────── any lost connection: begin again from what is stored ◀─────┘

With little to do it stores at once what came after a quiet moment and then pauses, so that a trickle of events costs
few transactions. What storing takes is part of the pause: under load there is none, as the next events have come
meanwhile. A backlog is stored in batches of megabytes.
"""

import logging
import time
from collections.abc import Callable
from contextlib import closing, suppress

import psycopg
import redis

from engine_core.transport.postgres import check_for_writing, why_not_now
from persistence.config import WriterConfig
from persistence.metrics import Metrics
from persistence.migrate import SchemaError
from persistence.projection.rows import make_rows
from persistence.source import EventSource, SourceError
from persistence.store import NotYet, Store, StoreError

log = logging.getLogger(__name__)

_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.1, 2.0
# Whatever the database refuses: it may be read-only, full, or in the middle of somebody's maintenance. If that is a
# mistake of our own nothing is skipped either; who reads the log is told where it was made.
_EXPECTED = (psycopg.Error, redis.RedisError, SourceError, StoreError, SchemaError)


def run(config: WriterConfig, ready: Callable[[], None], metrics: Metrics | None = None) -> None:
    """Until the process is stopped. `ready` is called once database and log are there and fit together.

    UnfitDatabase, if that is what it is: waiting would not make it another one.
    """
    metrics = metrics or Metrics()
    retry_s, complaint = _FIRST_RETRY_S, ""
    while True:
        try:
            check_for_writing(config.database_url)
            source = EventSource(config.redis_url, config.shard)
            try:
                store = Store(config.database_url, config.shard, source.check_behaviour)
                try:
                    source.check(store.position)
                    log.info("storing events after %s", store.position.entry)
                    metrics.waiting("")
                    ready()
                    retry_s, complaint = _FIRST_RETRY_S, ""
                    while True:
                        store_next(store, source, config, metrics)
                finally:
                    store.close()
            finally:
                source.close()
        except _EXPECTED as error:
            if str(error) != complaint:
                complaint = str(error)
                level = logging.INFO if isinstance(error, NotYet) else logging.ERROR
                log.log(level, "waiting: %s", complaint.strip(), exc_info=_is_our_own(error))
            metrics.waiting(complaint.strip())
            _look(config, metrics)
            time.sleep(retry_s)
            retry_s = min(2 * retry_s, _LONGEST_RETRY_S)


def _look(config: WriterConfig, metrics: Metrics) -> None:
    """What waits in the log, while nothing can be stored: how long it has, is what an alert goes by. Another writer may
    have stored it meanwhile."""
    with suppress(redis.RedisError, SourceError), closing(EventSource(config.redis_url, config.shard)) as source:
        metrics.unstored(source.unstored_ms())


def _is_our_own(error: Exception) -> bool:
    return isinstance(error, psycopg.Error) and not why_not_now(error)


def store_next(store: Store, source: EventSource, config: WriterConfig, metrics: Metrics) -> int:
    """Store the next batch, then pause if it was little and quickly done. Returns the number of events."""
    batch = source.read(store.position, config.batch_bytes)
    if batch is None:
        metrics.idle()
        return 0
    metrics.unstored(batch.times_ms)
    for arrival in batch.arrivals:
        store.begin(arrival)
    began = time.perf_counter()
    store.commit(make_rows(batch.events, batch.times_ms, store.setup, store.books), batch.position)
    metrics.stored(batch, time.perf_counter() - began)
    source.tell_stored(batch)
    left = config.pause_ms / 1000 - (time.perf_counter() - began)
    if not batch.is_full and left > 0:
        time.sleep(left)
    return len(batch.events)
