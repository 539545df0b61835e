"""Would an order be accepted now? Asked of the engine itself, at most once a second however many ask us."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine_core.wire.codes import QueryKind
from ingress.engine import Engine
from ingress.errors import ApiError
from ingress.schemas.answers import Status
from ingress.shards.router import Shards

FRESH_SECONDS = 1.0
ANSWER_SECONDS = 2.0
MOST_NAMED = 10  # markets of a shard


@dataclass(slots=True)
class Health:
    """`shards`: of a venue that has several, which is well while one of them trades."""

    engine: Engine
    shards: Shards | None = None
    _status: Status = field(default_factory=lambda: Status("Maintenance", "Starting"))
    _checked_at: float = -FRESH_SECONDS
    _checking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def status(self) -> Status:
        async with self._checking:
            if time.monotonic() - self._checked_at >= FRESH_SECONDS:
                self._status = await self._ask()
                self._checked_at = time.monotonic()
        return self._status

    async def _ask(self) -> Status:
        if self.shards is not None:
            return _together(await asyncio.gather(*map(_trouble, self.shards.engines)), self.shards.symbols())
        trouble = await _trouble(self.engine)
        return Status("Maintenance", trouble) if trouble else Status("Ok")


async def _trouble(engine: Engine) -> str:
    """Why an engine would not take an order now, or nothing."""
    if not engine.gateway.healthy:
        return "The order log or its event feed is not available"
    if engine.gateway.pressure:
        return f"New orders are refused: {engine.gateway.pressure}"
    try:
        await asyncio.wait_for(engine.query(QueryKind.STATUS), ANSWER_SECONDS)
    except (ApiError, TimeoutError):
        return "The engine does not answer"
    return ""


def _together(troubles: Sequence[str], symbols: Sequence[Sequence[str]]) -> Status:
    """Of shards with these markets each: not well only if no market trades, and what waits is named."""
    if not any(troubles):
        return Status("Ok")
    of_each = list(zip(troubles, symbols, strict=True))
    trades = any(traded and not trouble for trouble, traded in of_each)
    waiting = [f"shard {shard} ({_named(traded)}): {why}" for shard, (why, traded) in enumerate(of_each) if why]
    return Status("Ok" if trades else "Maintenance", f"Waiting: {'; '.join(waiting)}")


def _named(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - MOST_NAMED} more" if len(symbols) > MOST_NAMED else ""
    return ", ".join(symbols[:MOST_NAMED]) + more if symbols else "no market"
