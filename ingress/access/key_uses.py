"""Which API keys were used, to the minute: remembered with each request in one look at a set, and written in the
background, once a minute for each key at most, so that no order waits for it.

A process that is killed forgets what it has not written: a second's worth, while the database takes it. Non-goals: what
a key was used for (the log), and private streams, which egress serves and which has no database.
"""

import asyncio
import logging
import time
from typing import Final

from ingress.database import HistoryUnavailable
from ingress.users.guard_rows import GuardedUsers

WINDOW_SECONDS: Final = 60.0
WRITE_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 15.0  # of a database that cannot be written to

logger = logging.getLogger(__name__)


class KeyUses:
    def __init__(self) -> None:
        self._noted: set[bytes] = set()  # in this window
        self._unwritten: dict[bytes, int] = {}  # when, in Unix ms

    def note(self, public_key: bytes) -> None:
        """A valid key was used: both collections are bounded by how many of these there are."""
        if public_key not in self._noted:
            self._noted.add(public_key)
            self._unwritten[public_key] = time.time_ns() // 1_000_000

    def next_window(self) -> None:
        self._noted.clear()

    async def write(self, users: GuardedUsers, log_id: int) -> None:
        """What was noted since; it is kept if the database cannot take it."""
        uses, self._unwritten = self._unwritten, {}
        if not uses:
            return
        try:
            await users.note_uses(log_id, uses)
        except HistoryUnavailable:
            self._unwritten = {**uses, **self._unwritten}
            raise

    async def keep_written(self, users: GuardedUsers, log_id: int) -> None:
        window_ends = time.monotonic() + WINDOW_SECONDS
        while True:
            try:
                await self.write(users, log_id)
                await asyncio.sleep(WRITE_SECONDS)
            except HistoryUnavailable as error:
                logger.info("the use of API keys is written later: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            if time.monotonic() >= window_ends:
                self.next_window()
                window_ends = time.monotonic() + WINDOW_SECONDS
