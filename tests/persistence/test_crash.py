"""The writer dies, its connections die, its servers die: no row is lost or doubled."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from engine_core.host.embedded import Valkey, running
from persistence.projection.rows import make_rows
from persistence.source import EventSource
from persistence.store import Store
from persistence.tables import Table
from tests.exchange import PATIENCE_SECONDS
from tests.persistence.blocks import Block, append
from tests.persistence.database import assert_candles_equal_log, assert_equals_log, select
from tests.persistence.flow import Flow

REPOSITORY = Path(__file__).parents[2]


@contextlib.contextmanager
def writer(redis_url: str, database_url: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The real process."""
    environment = os.environ | {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "EXCHANGE_DATA": str(folder),
        "EXCHANGE_RUNTIME": str(folder),
        "EXCHANGE_CONFIG": str(REPOSITORY / "exchange.toml"),
        "EXCHANGE_WRITER_PAUSE_MS": "0",
    }
    with (folder / "writer.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "persistence"], cwd=REPOSITORY, env=environment, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.005)


def stored_entry(database_url: str) -> tuple[int, int]:
    with contextlib.suppress(psycopg.errors.UndefinedTable):
        found = select(database_url, "select entry_ms, entry_seq from log_position")
        return (found[0][0], found[0][1]) if found else (0, 0)
    return 0, 0


def blocks_of(seed: int, count: int) -> list[Block]:
    flow = Flow(seed)
    return [flow.genesis(), *(flow.block(10) for _ in range(count))]


@pytest.mark.parametrize("step", range(7))
def test_a_crash_at_any_step_of_a_commit(
    valkey: str, postgres: str, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Whatever statement the writer dies after, the batch is stored as a whole later, or was before."""
    blocks = blocks_of(3, 12)
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
    done, crashes = 0, 0
    copy = Table.copy

    def crash_after(table: Table, connection: psycopg.Connection, rows: object) -> None:
        nonlocal done, crashes
        copy(table, connection, rows)  # type: ignore[arg-type]
        done += 1
        if done % 11 == step:
            crashes += 1
            raise psycopg.OperationalError("crash")

    monkeypatch.setattr(Table, "copy", crash_after)
    monkeypatch.setattr("persistence.source._READ_ENTRIES", 2)
    while stored_entry(postgres) != blocks[-1].entry:
        store, source = Store(postgres, 0), EventSource(valkey, 0)
        with contextlib.suppress(psycopg.OperationalError):
            source.check(store.position)
            while batch := source.read(store.position, 1) if store.position.entry != blocks[-1].entry else None:
                store.commit(make_rows(batch.events, batch.times_ms, store.setup, store.books), batch.position)
        store.close()
        source.close()
    assert crashes > 0
    assert_candles_equal_log(postgres, assert_equals_log(postgres, blocks))


def test_the_process_is_killed_again_and_again(valkey: str, postgres: str, tmp_path: Path) -> None:
    """Each life is ended while blocks go on coming; the last one ends when it is told to."""
    blocks = blocks_of(4, 300)
    with redis.Redis.from_url(valkey) as client:
        for life in range(3):
            mine = blocks[100 * life : 100 * life + 100]
            with writer(valkey, postgres, tmp_path) as process:
                append(client, mine[:10])
                wait_until(lambda goal=mine[9].entry: stored_entry(postgres) >= goal, "the first blocks")  # type: ignore[misc]
                for block in mine[10:60]:
                    append(client, [block])
                process.send_signal(signal.SIGKILL)
                process.wait()
            append(client, mine[60:])
        append(client, blocks[300:])
        assert stored_entry(postgres) < blocks[-1].entry
        with writer(valkey, postgres, tmp_path) as process:
            wait_until(lambda: stored_entry(postgres) == blocks[-1].entry, "the rest")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_SECONDS) == 0
    assert (tmp_path / "writer.log").read_text().count("storing events after") == 4
    assert_candles_equal_log(postgres, assert_equals_log(postgres, blocks))


def test_database_and_redis_go_away(postgres: str, runtime: Path, tmp_path: Path) -> None:
    blocks = blocks_of(5, 60)
    end_connections = (
        "select pg_terminate_backend(pid, 60000) from pg_stat_activity "
        "where application_name = 'exchange writer' and datname = current_database()"
    )
    server = Valkey(tmp_path, runtime)
    with contextlib.ExitStack() as processes:
        for part in range(3):
            with running(server, tmp_path / "valkey.log") as url, redis.Redis.from_url(url) as client:
                if part == 0:
                    processes.enter_context(writer(url, postgres, tmp_path))
                append(client, blocks[20 * part : 20 * part + 10])
                wait_until(lambda end=blocks[20 * part + 9].entry: stored_entry(postgres) == end, "half")  # type: ignore[misc]
                select(postgres, end_connections)
                append(client, blocks[20 * part + 10 : 20 * part + 20])
                wait_until(lambda end=blocks[20 * part + 19].entry: stored_entry(postgres) == end, "the rest")  # type: ignore[misc]
    assert_equals_log(postgres, blocks[:60])
    log = (tmp_path / "writer.log").read_text()
    assert log.count("waiting: ") >= 4 and "Traceback" not in log
