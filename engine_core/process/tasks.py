"""asyncio tasks that nobody awaits: their errors are the process's, and their ends are real.

    on_failure(failures.append)            # in the loop, before anything is begun there
    task = background("statistics", keep_filling(...))
    ...
    await ended(task)

A task whose error nobody looks at leaves a process that seems to be well and does not do its work. So a process that is
told of one ends, naming it, and its supervisor starts it again. Non-goals: tasks of one request or one client, whose
errors are theirs.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

AGAIN_SECONDS = 1.0  # a clean-up may take so long before it is disturbed

T = TypeVar("T")


class TaskFailed(Exception):
    """A background task ended by an error, so the process does not do all of its work any more."""


def background(name: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task of the process; what ends it, other than a cancellation, goes to the loop's exception handler at once."""
    try:
        task = asyncio.get_running_loop().create_task(work, name=name)
    except RuntimeError:  # there is no loop, and nobody will await it
        work.close()
        raise
    task.add_done_callback(_look)
    return task


def _look(task: asyncio.Task[Any]) -> None:
    if task.cancelled() or (error := task.exception()) is None:
        return
    failed = TaskFailed(f"{task.get_name()} failed: {error!r}")
    failed.__cause__ = error  # whose traceback the handler logs with this one's
    task.get_loop().call_exception_handler({"message": "A background task failed", "exception": failed})


def on_failure(tell: Callable[[BaseException], object], *others: type[BaseException]) -> None:
    """From here on, tell of each background task of the running loop that fails, and of `others` that nothing caught.
    All is logged, as it would be without."""
    kinds: tuple[type[BaseException], ...] = (TaskFailed, *others)

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        loop.default_exception_handler(context)
        error = context.get("exception")
        if isinstance(error, kinds):
            tell(error)

    asyncio.get_running_loop().set_exception_handler(handle)


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
