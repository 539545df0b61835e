"""The connections of the history reads: few, opened when first needed, thrown away when they fail.

Every read of the history is one read-only transaction on one snapshot, so rows and the writer's position fit together.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg
from psycopg import AsyncConnection

CONNECTIONS = 4
_WAIT_S = 2.0
# Of each transaction, not of the session, and nothing is prepared: so a pooler may stand before the server.
_SETTINGS = "set local statement_timeout = 3000; set local jit = off; set local timezone = 'UTC'"
_SNAPSHOT = "set transaction isolation level repeatable read, read only; "


class HistoryUnavailable(Exception):
    """History cannot be read now; the message says why."""


class Database:
    """`writes`: for the rows of users (users/user_rows.py) instead of the history."""

    def __init__(self, url: str, *, writes: bool = False) -> None:
        self._url = url
        self._settings = (_SETTINGS if writes else _SNAPSHOT + _SETTINGS).encode()
        self._idle: list[AsyncConnection] = []
        self._free = asyncio.Semaphore(CONNECTIONS)
        self._closed = False

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A connection inside a transaction, or HistoryUnavailable."""
        try:
            await asyncio.wait_for(self._free.acquire(), _WAIT_S)
        except TimeoutError:
            raise HistoryUnavailable("too many history requests at once") from None
        try:
            async with AsyncExitStack() as stack:
                connection = await self._begin(stack)
                await connection.execute(self._settings)
                yield connection
        except psycopg.errors.UndefinedTable:
            raise HistoryUnavailable("the database is not prepared yet: the writer does that when it starts") from None
        except psycopg.errors.QueryCanceled:
            raise HistoryUnavailable("the database took too long") from None
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            raise HistoryUnavailable(f"no connection to the database: {_first_line(error)}") from error
        finally:
            self._free.release()

    async def _begin(self, stack: AsyncExitStack) -> AsyncConnection:
        """A connection with a transaction, until the stack ends. One that died while it was idle, as all do when the
        server starts again, is thrown away: nothing was asked on it yet."""
        while True:
            was_idle = bool(self._idle)
            connection = self._idle.pop() if was_idle else await self._connect()
            stack.push_async_callback(self._give_back, connection)
            try:
                await stack.enter_async_context(connection.transaction())
            except (psycopg.OperationalError, psycopg.InterfaceError):
                if not was_idle:
                    raise
            else:
                return connection

    async def _connect(self) -> AsyncConnection:
        return await AsyncConnection.connect(
            self._url,
            autocommit=True,
            prepare_threshold=None,
            application_name="exchange history",
            connect_timeout=2,
        )

    async def _give_back(self, connection: AsyncConnection) -> None:
        if connection.broken or connection.closed or self._closed:
            await connection.close()
        else:
            self._idle.append(connection)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
