"""Mixtures of laws by expectation and maximisation: round numbers as atoms, the rest lognormal.

Values that were seen only to be longer than something (an order that still lives, or that traded before anybody
withdrew it) are censored: they count with what is to be expected of them.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from bench.flow.laws import Law, Mixture

ROUNDS = 100
LEAST_SIGMA = 0.02  # of a logarithm: sharper peaks are better said as atoms
FEW = 30  # values, below which one component is all that they tell


class _Components(NamedTuple):
    weight: np.ndarray
    mean: np.ndarray  # of the logarithm
    sigma: np.ndarray


def _start(logs: np.ndarray, count: int) -> _Components:
    middles = np.quantile(logs, (np.arange(count) + 0.5) / count)
    width = max(float(logs.std()) / count, LEAST_SIGMA)
    return _Components(np.full(count, 1 / count), middles, np.full(count, width))


def _expect(logs: np.ndarray, censored: np.ndarray, parts: _Components) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(responsibilities, expected logarithms, expected squares of them), each [value, component]."""
    scaled = (logs[:, None] - parts.mean) / parts.sigma
    seen = norm.logpdf(scaled) - np.log(parts.sigma)
    beyond = norm.logsf(scaled)
    likelihood = np.log(parts.weight) + np.where(censored[:, None], beyond, seen)
    share = np.exp(likelihood - logsumexp(likelihood, axis=1, keepdims=True))
    hazard = np.exp(norm.logpdf(scaled) - beyond)
    mean = np.where(censored[:, None], parts.mean + parts.sigma * hazard, logs[:, None])
    spread = parts.sigma**2 * (1 + scaled * hazard)
    tail = parts.mean**2 + 2 * parts.mean * parts.sigma * hazard + spread
    return share, mean, np.where(censored[:, None], tail, logs[:, None] ** 2)


def lognormals(values: np.ndarray, count: int, censored: np.ndarray | None = None) -> Mixture:
    """`count` lognormals for positive values; `censored`: which values are only a lower bound."""
    logs = np.log(values.astype(float))
    censored = np.zeros(len(logs), bool) if censored is None else censored
    parts = _start(logs, count if len(logs) > FEW else 1)
    for _ in range(ROUNDS):
        share, mean, square = _expect(logs, censored, parts)
        total = share.sum(axis=0) + 1e-12
        middle = (share * mean).sum(axis=0) / total
        variance = (share * square).sum(axis=0) / total - middle**2
        parts = _Components(total / total.sum(), middle, np.sqrt(np.maximum(variance, LEAST_SIGMA**2)))
    rows = zip(*(part.tolist() for part in parts), strict=True)
    return tuple(Law("lognormal", weight, float(np.exp(mean)), sigma) for weight, mean, sigma in rows if weight > 1e-6)


def with_atoms(values: np.ndarray, least_share: float, count: int) -> Mixture:
    """Every value that at least that share of all has is an atom; `count` lognormals are for the others."""
    if not len(values):
        return ()
    distinct, times = np.unique(values, return_counts=True)
    common = times >= max(least_share * len(values), 2)
    atoms = tuple(
        Law("atom", number / len(values), float(value))
        for value, number in zip(distinct[common].tolist(), times[common].tolist(), strict=True)
    )
    rest = values[~np.isin(values, distinct[common])]
    return atoms + scaled(lognormals(rest, count), len(rest) / len(values)) if len(rest) else atoms


def scaled(mixture: Mixture, factor: float) -> Mixture:
    """The same laws with other weights."""
    return tuple(Law(law.law, law.weight * factor, law.first, law.second) for law in mixture)
