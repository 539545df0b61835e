"""What the micro-benchmarks share: each is timed beside a loop that says how fast the machine is just now."""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = int(os.environ.get("MICROBENCH_ROUNDS", "40"))
CALIBRATION_STEPS = 20_000

Measure = Callable[..., Any]


def calibration_seconds() -> float:
    """The best of three runs of a loop that is always the same: integers, a dictionary, a branch."""
    return min(_loop() for _ in range(3))


def _loop() -> float:
    began, seen, total = time.perf_counter(), dict[int, int](), 0
    for step in range(CALIBRATION_STEPS):
        key = step * 7919 & 1023
        if seen.get(key, 0) < step:
            seen[key] = step
            total += key
    assert total
    return time.perf_counter() - began


@pytest.fixture
def measure(benchmark: BenchmarkFixture) -> Measure:
    """measure(function, arguments_of=...): time function(*arguments_of()), calibrated before and after.

    `arguments_of` makes fresh arguments for each round, outside the time. Returns the last answer, to be checked.
    """

    def measured(function: Callable[..., Any], arguments_of: Callable[[], tuple[Any, ...]], *, items: int) -> Any:
        if not benchmark.enabled:
            return benchmark.pedantic(function, setup=lambda: (arguments_of(), {}))
        around = [calibration_seconds()]
        answer = benchmark.pedantic(
            function, setup=lambda: (arguments_of(), {}), rounds=ROUNDS, warmup_rounds=3, iterations=1
        )
        around.append(calibration_seconds())
        assert benchmark.stats is not None
        seconds = benchmark.stats.stats.median
        benchmark.extra_info |= {
            "ratio": seconds / statistics.mean(around),
            "nanoseconds_an_item": seconds / items * 1e9,
        }
        return answer

    return measured
