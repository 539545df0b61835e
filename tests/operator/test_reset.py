"""`exchange reset` deletes an exchange, and nothing that is somebody else's.

That nothing is left of one that ran: tests/end_to_end/test_recovery.py.
"""

import secrets
import subprocess
from pathlib import Path

import pytest

from engine_core.config.settings import runtime_folder
from engine_core.host.embedded import EmbeddedError, Postgres
from tests.operator.test_cli import exchange

MINE = ("notes.txt", "logs/mine.txt", "postgres/mine.txt", "valkey/mine.txt", "snapshots/mine.txt", "archive/mine.txt")


def reset(data: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return exchange("reset", "--data", str(data), *options)


def write(data: Path, *names: str) -> list[Path]:
    for path in (paths := [data / name for name in names]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n")
    return paths


def files(data: Path) -> set[str]:
    return {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}


@pytest.mark.parametrize("others", [(), ("lock",), ("configuration", "run.json", "profile"), ("session-secret",)])
def test_a_folder_that_never_was_an_exchanges_is_refused(tmp_path: Path, others: tuple[str, ...]) -> None:
    write(tmp_path, *MINE, "logs/engine.log", *others)
    before = files(tmp_path)
    done = reset(tmp_path, "--yes")
    assert done.returncode == 1 and "is not the data folder of an exchange" in done.stderr, done
    assert "Traceback" not in done.stderr and files(tmp_path) == before


@pytest.mark.parametrize("there", [True, False])
def test_of_nothing_there_is_nothing_to_delete(tmp_path: Path, there: bool) -> None:
    data = tmp_path if there else tmp_path / "none"
    done = reset(data, "--yes")
    assert done.returncode == 0 and "nothing to delete" in done.stdout and data.exists() == there


def test_it_says_what_goes_asks_and_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "session-secret").write_text(secrets.token_hex(32) + "\n")
    write(tmp_path, *MINE, "logs/engine.log", "logs/ingress.1.log", "logs/engine.log.1", "engine-0.entry", "lock")
    write(tmp_path, "valkey/appendonlydir/appendonly.aof.1.incr.aof", "postgres/PG_VERSION", "postgres/base/1/112")
    write(tmp_path, "snapshots/0-1790000000000-0.snapshot", "snapshots/lost-0-1790000000000-0.snapshot")
    before = files(tmp_path)
    asked = reset(tmp_path)
    assert asked.returncode == 1 and "nothing was deleted" in asked.stderr and files(tmp_path) == before
    for name in ("valkey/ (1 in it)", "postgres/ (2 in it)", "logs/ (3 in it)", "session-secret", "engine-0.entry"):
        assert name in asked.stdout
    done = reset(tmp_path, "--yes")
    assert done.returncode == 0 and files(tmp_path) == set(MINE), done


def test_a_folder_that_is_linked_in_is_emptied_and_stays(tmp_path: Path) -> None:
    data, disk = tmp_path / "data", tmp_path / "disk"
    write(disk, "PG_VERSION", "mine.txt")
    data.mkdir()
    (data / "postgres").symlink_to(disk)
    (data / "session-secret").write_text(secrets.token_hex(32) + "\n")
    assert reset(data, "--yes").returncode == 0
    assert files(disk) == {"mine.txt"} and (data / "postgres").is_symlink()


def test_a_start_leaves_a_postgres_folder_of_somebody_else_alone(tmp_path: Path) -> None:
    database = Postgres(tmp_path / "data", runtime_folder(tmp_path / "data"))
    (mine,) = write(database.folder, "mine.txt")  # for root without namespaces it is not in the data folder
    with pytest.raises(EmbeddedError, match=r"holds mine\.txt, which is not PostgreSQL's"):
        database.prepare()
    assert mine.read_text() == "x\n"
