"""The clock of something that looks again and again whether it is time: it reads it once at each look."""

import asyncio

ENOUGH = 6  # looks


class Looks:
    """In place of the module `time`. Between two readings all that is waited for becomes due."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self.count = seconds, 0

    def monotonic(self) -> float:
        self.count += 1
        return 2 * self._seconds * self.count

    async def pass_by(self) -> None:
        """Wait until it has looked often enough to have done all that it will do."""
        last = self.count + ENOUGH
        async with asyncio.timeout(20):
            while self.count < last:
                await asyncio.sleep(0.005)
