"""Brings the database to this code's schema: the numbered files of schema/, each once, each in its own transaction.

A file `NNNN_name.sql` is for every database; of `NNNN_name.plain.sql` and `NNNN_name.timescale.sql` the one is run that
fits. Which of the two a database is gets decided once, when it is empty, and is kept.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

from psycopg import Connection

from engine_core.edge import spelling
from engine_core.wire.codes import Reason
from engine_core.wire.intervals import INTERVALS

log = logging.getLogger(__name__)

_FILE = re.compile(r"(\d{4})_\w+?(?:\.(plain|timescale))?\.sql")
_LOCK = 0x45584348  # advisory lock of migrations: several writers may start at once


class Variant(StrEnum):
    PLAIN = "plain"
    TIMESCALE = "timescale"


class SchemaError(Exception):
    """The database cannot be used by this code; the message says why."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    text: str


def migrate(connection: Connection, check: Callable[[], None] = lambda: None) -> Variant:
    """Run what is missing; safe to call by many processes at once. The connection must be in autocommit mode.

    `check` is called before a schema that is there is changed, which the code before cannot use any more then.
    """
    connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
    try:
        connection.execute(
            "create table if not exists schema_version (version integer primary key, name text not null, "
            "variant text not null, applied timestamptz not null default now())"
        )
        done = connection.execute("select version, variant from schema_version order by version").fetchall()
        variant = Variant(done[0][1]) if done else _choose_variant(connection)
        known = migrations(variant)
        newest = done[-1][0] if done else 0
        if newest > known[-1].version:
            raise SchemaError(
                f"the database has schema version {newest}, this code knows up to {known[-1].version}: "
                "use the newer release, or another database"
            )
        if done and len(done) < len(known):
            check()
        for migration in known[len(done) :]:
            log.info("database: %s", migration.name)
            with connection.transaction():
                connection.execute(migration.text.encode())
                connection.execute(
                    "insert into schema_version (version, name, variant) values (%s, %s, %s)",
                    (migration.version, migration.name, variant.value),
                )
        _write_codes(connection)
        return variant
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock(%s)", (_LOCK,))


def migrations(variant: Variant) -> list[Migration]:
    found: dict[int, Migration] = {}
    for file in resources.files("persistence").joinpath("schema").iterdir():
        match = _FILE.fullmatch(file.name)
        if match and match[2] in (None, variant.value):
            version = int(match[1])
            assert version not in found, f"two files for version {version}: {found[version].name}, {file.name}"
            found[version] = Migration(version, file.name, file.read_text(encoding="utf-8"))
    assert sorted(found) == list(range(1, len(found) + 1)), (
        f"schema files are not numbered 1, 2, 3, ...: {sorted(found)}"
    )
    return [found[version] for version in sorted(found)]


def _choose_variant(connection: Connection) -> Variant:
    """TimescaleDB where its extension is there already, or can be created without risk to the connection."""
    row = connection.execute(
        "select installed_version is not null, current_setting('shared_preload_libraries') like '%timescaledb%' "
        "from pg_available_extensions where name = 'timescaledb'"
    ).fetchone()
    if row is None:
        return Variant.PLAIN
    is_installed, is_loaded = row
    if not (is_installed or is_loaded):
        log.warning("TimescaleDB is available but not in shared_preload_libraries: plain tables are used")
        return Variant.PLAIN
    connection.execute("create extension if not exists timescaledb")
    return Variant.TIMESCALE


def _write_codes(connection: Connection) -> None:
    tables: dict[str, Mapping[int, str]] = {
        "Side": spelling.SIDE_WORDS,
        "OrderType": spelling.ORDER_TYPE_WORDS,
        "OrderStatus": spelling.STATUS_WORDS,
        "SelfTrade": spelling.SELF_TRADE_WORDS,
        "MarketState": spelling.MARKET_STATE_WORDS,
        "TimeInForce": spelling.TIME_IN_FORCE_WORDS,
        "Reason": {reason.value: reason.name.title().replace("_", "") for reason in Reason},
    }
    rows = [(kind, code, word) for kind, words in tables.items() for code, word in words.items()]
    rows += [("Interval", interval.number, interval.name) for interval in INTERVALS.values()]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into codes (kind, code, name) values (%s, %s, %s) "
            "on conflict (kind, code) do update set name = excluded.name where codes.name <> excluded.name",
            rows,
        )
