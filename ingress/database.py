"""The connections of the history reads: few, opened when first needed, thrown away when they fail.

Every read of the history is one read-only transaction on one snapshot, so rows and the writer's position fit together.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import psycopg
from psycopg import AsyncConnection

from engine_core.transport.postgres import why_not_now

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
        """A connection inside a transaction, or HistoryUnavailable; a mistake of the caller stays a psycopg.Error."""
        try:
            await asyncio.wait_for(self._free.acquire(), _WAIT_S)
        except TimeoutError:
            raise HistoryUnavailable("too many history requests at once") from None
        try:
            async with AsyncExitStack() as stack:
                connection = await self._begin(stack)
                await connection.execute(self._settings)
                yield connection
        except psycopg.Error as error:
            if why := why_not_now(error):
                raise HistoryUnavailable(why) from error
            raise
        finally:
            self._free.release()

    async def _begin(self, stack: AsyncExitStack) -> AsyncConnection:
        """A connection with a transaction, until the stack ends. One that died while it was idle, as all do when the
        server starts again, is thrown away: nothing was asked on it yet."""
        while True:
            was_idle = bool(self._idle)
            connection = self._idle.pop() if was_idle else await self._connect()
            stack.push_async_exit(partial(self._give_back, connection))
            try:
                await stack.enter_async_context(connection.transaction())
            except psycopg.OperationalError:
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

    async def _give_back(
        self, connection: AsyncConnection, _: object, error: BaseException | None, *__: object
    ) -> None:
        """One on which anything failed is not used again: its session may have begun while the database was read-only,
        and stays so when the database is not any more."""
        if isinstance(error, psycopg.Error) or connection.broken or connection.closed or self._closed:
            await connection.close()
        else:
            self._idle.append(connection)
