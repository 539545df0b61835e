"""Database and log are restored apart from each other, or the database refuses: nothing is skipped, nothing doubled."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from engine_core.transport.backlog import parse_stored
from tests.persistence.blocks import append
from tests.persistence.database import assert_candles_equal_log, assert_equals_log, select
from tests.persistence.flow import Flow
from tests.persistence.test_crash import blocks_of, stored_entry, wait_until, writer
from tests.runtime.rig import NAMES


@contextlib.contextmanager
def copy_of(database_url: str) -> Iterator[str]:
    """The database as it is now, under another name; nobody may be connected."""
    name = database_url.split("@/")[1].split("?")[0]
    server = database_url.replace(f"@/{name}?", "@/postgres?")
    others = f"select pid from pg_stat_activity where datname = '{name}'"
    wait_until(lambda: not select(server, others), "those to go that were connected")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}_copy template {name}".encode())
    yield database_url.replace(f"@/{name}?", f"@/{name}_copy?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database {name}_copy with (force)".encode())


def says(folder: Path, process: subprocess.Popen[bytes], what: str) -> None:
    wait_until(lambda: what in (folder / "writer.log").read_text(), f"the writer to say {what!r}")
    assert process.poll() is None, "it waits until somebody mends it"


def test_an_older_copy_of_the_database_follows_the_log(valkey: str, postgres: str, tmp_path: Path) -> None:
    """It goes on from its own place; what was trimmed meanwhile is named, and there is no going on without it."""
    blocks = blocks_of(11, 40)
    with redis.Redis.from_url(valkey) as client, contextlib.ExitStack() as databases:
        append(client, blocks[:20])
        with writer(valkey, postgres, tmp_path):
            wait_until(lambda: stored_entry(postgres) == blocks[19].entry, "the first half")
        older = databases.enter_context(copy_of(postgres))
        append(client, blocks[20:])
        with writer(valkey, postgres, tmp_path):
            wait_until(lambda: stored_entry(postgres) == blocks[-1].entry, "all")
        client.xtrim(NAMES.events, minid=str(blocks[30].entry), approximate=False)
        with writer(valkey, older, tmp_path) as process:
            says(
                tmp_path,
                process,
                f"begins at {blocks[30].entry}: it was trimmed too far; restore a copy of the database",
            )
            assert_equals_log(older, blocks[:20])
            told = parse_stored(client.get(NAMES.stored))
            assert told is not None and told.entry == blocks[-1].entry
            client.delete(NAMES.events)
            append(client, blocks)
            wait_until(lambda: stored_entry(older) == blocks[-1].entry, "what was missing")
            assert_candles_equal_log(older, assert_equals_log(older, blocks))
            told = parse_stored(client.get(NAMES.stored))
            assert told is not None and (told.entry, told.entries) == (blocks[-1].entry, len(blocks))


def test_an_older_copy_of_the_log_is_named(valkey: str, postgres: str, tmp_path: Path) -> None:
    """Shorter than the database, then grown beyond it with other events, then whole again."""
    blocks, flow = blocks_of(12, 40), Flow(13)
    other = [flow.genesis(), *(flow.block(10) for _ in range(60))]
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
        with writer(valkey, postgres, tmp_path):
            wait_until(lambda: stored_entry(postgres) == blocks[-1].entry, "all")
        kept = blocks[:30]
        client.delete(NAMES.events)
        append(client, kept)
        with writer(valkey, postgres, tmp_path) as process:
            says(
                tmp_path, process, f"ends at {kept[-1].entry}: Redis lost its last entries; restore the log from a copy"
            )
            grown = [block for block in other if block.entry > kept[-1].entry]
            assert grown[-1].entry > blocks[-1].entry, "it has grown beyond"
            append(client, grown)
            says(
                tmp_path,
                process,
                "has no such entry: this is another log, or a part of it; restore the log from a copy",
            )
            assert_equals_log(postgres, blocks)
            client.delete(NAMES.events)
            append(client, blocks)
            flowed = Flow(12)
            whole = [flowed.genesis(), *(flowed.block(10) for _ in range(50))]
            append(client, whole[41:])
            wait_until(lambda: stored_entry(postgres) == whole[-1].entry, "the rest")
            assert_candles_equal_log(postgres, assert_equals_log(postgres, whole))


FULL = """
    create function full_disk() returns trigger language plpgsql as $$
    begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$;
    create trigger full_disk before insert on {table} execute function full_disk()"""


@pytest.mark.parametrize("table", ["trades", "balances"])
def test_a_full_database_waits_and_goes_on(valkey: str, postgres: str, tmp_path: Path, table: str) -> None:
    """Full for the first statement or for the last: nothing of a batch is kept until all of it is."""
    blocks = blocks_of(14, 40)
    with redis.Redis.from_url(valkey) as client, writer(valkey, postgres, tmp_path) as process:
        append(client, blocks[:20])
        wait_until(lambda: stored_entry(postgres) == blocks[19].entry, "the first half")
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(FULL.format(table=table).encode())
            append(client, blocks[20:])
            says(tmp_path, process, "waiting: could not extend file: No space left on device")
            assert_equals_log(postgres, blocks[:20])
            connection.execute(f"drop trigger full_disk on {table}".encode())
        wait_until(lambda: stored_entry(postgres) == blocks[-1].entry, "the rest")
    assert_candles_equal_log(postgres, assert_equals_log(postgres, blocks))


@pytest.mark.parametrize(
    ("refuse", "said", "allow"),
    [
        (
            "alter database {name} set default_transaction_read_only = on",
            "read-only transaction",
            "alter database {name} reset default_transaction_read_only",
        ),
        ("alter table trades rename to elsewhere", "does not exist", "alter table elsewhere rename to trades"),
    ],
)
def test_a_database_that_refuses_is_waited_for(
    valkey: str, postgres: str, tmp_path: Path, refuse: str, said: str, allow: str
) -> None:
    """As after a fail-over to a replica, or in the middle of somebody's maintenance."""
    blocks = blocks_of(15, 40)
    name = select(postgres, "select current_database()")[0][0]
    end = "select pg_terminate_backend(pid, 60000) from pg_stat_activity where application_name = 'exchange writer'"
    with redis.Redis.from_url(valkey) as client, writer(valkey, postgres, tmp_path) as process:
        append(client, blocks[:20])
        wait_until(lambda: stored_entry(postgres) == blocks[19].entry, "the first half")
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(refuse.format(name=name).encode())
            connection.execute(f"{end} and datname = current_database()".encode())
            append(client, blocks[20:])
            says(tmp_path, process, said)
            connection.execute("set default_transaction_read_only = off")
            connection.execute(allow.format(name=name).encode())
        wait_until(lambda: stored_entry(postgres) == blocks[-1].entry, "the rest")
    assert_candles_equal_log(postgres, assert_equals_log(postgres, blocks))
    assert "Traceback" not in (tmp_path / "writer.log").read_text()
