"""Cancel-on-disconnect: a lease in the log, renewed while a session lives; when it runs out, orders are cancelled.

The engine keeps the lease's time (docs/architecture.md), so it holds whatever dies: the client, its connection, this
process, or the machine. A session that ends says so by a lease that runs out at once.

In a venue of several shards each has a lease of its own, and a session lives as long as it has one in any of them.
Orders go only where it has one, so none rests where nothing would end it. A shard that is away (shards/presence.py)
lets the last one run out, and is asked again as soon as it is back:

    taken ── not renewed for LEASE_SECONDS ──▶ orders there are cancelled, new ones refused ── taken ──▶ as before
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from engine_core.edge.refusals import Code
from engine_core.process.tasks import ended
from engine_core.replica.setup import HOME, Market
from engine_core.wire.codes import CommandKind, LeaseAction
from ingress.engine import RETRY_LATER, CommandRefused, Engine, failure
from ingress.errors import ApiError
from ingress.requests.admin_record import Admin, numbers
from ingress.service import Service

LEASE_SECONDS: Final = 5.0
RENEW_SECONDS: Final = 1.5
LATE_SECONDS: Final = 1.0  # that a logon waits for a shard, where another one has answered
_AT_ONCE_MS: Final = 1

logger = logging.getLogger(__name__)


class _Part:
    """The lease in one shard."""

    def __init__(self, engine: Engine, account: int, number: int) -> None:
        self._engine, self._account, self._number = engine, account, number
        self._until = 0.0  # of time.monotonic
        self.error: ApiError | None = None  # of the last attempt

    @property
    def is_held(self) -> bool:
        return time.monotonic() < self._until

    async def take(self) -> None:
        began = time.monotonic()  # the engine's time of it begins later
        if await self._say(LeaseAction.TAKE, int(LEASE_SECONDS * 1000)):
            self._until = began + LEASE_SECONDS

    async def end(self) -> None:
        await self._say(LeaseAction.TAKE, _AT_ONCE_MS)

    async def give_up(self) -> None:
        """There is no session: its lease, if there is one, shall not cancel anything."""
        await self._say(LeaseAction.GIVE_UP, 0)

    async def _say(self, action: LeaseAction, milliseconds: int) -> bool:
        lease = Admin(CommandKind.LEASE, action, account=self._account, payload=numbers(self._number, milliseconds))
        try:
            await self._engine.apply(lease)
        except ApiError as error:
            logger.warning(
                "%s of account %d's lease (%d ms) failed: %s", action.name, self._account, milliseconds, error
            )
            self.error = error
            return False
        self.error = None
        return True


class Lease:
    """The lease of one session. `lost` is called if it could not be renewed in time, in any shard."""

    def __init__(self, service: Service, account: int, lost: Callable[[], None]) -> None:
        self._shards, self._lost = service.several and service.several.shards, lost
        number = secrets.randbits(62)  # of this session, among all sessions of the account
        engines = self._shards.engines if self._shards else [service.engine]
        self._parts = [_Part(engine, account, number) for engine in engines]
        self._renewing: asyncio.Task[None] | None = None
        self._asking: set[asyncio.Task[None]] = set()

    def check(self, market: Market) -> None:
        """ApiError if an order of this market would rest in a shard without a lease.

        Shortly before the last one there runs out it may come too late for that; so shards are asked for the next one
        without waiting for answers, and any order has a younger one before it in the log.
        """
        shard = self._shards.of(market.number) if self._shards else HOME
        if not self._parts[shard].is_held:
            message = (
                f"The engine of {market.symbol} does not answer, and this session has no lease there, which "
                "cancelOnDisconnect needs: try again when it is back. The order was not placed or changed"
            )
            raise ApiError(Code.MAINTENANCE, message, RETRY_LATER)

    async def acquire(self) -> None:
        """Take it in the shards that are present, or say why there is none (ApiError); from here on it is renewed.

        One that is refused in one shard is given up in all: else, five seconds later, it would cancel the account's
        orders in the others.
        """
        asked = self._present() or self._parts
        tasks = [self._begin(part.take()) for part in asked]
        await asyncio.wait(tasks, timeout=LATE_SECONDS)
        if not any(part.is_held or part.error for part in asked):
            await asyncio.wait(tasks)
        errors = [part.error for part in asked if part.error is not None]
        refusal = next((error for error in errors if isinstance(error, CommandRefused)), None)
        if refusal is not None or not self._is_held:
            await ended(*self._asking)
            await asyncio.wait([self._begin(part.give_up()) for part in asked], timeout=LATE_SECONDS)
            raise refusal or next(iter(errors), failure(TimeoutError()))
        self._renewing = asyncio.get_running_loop().create_task(self._renew())

    def run_out(self) -> None:
        """Not to be renewed any more: the session is over, and its last orders are awaited before end()."""
        if self._renewing is not None:
            self._renewing.cancel()

    async def end(self) -> None:
        """Let the account's orders be cancelled now. Where this cannot be said, the lease runs out by itself."""
        await ended(self._renewing, *self._asking)
        await asyncio.gather(*(part.end() for part in self._parts))

    @property
    def _is_held(self) -> bool:
        return any(part.is_held for part in self._parts)

    def _present(self) -> list[_Part]:
        """In a log that nobody reads for hours, the leases of all sessions would pile up."""
        if self._shards is None:
            return self._parts
        return [part for part, shard in zip(self._parts, self._shards.present, strict=True) if not shard.is_away]

    def _begin(self, saying: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(saying)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return task

    async def _renew(self) -> None:
        while self._is_held:
            await asyncio.sleep(RENEW_SECONDS)
            for part in self._present():
                self._begin(part.take())
        self._lost()
