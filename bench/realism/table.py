"""What a verdict says, for the terminal, for the common form of results, and as curves."""

from collections.abc import Iterator

import numpy as np

from bench.realism.judging import BARRED, Verdict
from bench.realism.observations import Samples
from bench.report.result import Curve, Figure

NAME = 46
MOST_POINTS = 300
LOGARITHMIC = ("order size, lots", "lifetime, ms", "inter-arrival time, ms")


def _judged(met: bool, barred: bool) -> str:
    return ("met" if met else "missed") if barred else ""


def _distributions(verdict: Verdict, model: str) -> Iterator[str]:
    yield f"{'distribution':<{NAME}}{'KS':>7}{'95 %':>15}{'floor':>8}{'bar':>7}{'Wasserstein':>21}{'floor':>10}"
    for one in verdict.measures:
        found, bar = one.models[model], one.bar
        interval, limit = f"{found.ks_low:.3f} - {found.ks_high:.3f}", "" if bar is None else f"{bar:.3f}"
        judged = _judged(one.meets(model), bar is not None)
        yield (
            f"{one.name:<{NAME}}{found.ks:>7.3f}{interval:>15}{one.floor.ks:>8.3f}{limit:>7}  {judged:<7}"
            f"{found.wasserstein:>12.4g}{one.floor.wasserstein:>10.3g}"
        )


def _statistics(verdict: Verdict, model: str) -> Iterator[str]:
    yield f"{'statistic':<{NAME}}{'flow':>10}{'real':>10}{'95 % of the real':>24}{'fitted':>10}"
    for one in verdict.statistics:
        interval = f"{one.unseen.low:.3g} to {one.unseen.high:.3g}"
        judged = _judged(one.meets(model), one.barred)
        numbers = f"{one.models[model]:>10.3g}{one.unseen.value:>10.3g}{interval:>24}{one.fitted:>10.3g}"
        yield f"{one.name:<{NAME}}{numbers}  {judged}"


def lines(verdict: Verdict) -> Iterator[str]:
    """The best model in full, the others by their KS distances."""
    yield f"{verdict.best} is the nearest of {', '.join(verdict.models)}; against the part that the fit has not seen:"
    yield from _distributions(verdict, verdict.best)
    yield from _statistics(verdict, verdict.best)
    yield f"{'KS distances':<{NAME}}" + "".join(f"{model:>19}" for model in verdict.models)
    for one in verdict.measures:
        yield f"{one.name:<{NAME}}" + "".join(f"{found.ks:>19.3f}" for found in one.models.values())
    yield "; ".join(f"{model} meets {verdict.met(model)} of {verdict.bars} bars" for model in verdict.models)


def figures(verdict: Verdict) -> list[Figure]:
    found = [
        Figure(f"{model}: {one.name}: KS distance", one.models[model].ks, "", "lower")
        for model in verdict.models
        for one in verdict.measures
        if one.name in BARRED
    ]
    met = [Figure(f"{model}: bars met", verdict.met(model), f"of {verdict.bars}", "higher") for model in verdict.models]
    return met + found


def _curve(samples: Samples, log: bool) -> tuple[list[float], list[float]]:
    """The distribution function at no more points than can be seen."""
    values, inverse = np.unique(samples.values, return_inverse=True)
    total = np.cumsum(np.bincount(inverse, samples.weights))
    share = total / total[-1]
    at = np.unique(np.searchsorted(share, np.linspace(0, 1, MOST_POINTS)).clip(0, len(values) - 1))
    shown = np.maximum(values[at], 0.5) if log else values[at]  # nothing is at 0 of a logarithmic axis
    return [float(value) for value in shown], [round(float(value), 5) for value in share[at]]


def curves(verdict: Verdict) -> list[Curve]:
    drawn = []
    for one in verdict.measures:
        log = one.name in LOGARITHMIC
        series = [(name, *_curve(seen.samples[one.name], log)) for name, seen in verdict.observations.items()]
        drawn.append(Curve(one.name, one.name, "share up to this", series, x_scale="log" if log else "linear"))
    return drawn
