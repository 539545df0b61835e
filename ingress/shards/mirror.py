"""The setup of home in every other shard: what one of them lacks is appended there.

A command of the setup goes to home, and once it is applied there to the other shards (router.py). The process that had
to do that may have died between, or a shard was away, or two processes sent theirs in another order. So every ingress
process watches the logs of all shards: what home has applied must be applied in each other shard within SECONDS. If it
is not, and when the process starts, the setups of both are compared, and the difference is appended. To do that twice
is harmless.

Non-goals: a market's state, which is that of the shard where it trades, and funds.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from engine_core.replica.lacking import lacking
from engine_core.replica.market_data import Changes
from engine_core.replica.setup import HOME, NOT_SETUP
from engine_core.wire.codes import CommandKind, EventKind, QueryKind
from engine_core.wire.layout import ADMIN_EVENT
from ingress.engine import FAILURES, Engine, Gateway
from ingress.errors import ApiError

SECONDS: Final = 2.0
LOOK_SECONDS: Final = 0.5
AT_ONCE: Final = 1000  # commands on their way
_NOT_MIRRORED: Final = np.array(
    [*NOT_SETUP, CommandKind.GENESIS, CommandKind.UPGRADE, CommandKind.MARKET, CommandKind.MARKET_STATE]
)

logger = logging.getLogger(__name__)


class Mirror:
    def __init__(self, gateways: Sequence[Gateway]) -> None:
        self._gateways = gateways
        self._open: list[dict[bytes, _Open]] = [{} for _ in gateways]  # of each shard: what home has and it has not
        self._lacking = set(range(1, len(gateways)))  # to be compared now; all of them at the start
        self._wake = asyncio.Event()
        self._wake.set()

    def observe(self, changes: Changes) -> None:
        """A listener of the market data: events of any shard."""
        if not changes.setup:
            return
        events = changes.slots["event"].view(ADMIN_EVENT)
        commands = events["command"][events["kind"] == EventKind.APPLIED]
        for command in commands[~np.isin(commands["kind"], _NOT_MIRRORED)]:
            self._count(command.tobytes(), changes.shard)

    def _count(self, command: bytes, shard: int) -> None:
        """One more of home's, or one less to wait for; which of the two logs is read first does not matter."""
        for other in range(1, len(self._gateways)) if shard == HOME else (shard,):
            known = self._open[other].setdefault(command, _Open())
            known.count += 1 if shard == HOME else -1
            if known.count == 0:
                del self._open[other][command]

    def lacks(self, shard: int) -> None:
        """It did not take a command that home has applied."""
        self._lacking.add(shard)
        self._wake.set()

    async def keep_whole(self) -> None:
        """Compare whatever has to be compared, for as long as the process lives."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
            self._wake.clear()
            wanted, self._lacking = self._lacking | set(self._overdue()), set()
            for shard in sorted(wanted):
                try:
                    await self.complete(shard)
                except (ApiError, *FAILURES) as error:
                    logger.warning("the setup of shard %d cannot be compared, trying again: %s", shard, error)
                    self._lacking.add(shard)

    def _overdue(self) -> Iterator[int]:
        before = time.monotonic() - SECONDS
        for shard, commands in enumerate(self._open):
            if any(known.since < before for known in commands.values()):
                yield shard

    async def complete(self, shard: int) -> None:
        """Append what this shard lacks of home's setup."""
        began = time.monotonic()
        other, home = [(await self._gateways[each].query(QueryKind.SETUP))[1] for each in (shard, HOME)]
        missing = lacking(home, other)
        if missing:
            logger.info("shard %d lacks %d commands of the setup: they are appended", shard, len(missing))
        engine = Engine(self._gateways[shard])
        for first in range(0, len(missing), AT_ONCE):
            await asyncio.gather(*(engine.submit(command) for command in missing[first : first + AT_ONCE]))
        for command in [one for one, known in self._open[shard].items() if known.since < began]:
            del self._open[shard][command]


class _Open:
    def __init__(self) -> None:
        self.count, self.since = 0, time.monotonic()
