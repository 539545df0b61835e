"""How a parameter is declared: once, with its bounds, its unit and its meaning, for the file, for the checks, for the
reader.

    base_per_s: float = real(1.0, 0, 1e6, "orders a second")

flow_toml.py reads and writes dataclasses of such fields; this file knows of no particular one.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.flow.laws import Mixture


@dataclass(frozen=True, slots=True)
class Declared:
    """What is known about a field besides its default."""

    kind: str  # whole, real, reals, mixture, table or tables
    about: str
    low: float = 0.0
    high: float = 0.0
    shape: tuple[int, ...] = ()  # of reals; 0: any length
    record: type | None = None  # of table and tables


def _declare(default: Any, declared: Declared) -> Any:
    return field(default=default, metadata={"declared": declared})


def whole(default: int, low: int, high: int, about: str) -> Any:
    return _declare(default, Declared("whole", about, low, high))


def real(default: float, low: float, high: float, about: str) -> Any:
    return _declare(default, Declared("real", about, low, high))


def reals(default: Any, shape: tuple[int, ...], low: float, high: float, about: str) -> Any:
    """Numbers in lists of lists of this shape, kept as tuples."""
    return _declare(nested(default), Declared("reals", about, low, high, shape))


def mixture(default: Mixture, low: float, high: float, about: str) -> Any:
    """Low and high hold for the values that are drawn: whatever lies outside is moved to the bound."""
    return _declare(default, Declared("mixture", about, low, high))


def table(record: type, about: str) -> Any:
    return field(default_factory=record, metadata={"declared": Declared("table", about, record=record)})


def tables(default: tuple[Any, ...], record: type, about: str) -> Any:
    return _declare(default, Declared("tables", about, record=record))


def declared_of(one: Any) -> Declared:
    found: Declared = one.metadata["declared"]
    return found


def nested(values: Any) -> Any:
    """Lists, tuples or arrays of numbers as tuples of floats, however deep."""

    def convert(part: Any) -> Any:
        return tuple(map(convert, part)) if isinstance(part, list) else float(part)

    return convert(np.asarray(values, float).tolist())
