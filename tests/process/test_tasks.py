"""Ending tasks: one that survives a cancellation is cancelled again. Tasks in the background: none fails unseen."""

import asyncio

import pytest

from engine_core.process.tasks import TaskFailed, background, ended, on_failure


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


async def test_a_background_task_that_fails_is_told_at_once_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """`ended` drops errors, and nobody awaits such a task while the process lives."""
    failures: list[BaseException] = []
    on_failure(failures.append)

    async def failing() -> None:
        raise KeyError("its own")

    task = background("the mirror", failing())
    await asyncio.wait([task])
    assert [str(each) for each in failures] == ["the mirror failed: KeyError('its own')"]
    assert isinstance(failures[0], TaskFailed)
    assert 'raise KeyError("its own")' in caplog.text
    await ended(task)
    assert len(failures) == 1


async def test_an_end_or_a_cancellation_is_no_failure() -> None:
    failures: list[BaseException] = []
    on_failure(failures.append)
    asleep = background("asleep", asyncio.sleep(60))
    assert await background("done", asyncio.sleep(0, "done")) == "done"
    await ended(asleep)
    await asyncio.sleep(0)
    assert failures == []


async def test_other_errors_that_nothing_caught_are_told_if_they_are_of_a_named_kind() -> None:
    failures: list[BaseException] = []
    on_failure(failures.append, AssertionError)
    for error in (AssertionError("a bug"), OSError("of one client")):
        asyncio.get_running_loop().call_exception_handler({"message": "in a callback", "exception": error})
    assert [str(each) for each in failures] == ["a bug"]


def test_what_cannot_begin_is_not_left_lying_about() -> None:
    """Python would warn of it, at any moment later: the simulation applies events outside of a loop."""
    work = asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="no running event loop"):
        background("too early", work)
    with pytest.raises(RuntimeError, match="reuse"):
        work.send(None)
