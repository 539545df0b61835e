"""A PgBouncer that gives each transaction another session: history is read through it, the writer says that it cannot.

PgBouncer is no package of ours to install; where it is not, these tests say so (Debian: apt install pgbouncer).
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg.conninfo import conninfo_to_dict

from engine_core.host.die_with_parent import enter_user_namespace
from engine_core.host.external import ExternalError, check_database
from engine_core.transport.postgres import UnfitDatabase, check_for_writing
from tests.exchange import PATIENCE_SECONDS
from tests.persistence import slow
from tests.persistence.blocks import append
from tests.persistence.flow import Flow
from tests.persistence.test_history import check_orders, check_trades, history
from tests.persistence.test_writer import config, count, store_all
from tests.processes import free_port

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed (apt install pgbouncer)")


@contextmanager
def pgbouncer(folder: Path, url: str, mode: str, *more: str) -> Iterator[str]:
    """The address of the same database through a pool of this mode."""
    assert PGBOUNCER is not None
    server, port = conninfo_to_dict(url), free_port()
    assert server["user"] == "exchange"
    password = Path(str(server["passfile"])).read_text().strip().rpartition(":")[2]
    target = f"host={server['host']} dbname={server['dbname']} user=exchange password={password}"
    settings = (
        *("[databases]", f"pooled = {target}", "[pgbouncer]", "listen_addr = 127.0.0.1", f"listen_port = {port}"),
        *("unix_socket_dir =", "auth_type = any", f"pool_mode = {mode}", "default_pool_size = 5", *more),
        *(f"logfile = {folder / 'pgbouncer.log'}", f"pidfile = {folder / 'pgbouncer.pid'}"),
    )
    file = folder / "pgbouncer.ini"
    file.write_text("\n".join(settings))
    as_root = os.geteuid() == 0  # which it refuses to be, as PostgreSQL does
    process = subprocess.Popen(
        [PGBOUNCER, str(file)], stderr=subprocess.DEVNULL, preexec_fn=enter_user_namespace if as_root else None
    )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline, (folder / "pgbouncer.log").read_text()
                time.sleep(0.05)
        yield f"postgresql://exchange:any@127.0.0.1:{port}/pooled"
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


@needs_pgbouncer
async def test_history_is_read_through_a_transaction_pool(valkey: str, postgres: str, tmp_path: Path) -> None:
    flow = Flow(5)
    blocks = [flow.genesis(), *(flow.block() for _ in range(30))]
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks)
    store_all(config(valkey, postgres), count(blocks))
    expected = slow.tables(blocks)
    with pgbouncer(tmp_path, postgres, "transaction") as url:
        async with history(url, blocks) as reader:
            for _ in range(3):  # more reads than any threshold, on more connections than sessions
                await check_orders(reader, expected, 2, None)
                await check_trades(reader, expected)


@needs_pgbouncer
@pytest.mark.parametrize("more", [(), ("ignore_startup_parameters = options",), ("max_db_connections = 1",)])
def test_the_writer_refuses_a_transaction_pool_by_name(postgres: str, tmp_path: Path, more: tuple[str, ...]) -> None:
    with pgbouncer(tmp_path, postgres, "transaction", "query_wait_timeout = 3", *more) as url:
        with pytest.raises(UnfitDatabase, match="pool_mode"):
            check_for_writing(url)
        with pytest.raises(ExternalError, match="PgBouncer"):
            check_database(url)
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "REDIS_URL": "unix:///nowhere",
            "EXCHANGE_DATA": str(tmp_path),
        }
        writer = subprocess.run(
            [sys.executable, "-m", "persistence"], env=environment, capture_output=True, text=True, timeout=60
        )
    assert writer.returncode == 1 and "pool_mode = session" in writer.stderr and "Traceback" not in writer.stderr


def test_a_server_as_it_should_be_is_taken(postgres: str) -> None:
    check_for_writing(postgres)
    check_database(postgres)


def test_a_server_that_forgets_what_it_confirmed_is_named(postgres: str) -> None:
    name = conninfo_to_dict(postgres)["dbname"]
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"alter database {name} set synchronous_commit = off".encode())
    with pytest.raises(UnfitDatabase, match="synchronous_commit is off"):
        check_for_writing(postgres)
