"""One reading of what every process of this host shows of itself, shared by all who ask at about the same time.

It is what `exchange top` shows, from the same sockets in the runtime folder; watching costs the processes no more when
many watch. Non-goals: history, and processes on other hosts.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine_core.process.look import look_at
from engine_core.process.metrics import LATENCY_S
from engine_core.process.sockets import of_roles
from ingress.schemas.account_answers import AdminStatus

FRESH_SECONDS: Final = 0.5


@dataclass(slots=True)
class Processes:
    """The latest reading."""

    began: float = 0.0
    task: "asyncio.Task[AdminStatus] | None" = None

    async def status(self, runtime: Path) -> AdminStatus:
        now = time.monotonic()
        if self.task is None or (self.task.done() and now - self.began > FRESH_SECONDS):
            self.began, self.task = now, asyncio.create_task(asyncio.to_thread(_read, runtime))
        return await asyncio.shield(self.task)


def _read(runtime: Path) -> AdminStatus:
    """In a thread, of all at once: while one that hangs is waited for, the others answer."""
    paths = of_roles(runtime)
    with ThreadPoolExecutor(max(len(paths), 1)) as threads:
        looks = list(threads.map(look_at, paths))
    bounds = [round(bound * 1e6) for bound in LATENCY_S]
    silent = [path.stem for path, look in zip(paths, looks, strict=True) if look is None]
    return AdminStatus(bounds, [look for look in looks if look is not None], silent)
