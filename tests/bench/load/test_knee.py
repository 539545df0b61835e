"""The search, on exchanges whose knee is known."""

import math
from dataclasses import dataclass
from typing import Any, cast

import pytest

from bench.load import knee


@dataclass
class Measured:
    p99_ms: float
    interrupted: bool = False

    def holds(self, bound_ms: float) -> bool:
        return self.p99_ms <= bound_ms


def search(capacity: float, first_rate: float, bound_ms: float = 5.0) -> tuple[knee.Knee, list[float]]:
    """Of an exchange that takes 1 ms at rest, and infinitely long at its capacity."""
    tried: list[float] = []

    def measure(rate: float) -> Any:
        return Measured(1 / (1 - rate / capacity) if rate < capacity else math.inf)

    found = knee.find(measure, first_rate, bound_ms, lambda rate, _: tried.append(rate))
    return found, tried


@pytest.mark.parametrize("first_rate", [10, 400, 7_900, 8_100, 100_000])
def test_the_knee_is_found_wherever_the_search_begins(first_rate: float) -> None:
    found, tried = search(10_000, first_rate)
    assert 8_000 / knee.RESOLUTION <= found.rate <= 8_000
    assert len(tried) < 20 and tried[0] == first_rate


def test_an_exchange_that_never_holds_has_no_knee() -> None:
    found, tried = search(10_000, 64, bound_ms=0.5)
    assert found.rate == 0 and min(tried) == 1


def test_a_rate_above_one_that_failed_is_luck() -> None:
    steps = [(100.0, Measured(1)), (200.0, Measured(9)), (400.0, Measured(1))]
    assert knee.Knee(5.0, cast(Any, steps)).rate == 100.0
