"""Ending tasks: one that survives a cancellation is cancelled again."""

import asyncio

from engine_core.wire.tasks import ended


async def test_a_task_that_swallows_its_cancellation_ends() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    async def failing() -> None:
        raise ValueError("its own")

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await ended(*tasks, None)
    assert swallowed == 3 and all(task.done() for task in tasks)
