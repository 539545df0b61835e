"""Synthetic against real: how far apart they are, beside how far the real flow is from itself.

The bar of a measure is a KS distance of 0.05, or 1.2 times the floor where that is more; the floor is the distance
between the part of the real flow that the parameters were fitted to and the part that they have not seen.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np

from bench.flow.generator import generate
from bench.flow.parameters import Flow
from bench.realism.distances import Distance, Interval, distance, interval
from bench.realism.observations import LOTS_ON_LEVELS, Observations, Series, observe
from bench.realism.tape import NS_PER_MS, Played, TapeError, of_messages, play, rounded_to_ms

LEAST_KS, OF_FLOOR = 0.05, 1.2
BARRED = (
    "messages per second",
    "inter-arrival time, ms",
    "order size, lots",
    "lifetime, ms",
    "depth: distance of the lots, ticks",
    LOTS_ON_LEVELS,
)
WARM_UP_MS = 120_000  # of a synthetic flow: it begins without a past


def autocorrelation(series: np.ndarray, lag: int = 1) -> float:
    moved = series - series.mean()
    variance = float(moved @ moved)
    return float(moved[lag:] @ moved[:-lag]) / variance if variance else 0.0


def _kurtosis(series: np.ndarray) -> float:
    moved = series - series.mean()
    variance = float(np.mean(moved**2))
    return float(np.mean(moved**4)) / variance**2 if variance else 0.0


Pick = Callable[[Series], np.ndarray]
_RETURNS: Pick = attrgetter("returns")
_IMBALANCE: Pick = attrgetter("imbalance")


def _sizes(series: Series) -> np.ndarray:
    """Of the returns, whatever their sign: volatility."""
    sizes: np.ndarray = np.abs(series.returns)
    return sizes


# name: (whether it is barred, of which series, statistic)
STATISTICS: dict[str, tuple[bool, Pick, Callable[[np.ndarray], float]]] = {
    "order-flow imbalance a second: mean, lots": (True, _IMBALANCE, lambda series: float(series.mean())),
    "order-flow imbalance a second: deviation, lots": (True, _IMBALANCE, lambda series: float(series.std())),
    "order-flow imbalance: autocorrelation, 1 s": (True, _IMBALANCE, autocorrelation),
    "volatility (|return|): autocorrelation, 1 s": (True, _sizes, autocorrelation),
    "volatility (|return|): autocorrelation, 10 s": (True, _sizes, lambda series: autocorrelation(series, 10)),
    "returns a second: deviation, half ticks": (False, _RETURNS, lambda series: float(series.std())),
    "returns a second: kurtosis": (False, _RETURNS, _kurtosis),
    "returns a second: autocorrelation, 1 s": (False, _RETURNS, autocorrelation),
}


@dataclass(frozen=True)
class Measure:
    """One distribution: the distances of each model from the unseen part, and the floor."""

    name: str
    floor: Distance
    models: dict[str, Distance]

    @property
    def bar(self) -> float | None:
        return max(LEAST_KS, OF_FLOOR * self.floor.ks) if self.name in BARRED else None

    def meets(self, model: str) -> bool:
        return self.bar is None or self.models[model].ks <= self.bar


@dataclass(frozen=True)
class Statistic:
    """One number of a series: the unseen part's with its interval, the fitted part's, each model's."""

    name: str
    barred: bool
    unseen: Interval
    fitted: float
    models: dict[str, float]

    def meets(self, model: str) -> bool:
        return not self.barred or self.unseen.has(self.models[model])


@dataclass(frozen=True)
class Verdict:
    measures: list[Measure]
    statistics: list[Statistic]
    observations: dict[str, Observations]  # "fitted part", "unseen part", and each model

    @property
    def models(self) -> list[str]:
        return list(self.measures[0].models)

    def met(self, model: str) -> int:
        barred = [one for one in self.measures if one.bar is not None], [one for one in self.statistics if one.barred]
        return sum(one.meets(model) for part in barred for one in part)

    @property
    def bars(self) -> int:
        return len(BARRED) + sum(one.barred for one in self.statistics)

    @property
    def best(self) -> str:
        """The model that meets most bars; of several, the one that is nearest on all that have one."""
        total = {m: sum(one.models[m].ks for one in self.measures if one.bar is not None) for m in self.models}
        return max(self.models, key=lambda model: (self.met(model), -total[model]))

    def as_dict(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "bars": self.bars,
            "met": {model: self.met(model) for model in self.models},
            "measures": [
                {
                    "name": one.name,
                    "bar": one.bar,
                    "floor": one.floor._asdict(),
                    "models": {model: found._asdict() for model, found in one.models.items()},
                }
                for one in self.measures
            ],
            "statistics": [
                {
                    "name": one.name,
                    "barred": one.barred,
                    "unseen": one.unseen._asdict(),
                    "fitted": one.fitted,
                    "models": one.models,
                }
                for one in self.statistics
            ],
        }


def parts_of(real: Played, train: float) -> tuple[Observations, Observations]:
    """(the part that was fitted to, the part that was not)."""
    last_ms = int(real.tape.time_ns[-1]) // NS_PER_MS
    between_ms = int(train * last_ms)
    if min(between_ms, last_ms - between_ms) < 60_000:
        raise TapeError(f"the capture lasts {last_ms / 1000:.0f} s: each of its two parts must last a minute or more")
    return observe(real, 0, between_ms), observe(real, between_ms, last_ms)


def synthetic(flow: Flow, model: str, seed: int, seconds: int) -> Observations:
    """So many seconds of the model, after its warm-up, through the same engine and with the capture's clock.

    Nobody meets his own orders: on a tape all bids are one account's and all asks another's, and the books would part.
    """
    flow = replace(flow, population=replace(flow.population, self_trades=0.0))
    last_ms = WARM_UP_MS + seconds * 1_000
    messages = generate(flow, model, seed, seconds=last_ms / 1_000)
    if not len(messages):
        raise TapeError(f"{model}: the flow is empty, its rates are 0")
    return observe(play(rounded_to_ms(of_messages(messages))), WARM_UP_MS, last_ms)


def judge(fitted: Observations, unseen: Observations, models: dict[str, Observations], seed: int) -> Verdict:
    random = np.random.default_rng(seed)
    for name, seen in {"fitted part": fitted, "unseen part": unseen, **models}.items():
        empty = [measure for measure, samples in seen.samples.items() if not len(samples.values)]
        if empty:
            raise TapeError(f"{name}: nothing to measure for {', '.join(empty)}")
    measures = [
        Measure(
            name,
            distance(fitted.samples[name], unseen.samples[name], random),
            {model: distance(seen.samples[name], unseen.samples[name], random) for model, seen in models.items()},
        )
        for name in unseen.samples
    ]
    statistics = [
        Statistic(
            name,
            barred,
            interval(pick(unseen.series), statistic, random),
            statistic(pick(fitted.series)),
            {model: statistic(pick(seen.series)) for model, seen in models.items()},
        )
        for name, (barred, pick, statistic) in STATISTICS.items()
    ]
    return Verdict(measures, statistics, {"fitted part": fitted, "unseen part": unseen, **models})
