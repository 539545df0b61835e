"""Ending tasks: one that survives a cancellation is cancelled again."""

import asyncio

import pytest

from engine_core.process.tasks import ended


async def test_a_task_that_swallows_its_cancellation_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine_core.process.tasks.AGAIN_SECONDS", 0.01)
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


async def test_a_clean_up_that_takes_some_turns_is_not_disturbed() -> None:
    finished = False

    async def careful() -> None:
        nonlocal finished
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(100):
                await asyncio.sleep(0)
            finished = True

    task = asyncio.create_task(careful())
    await asyncio.sleep(0)
    await ended(task)
    assert finished
