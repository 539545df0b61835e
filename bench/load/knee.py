"""The highest rate at which a bound on the 99th percentile holds, by search, with every rate that was tried."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.load.outcome.result import Result
from bench.report.result import Curve

RESOLUTION = 1.05  # between the knee and the next rate that was tried and failed
LOWEST = 1.0  # orders a second
MOST_STEPS = 40

Measure = Callable[[float], Result]  # at a rate


@dataclass
class Knee:
    bound_ms: float
    steps: list[tuple[float, Result]] = field(default_factory=list)  # (rate, what was measured), as tried

    @property
    def rate(self) -> float:
        """0: it held at none. Rates above one at which it failed do not count, whatever luck they had."""
        failed = min((rate for rate, result in self.steps if not result.holds(self.bound_ms)), default=math.inf)
        return max((rate for rate, result in self.steps if rate < failed), default=0.0)

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
            "holds": result.holds(self.bound_ms),
            "accepted": result.accepted,
            "refused": result.refused,
            "unknown": result.unknown,
            **result.histogram.percentiles_ms(),
            "late_p99_ms": round(result.late.at_ms(99.0), 4),
            "client_cpu_cores": round(result.client_cpu, 3),
        }


def find(measure: Measure, first_rate: float, bound_ms: float, tried: Callable[[float, Result], None]) -> Knee:
    """Double the rate while the bound holds (or halve it until it does), then narrow the two in."""
    knee = Knee(bound_ms)
    good, bad, rate = 0.0, math.inf, first_rate
    for _ in range(MOST_STEPS):
        result = measure(rate)
        knee.steps.append((rate, result))
        tried(rate, result)
        if result.interrupted:
            break
        if result.holds(bound_ms):
            good = rate
        else:
            bad = rate
        if bad <= good * RESOLUTION or bad / 2 < LOWEST:
            break
        rate = good * 2 if math.isinf(bad) else bad / 2 if not good else math.sqrt(good * bad)
    return knee
