"""Would an order be accepted now? Asked of the engine itself, at most once a second however many ask us."""

import asyncio
import time
from dataclasses import dataclass, field

from engine_core.wire.codes import QueryKind
from ingress.engine import Engine
from ingress.errors import ApiError
from ingress.schemas.answers import Status

FRESH_SECONDS = 1.0
ANSWER_SECONDS = 2.0


@dataclass(slots=True)
class Health:
    engine: Engine
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
        if not self.engine.gateway.healthy:
            return Status("Maintenance", "The order log or its event feed is not available")
        if self.engine.gateway.pressure:
            return Status("Maintenance", f"New orders are refused: {self.engine.gateway.pressure}")
        try:
            await asyncio.wait_for(self.engine.query(QueryKind.STATUS), ANSWER_SECONDS)
        except (ApiError, TimeoutError):
            return Status("Maintenance", "The engine does not answer")
        return Status("Ok")
