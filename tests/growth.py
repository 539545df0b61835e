"""Whether work grows with its input as it should, by the processor time that it takes."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

ROUNDS = 20


async def assert_growth_of(
    seconds: Callable[[int], Awaitable[float]], small: int, large: int, most: float, floor: float = 0.0
) -> None:
    """What `large` takes is at most `most` times what `small` takes, or `floor` seconds.

    What else a machine does only adds to a time, so the least of several counts, measured in turns until they fit:
    work that grows faster never does.
    """
    once = more = float("inf")
    for _ in range(ROUNDS):
        once, more = min(once, await seconds(small)), min(more, await seconds(large))
        if more <= most * max(floor, once):
            return
    raise AssertionError(f"{once:.6f} s for {small} became {more:.6f} s for {large}, over {most:g} times")


def assert_growth(seconds: Callable[[int], float], small: int, large: int, most: float, floor: float = 0.0) -> None:
    """The same of work that waits for nothing."""

    async def at_once(size: int) -> float:
        return seconds(size)

    with suppress(StopIteration):
        assert_growth_of(at_once, small, large, most, floor).send(None)
