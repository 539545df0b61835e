"""Ending asyncio tasks so that they have really ended."""

import asyncio
from typing import Any

AGAIN_SECONDS = 1.0  # a clean-up may take so long before it is disturbed


async def ended(*tasks: "asyncio.Task[Any] | None") -> None:
    """Cancel the tasks and wait for their ends; what they return or raise is dropped.

    A task may survive a cancellation: Redis' client loses the one that comes in the moment of an answer, and a task
    that loops then goes on for ever. So it is cancelled until it has ended.
    """
    present = {task for task in tasks if task is not None}
    pending = {task for task in present if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_SECONDS)
    for task in present:
        if not task.cancelled():
            task.exception()  # looked at: asyncio would otherwise report it as never retrieved
