"""The highest rate at which a bound on the 99th percentile holds, by search, with every rate that was tried."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.load.outcome.result import Result
from bench.report.result import Curve

RESOLUTION = 1.05  # between the knee and the next rate that was tried and failed
MOST_STEPS = 24

Measure = Callable[[float, int], Result]  # at a rate, after which there are so many more at most


@dataclass
class Knee:
    bound_ms: float
    steps: list[tuple[float, Result]] = field(default_factory=list)  # (rate, what was measured), as tried

    @property
    def rate(self) -> float:
        """0: it held at none. Rates above one at which it failed do not count, whatever luck they had."""
        return max((rate for rate, _ in self._whole if rate < self._failed), default=0.0)

    @property
    def _whole(self) -> list[tuple[float, Result]]:
        """Without the one that was interrupted: it neither held nor failed."""
        return [(rate, result) for rate, result in self.steps if not result.interrupted]

    @property
    def _failed(self) -> float:
        return min((rate for rate, result in self._whole if not result.holds(self.bound_ms)), default=math.inf)

    def verdict(self) -> str:
        """For people."""
        so_far = "interrupted; so far " if len(self._whole) < len(self.steps) else ""
        if self.rate:
            found = f"p99 stays within {self.bound_ms:g} ms up to {self.rate:,.0f} orders/s"
        elif self._whole:
            found = f"no rate held, down to {self._failed:,.0f} orders/s (more --seconds let it try lower ones)"
        else:
            found = "no rate was measured"
        limits = [result for rate, result in self._whole if rate == self._failed]
        own = any(result.failed_by_generator(self.bound_ms) for result in limits)
        return so_far + found + ("; the next fails by the generator's own lateness, not the exchange's" if own else "")

    def judged(self, result: Result) -> str:
        """One rate, in a word or a few."""
        if result.interrupted:
            return "interrupted"
        if result.holds(self.bound_ms):
            return "holds"
        return "fails: the generator was late itself" if result.failed_by_generator(self.bound_ms) else "fails"

    def own(self) -> dict[str, object]:
        """Members of --json; `curves` is what the report draws of it."""
        return {
            "knee_rate": round(self.rate, 1),
            "p99_bound_ms": self.bound_ms,
            "curve": [self._point(*step) for step in self._sorted()],
        }

    def curves(self) -> list[Curve]:
        told = [(rate, result.histogram.supported) for rate, result in self._sorted()]
        series = []
        for name in ("p50", "p99", "p999"):
            rates = [rate for rate, latencies in told if name in latencies]
            if rates:
                series.append((name, rates, [latencies[name] for _, latencies in told if name in latencies]))
        return [Curve("Latency by rate", "orders/s", "ms", series, y_scale="log")]

    def _sorted(self) -> list[tuple[float, Result]]:
        return sorted(self.steps, key=lambda step: step[0])

    def _point(self, rate: float, result: Result) -> dict[str, object]:
        return {
            "rate": round(rate, 1),
            "holds": result.holds(self.bound_ms) and not result.interrupted,
            "failed_by_generator": result.failed_by_generator(self.bound_ms),
            "accepted": result.accepted,
            "refused": result.refused,
            "unknown": result.unknown,
            **result.histogram.percentiles_ms(),
            "late_p99_ms": round(result.late.at_ms(99.0), 4),
            "client_cpu_cores": round(result.client_cpu, 3),
        }


def find(
    measure: Measure,
    first_rate: float,
    lowest_rate: float,
    bound_ms: float,
    tried: Callable[[Knee, float, Result], None],
) -> Knee:
    """Double the rate while the bound holds (or halve it until it does), then narrow the two in."""
    knee = Knee(bound_ms)
    good, bad, rate = 0.0, math.inf, first_rate
    for left in reversed(range(MOST_STEPS)):
        result = measure(rate, min(left, _narrowings(good, bad)))
        knee.steps.append((rate, result))
        tried(knee, rate, result)
        if result.interrupted:
            break
        if result.holds(bound_ms):
            good = rate
        else:
            bad = rate
        if bad <= max(good * RESOLUTION, lowest_rate):
            break
        rate = good * 2 if math.isinf(bad) else math.sqrt(good * bad) if good else max(bad / 2, lowest_rate)
    return knee


def _narrowings(good: float, bad: float) -> int:
    """That are left when the next rate has been measured; MOST_STEPS: the knee is not between two yet."""
    if not good or math.isinf(bad):
        return MOST_STEPS
    return max(0, math.ceil(math.log2(math.log(bad / good) / math.log(RESOLUTION))) - 1)
