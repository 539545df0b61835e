"""The connections of the history on a real PostgreSQL."""

import psycopg

from ingress.database import Database


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
