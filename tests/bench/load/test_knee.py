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
    late_ms: float = 0

    def holds(self, bound_ms: float) -> bool:
        return self.p99_ms <= bound_ms

    def failed_by_generator(self, bound_ms: float) -> bool:
        return self.p99_ms > bound_ms >= self.p99_ms - self.late_ms


def search(capacity: float, first_rate: float, bound_ms: float = 5.0) -> tuple[knee.Knee, list[float], list[int]]:
    """Of an exchange that takes 1 ms at rest, and infinitely long at its capacity; what was tried, and said to be left
    then."""
    tried, said = list[float](), list[int]()

    def measure(rate: float, left: int) -> Any:
        said.append(left)
        return Measured(1 / (1 - rate / capacity) if rate < capacity else math.inf)

    found = knee.find(measure, first_rate, 1.0, bound_ms, lambda _, rate, __: tried.append(rate))
    return found, tried, said


def knee_of(*steps: tuple[float, Measured]) -> knee.Knee:
    return knee.Knee(5.0, cast(Any, [*steps]))


@pytest.mark.parametrize("first_rate", [10, 400, 7_900, 8_100, 100_000])
def test_the_knee_is_found_wherever_the_search_begins(first_rate: float) -> None:
    found, tried, said = search(10_000, first_rate)
    assert 8_000 / knee.RESOLUTION <= found.rate <= 8_000
    assert len(tried) < 20 and tried[0] == first_rate
    assert said[-1] == 0 and all(left >= more for left, more in zip(said, reversed(range(len(said))), strict=True))


def test_an_exchange_that_never_holds_has_no_knee_and_is_not_searched_for_ever() -> None:
    found, tried, _ = search(10_000, 96, bound_ms=0.5)
    assert found.rate == 0 and tried == [96, 48, 24, 12, 6, 3, 1.5, 1]
    assert found.verdict().startswith("no rate held, down to 1 orders/s")


def test_a_rate_above_one_that_failed_is_luck() -> None:
    assert knee_of((100.0, Measured(1)), (200.0, Measured(9)), (400.0, Measured(1))).rate == 100.0


def test_a_rate_that_was_interrupted_neither_held_nor_failed() -> None:
    stopped = Measured(1, interrupted=True)
    found = knee_of((400.0, Measured(9)), (200.0, Measured(9)), (100.0, stopped))
    assert found.rate == 0 and found.judged(cast(Any, stopped)) == "interrupted"
    assert found.verdict().startswith("interrupted; so far no rate held, down to 200 orders/s")
    assert knee_of((400.0, stopped)).verdict() == "interrupted; so far no rate was measured"
    held = knee_of((100.0, Measured(1)), (200.0, stopped)).verdict()
    assert held == "interrupted; so far p99 stays within 5 ms up to 100 orders/s"


def test_a_rate_at_which_the_generator_was_late_is_not_the_exchange_s() -> None:
    late = Measured(9, late_ms=6)
    found = knee_of((100.0, Measured(1)), (200.0, late))
    assert found.judged(cast(Any, late)) == "fails: the generator was late itself"
    assert "up to 100 orders/s; the next fails by the generator's own lateness" in found.verdict()
