"""A closed loop: as many orders as answers come, for the most that a server takes."""

import asyncio
import time
from array import array
from collections.abc import Callable

from bench.load.outcome.tally import Tally
from bench.load.targets.api import BenchError
from bench.load.targets.order_entry import EntryPool
from bench.load.targets.rest import RestPool

LOOK_SECONDS = 0.005  # between two looks whether all is sent, or answered
PATIENCE_SECONDS = 10.0

Pool = RestPool | EntryPool


async def keep_busy(pool: Pool, seconds: float, in_flight: int, goes_on: Callable[[], bool] = lambda: True) -> None:
    """Until the time is up, or no orders are left."""
    until_ns = round(seconds * 1e9)
    pool.run_closed(until_ns, in_flight)
    while pool.now_ns() < until_ns and pool.tally.answered < len(pool.tally.due_ns) and not pool.trouble and goes_on():
        await asyncio.sleep(LOOK_SECONDS)
    pool.stop()


async def answers(pool: Pool, patience: float = PATIENCE_SECONDS) -> None:
    """Wait for what is on its way."""
    deadline = time.monotonic() + patience
    while pool.outstanding and time.monotonic() < deadline and not pool.trouble:
        await asyncio.sleep(LOOK_SECONDS)
    if pool.trouble:
        raise BenchError(pool.trouble)


async def measure(
    make: Callable[[Tally, Callable[[], int]], Pool], count: int, seconds: float, in_flight: int
) -> Tally:
    """In this process, with a pool of `count` orders that `make` makes for a tally and a clock; all answers are waited
    for, and count in the tally's seconds."""
    start_ns = time.monotonic_ns()
    tally = Tally(array("q", [0]) * count)
    pool = make(tally, lambda: time.monotonic_ns() - start_ns)
    await pool.open()
    start_ns = time.monotonic_ns()
    await keep_busy(pool, seconds, in_flight)
    await answers(pool)
    tally.seconds = pool.now_ns() / 1e9
    pool.close()
    return tally
