"""Mixtures of distributions: what sizes, distances and lifetimes are drawn from.

    atom         value                one number: a round size, the best price
    uniform      low, high
    exponential  mean
    weibull      scale, shape         shape below 1: many short ones and few long ones
    lognormal    median, sigma
    pareto       least, alpha         P(X > x) = (least / x)^alpha: a heavy tail

A mixture is a list of them, each with its weight; weights need not add up to one. See kernels/drawing.py for the draws.
"""

import math
from dataclasses import dataclass

import numpy as np

PARAMETERS = {
    "atom": ("value",),
    "uniform": ("low", "high"),
    "exponential": ("mean",),
    "weibull": ("scale", "shape"),
    "lognormal": ("median", "sigma"),
    "pareto": ("least", "alpha"),
}
ATOM, UNIFORM, EXPONENTIAL, WEIBULL, LOGNORMAL, PARETO = range(6)  # the laws by number, in the order above
SHAPES = {"shape", "sigma", "alpha"}  # parameters without a unit; all others have the unit of what is drawn
COLUMNS = 4  # of a table: cumulative share, law, first parameter, second parameter


@dataclass(frozen=True, slots=True)
class Law:
    """One component of a mixture: `Law("lognormal", 0.3, 7e6, 1.2)`."""

    law: str
    weight: float
    first: float  # the parameters by the names above
    second: float = 0.0

    @property
    def parameters(self) -> dict[str, float]:
        return dict(zip(PARAMETERS[self.law], (self.first, self.second), strict=False))

    def moment(self, power: float) -> float:
        """E[X^power]; inf if it does not exist."""
        a, b = self.first, self.second
        if self.law == "uniform":
            return float((b ** (power + 1) - a ** (power + 1)) / ((power + 1) * (b - a)))
        if self.law == "pareto" and power >= b:
            return math.inf
        relative = {
            "atom": lambda: 1.0,
            "exponential": lambda: math.gamma(1 + power),
            "weibull": lambda: math.gamma(1 + power / b),
            "lognormal": lambda: math.exp((power * b) ** 2 / 2),
            "pareto": lambda: b / (b - power),
        }
        return float(a**power * relative[self.law]())


Mixture = tuple[Law, ...]


def moment(mixture: Mixture, power: float) -> float:
    return sum(law.weight * law.moment(power) for law in mixture) / sum(law.weight for law in mixture)


def table(mixture: Mixture) -> np.ndarray:
    """What the kernels draw from: one row (COLUMNS) for each law."""
    rows = np.zeros((len(mixture), COLUMNS))
    shares = np.cumsum([law.weight for law in mixture])
    rows[:, 0] = shares / shares[-1]
    rows[-1, 0] = 1.0
    rows[:, 1] = [list(PARAMETERS).index(law.law) for law in mixture]
    rows[:, 2], rows[:, 3] = [law.first for law in mixture], [law.second for law in mixture]
    return rows
