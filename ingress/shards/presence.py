"""Whether the engine of a shard answers; who asks one that does not is refused at once, not after seconds each time.

    asked, once a second ── answered within ANSWER_SECONDS ───────▶ there
                         └─ not, MISSES times one after the other ─▶ away, until the next answer

It is counted how often it did not answer, not for how long: of a process that stood still no more than one is missed.
Commands are sent all the same: a standby may execute them yet, and what became of them is in the log alone.
Non-goals: why it is away, and bringing it back.
"""

import asyncio
import logging
from typing import Final, Unpack

import numpy as np

from engine_core.transport.backlog import Logs
from engine_core.transport.outbox import Answer
from engine_core.wire.codes import QueryKind
from engine_core.wire.queries import About
from ingress.engine import FAILURES, Gateway

ANSWER_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 0.1  # after a question without an answer
MISSES: Final = 3  # about as long as somebody would have waited for the first answer

logger = logging.getLogger(__name__)


class Present:
    """A shard's gateway, as one whose questions are refused while its engine is away."""

    def __init__(self, gateway: Gateway, shard: int) -> None:
        self._gateway, self._shard = gateway, shard
        self._missed = 0  # answers, since the last one that came

    @property
    def is_away(self) -> bool:
        return self._missed >= MISSES

    @property
    def failure(self) -> Exception | None:
        return self._gateway.failure

    @property
    def pressure(self) -> str:
        return self._gateway.pressure

    @property
    def healthy(self) -> bool:
        return self._gateway.healthy

    @property
    def logs(self) -> Logs | None:
        return self._gateway.logs

    def append(self, record: bytes, answer: Answer) -> None:
        self._gateway.append(record, answer)

    def catch_up(self) -> None:
        self._gateway.catch_up()

    async def query(self, kind: QueryKind, **about: Unpack[About]) -> tuple[np.void, np.ndarray]:
        if self.is_away:
            raise TimeoutError(f"shard {self._shard} does not answer at present")
        return await self._gateway.query(kind, **about)

    async def keep_asking(self) -> None:
        """For as long as the process lives."""
        while True:
            await self.look()
            await asyncio.sleep(AGAIN_SECONDS if self._missed else LOOK_SECONDS)

    async def look(self) -> None:
        try:
            await asyncio.wait_for(self._gateway.query(QueryKind.STATUS), ANSWER_SECONDS)
        except FAILURES as error:
            self._missed += 1
            if self._missed == MISSES:
                logger.warning(
                    "shard %d does not answer: its markets wait (%s)", self._shard, str(error) or "no answer"
                )
            return
        if self.is_away:
            logger.info("shard %d answers again", self._shard)
        self._missed = 0
