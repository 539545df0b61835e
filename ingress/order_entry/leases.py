"""Cancel-on-disconnect: a lease in the log, renewed while a session lives; when it runs out, orders are cancelled.

The engine keeps the lease's time (docs/architecture.md), so it holds whatever dies: the client, its connection, this
process, or the machine. A session that ends says so by a lease that runs out at once.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Final

import numpy as np

from engine_core.process.tasks import ended
from engine_core.wire.codes import CommandKind, EventKind, LeaseAction
from engine_core.wire.layout import ADMIN
from ingress.engine import Engine
from ingress.errors import ApiError, refusal

LEASE_SECONDS: Final = 5.0
RENEW_SECONDS: Final = 1.5
_AT_ONCE_MS: Final = 1

logger = logging.getLogger(__name__)


class Lease:
    """The lease of one session. `lost` is called if it could not be renewed in time."""

    def __init__(self, engine: Engine, account: int, lost: Callable[[], None]) -> None:
        self._engine, self._account, self._lost = engine, account, lost
        self._number = secrets.randbits(62)  # of this session, among all sessions of the account
        self._renewing: asyncio.Task[None] | None = None

    async def acquire(self) -> None:
        """Take it, or say why there is none (ApiError); from here on it is renewed."""
        await self._say(int(LEASE_SECONDS * 1000))
        self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def end(self) -> None:
        """Let the account's orders be cancelled now. If this cannot be said, the lease runs out by itself."""
        await ended(self._renewing)
        try:
            await self._say(_AT_ONCE_MS)
        except ApiError as error:
            logger.warning("lease of account %d ends by its time: %s", self._account, error)

    async def _renew(self) -> None:
        renewed = time.monotonic()
        while time.monotonic() - renewed < LEASE_SECONDS:
            await asyncio.sleep(RENEW_SECONDS)
            began = time.monotonic()
            try:
                await self._say(int(LEASE_SECONDS * 1000))
                renewed = began
            except ApiError as error:
                logger.warning("lease of account %d was not renewed: %s", self._account, error)
        self._lost()

    async def _say(self, milliseconds: int) -> None:
        record = np.zeros(1, ADMIN)
        record["kind"], record["account"], record["code"] = CommandKind.LEASE, self._account, LeaseAction.TAKE
        record["gateway"], record["ttl_ms"] = self._number, milliseconds
        event = (await self._engine.submit(record.tobytes()))[-1]
        if event.kind == EventKind.REFUSED:
            raise refusal(event.reason)
