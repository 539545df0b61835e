"""The connections of the history on a real PostgreSQL."""

import psycopg
import pytest

from ingress.access.key_uses import KeyUses
from ingress.database import Database, HistoryUnavailable
from ingress.users.guard_rows import GuardedUsers
from persistence.migrate import migrate


async def test_connections_that_died_while_idle_are_replaced_without_an_error(postgres: str) -> None:
    """As all of them do when the server starts again: each worker's next read once answered 503."""
    database = Database(postgres)
    try:
        async with database.snapshot() as first, database.snapshot() as second:
            backends = [first.info.backend_pid, second.info.backend_pid]
        with psycopg.connect(postgres, autocommit=True) as operator:
            for backend in backends:
                operator.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))
        async with database.snapshot() as connection:
            answer = await connection.execute("SELECT 1")
            assert await answer.fetchone() == (1,)
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("25006", "the database is read-only"),
        ("25P03", "no connection to the database: on purpose"),
        ("25P04", "the database took too long"),
        ("3F000", "the database is not prepared yet: the writer does that when it starts"),
        ("40001", "the database cannot do it now: on purpose"),
        ("40P01", "the database cannot do it now: on purpose"),
        ("42501", "the database does not let this exchange do it"),
        ("42703", "the database is not prepared yet: the writer does that when it starts"),
        ("42P01", "the database is not prepared yet: the writer does that when it starts"),
        ("53100", "the disk of the database is full"),
        ("53200", "the database cannot do it now: on purpose"),
        ("53300", "the database has too many connections"),
        ("55P03", "the database took too long"),
        ("57014", "the database took too long"),
        ("57P01", "no connection to the database: on purpose"),
        ("58030", "the database cannot do it now: on purpose"),
    ],
)
async def test_what_a_database_cannot_do_now_is_unavailable(postgres: str, state: str, words: str) -> None:
    """A read-only one was an internal error of the exchange once."""
    with pytest.raises(HistoryUnavailable) as unavailable:
        await fail_with(postgres, state)
    assert str(unavailable.value) == words


@pytest.mark.parametrize("state", ["22003", "23505", "25001", "25P02", "42601", "42804", "54000", "P0001", "XX000"])
async def test_a_mistake_of_our_own_stays_one(postgres: str, state: str) -> None:
    with pytest.raises(psycopg.Error) as error:
        await fail_with(postgres, state)
    assert error.value.sqlstate == state


async def test_what_is_used_wrongly_is_a_mistake_of_our_own(postgres: str) -> None:
    database = Database(postgres)
    try:
        with pytest.raises(psycopg.InterfaceError):
            async with database.snapshot() as connection:
                cursor = connection.cursor()
                await cursor.close()
                await cursor.execute("SELECT 1")
    finally:
        await database.close()


async def test_users_of_a_read_only_database_are_unavailable_until_it_is_not(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as operator:
        migrate(operator)
        name = operator.info.dbname
        operator.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
        users, uses = GuardedUsers(postgres), KeyUses()
        uses.note(b"k" * 32)
        try:
            with pytest.raises(HistoryUnavailable, match="the database is read-only"):
                await users.create_demo(1, "somebody")
            with pytest.raises(HistoryUnavailable, match="the database is read-only"):
                await uses.write(users, 1)
            operator.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
            await uses.write(users, 1)
            assert (await users.key_notes(1, [b"k" * 32]))[b"k" * 32].used_ms is not None
        finally:
            await users.close()


async def fail_with(postgres: str, state: str) -> None:
    """PostgreSQL itself answers with this SQLSTATE."""
    database = Database(postgres, writes=True)
    try:
        async with database.snapshot() as connection:
            await connection.execute(f"DO $$ BEGIN RAISE 'on purpose' USING ERRCODE = '{state}'; END $$".encode())
    finally:
        await database.close()
