"""Reads and writes `flow.toml`, the parameters of a synthetic flow, as they are declared in parameters.py."""

import math
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from bench.flow.fields import Declared, declared_of, nested
from bench.flow.laws import PARAMETERS, SHAPES, Law, moment
from bench.flow.parameters import DEFAULT, Flow, Step
from bench.report.saving import saving
from engine_core.config.toml_section import ConfigError, Section

LEAST_SHAPE, MOST_SHAPE = 0.01, 50.0
MOST_ENTRIES = 10_000
T = TypeVar("T")
_NO_DEFAULT = object()


class _Table(Section):
    """A table of flow.toml: of numbers with a fraction, and of lists, besides what the configuration has."""

    def has(self, key: str) -> bool:
        return key in self._values

    def number(self, key: str, low: float, high: float, default: Any = _NO_DEFAULT) -> float:
        if default is not _NO_DEFAULT and not self.has(key):
            return float(default)
        value = self._values.pop(key, None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, f"must be a number from {low:g} to {high:g}, is {value!r:.40}")
        if not low <= value <= high:  # neither is true of nan
            raise self.error(key, f"must be from {low:g} to {high:g}, is {value!r:.40}")
        return float(value)

    def listed(self, key: str) -> list[Any]:
        values = self._values.pop(key)
        if not isinstance(values, list) or not 0 < len(values) <= MOST_ENTRIES:
            raise self.error(key, f"must be a list of 1 to {MOST_ENTRIES} entries")
        return values

    def table(self, key: str) -> "_Table":
        return _Table(self.file, f"{self._path}.{key}" if self._path else key, self._values.pop(key, {}))

    def parts(self, key: str, values: list[Any]) -> Iterator["_Table"]:
        """The tables in a list; each is named by its place, from 1."""
        for place, value in enumerate(values, 1):
            yield _Table(self.file, f"{self._path}.{key}[{place}]" if self._path else f"{key}[{place}]", value)


def load(path: Path) -> Flow:
    """The parameters in a file, checked; ConfigError says which key is wrong and what is allowed."""
    flow = _read(_Table(str(path), "", _content(path)), Flow)
    check(flow, str(path))
    return flow


def parts_left_out(path: Path) -> list[str]:
    """What a file says nothing of, so that the built-in values hold."""
    given = _content(path)
    return [each.name for each in fields(Flow) if each.name not in given and getattr(DEFAULT, each.name)]


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None


def check(flow: Flow, file: str = "the parameters") -> None:
    """What no field by itself can say."""
    for name in ("orders", "opening"):
        if not getattr(flow, name):
            raise ConfigError(f"{file}: {name}: must have at least one class ([[{name}]])")
    takers = flow.takers
    if takers.market + takers.ioc + takers.fok > 1 + 1e-9:
        raise ConfigError(f"{file}: takers: market, ioc and fok are shares of the same orders: at most 1 together")
    for number, state in enumerate(flow.pace, 1):
        if len(state.following) != len(flow.pace) or sum(state.following) <= 0:
            problem = f"must be {len(flow.pace)} weights, one for each of [[pace]], and not all 0"
            raise ConfigError(f"{file}: pace[{number}].following: {problem}")
    hawkes = flow.hawkes
    if len(hawkes.excitation) != len(hawkes.decay_per_s):
        raise ConfigError(f"{file}: hawkes.excitation: must have one matrix for each of hawkes.decay_per_s")
    ratio = hawkes.branching_ratio()
    if not ratio < 1:
        problem = f"the branching ratio is {ratio:.3f} and must be below 1, or arrivals grow without bound"
        raise ConfigError(f"{file}: hawkes.excitation: {problem}: divide all of it by {ratio * 1.05:.3f} or more")
    sizes = [flow.takers.size, flow.takers.probe_size, *(order.size for order in flow.orders)]
    if not all(math.isfinite(moment(size, hawkes.mark_power)) for size in sizes):
        problem = "must be below alpha of every pareto law of the sizes, or their power has no mean"
        raise ConfigError(f"{file}: hawkes.mark_power: {problem}")
    _check_queues(flow, file)


def check_arrivals(flow: Flow, model: str, regime: tuple[Step, ...]) -> None:
    """Something arrives, or a flow would never go on."""
    models = {
        "zero-intelligence": ("zero_intelligence.per_s", flow.zero_intelligence.per_s),
        "hawkes": ("hawkes.base_per_s", flow.hawkes.base_per_s),
        "queue-reactive": ("queue_reactive.place_per_s", [max(row) for row in flow.queue_reactive.place_per_s]),
    }
    key, rates = models[model]
    if not sum(rates) > 0:
        raise ConfigError(f"{key}: at least one rate must be above 0, or nothing ever arrives")
    if not max(step.rate for step in regime) > 0:
        raise ConfigError("regime: at least one step must have a rate above 0, or nothing ever arrives")
    if flow.pace and not max(state.rate for state in flow.pace) > 0:
        raise ConfigError("pace: at least one state must have a rate above 0, or nothing ever arrives")


def _check_queues(flow: Flow, file: str) -> None:
    queues = flow.queue_reactive
    shape = (len(queues.place_per_s), len(queues.take_per_s))
    if not 1 <= shape[0] <= 20 or not 2 <= shape[1] <= 1_000:
        raise ConfigError(f"{file}: queue_reactive: must have 1 to 20 rows and 2 to 1000 columns, has {shape}")
    for name in ("place_per_s", "cancel_per_s"):
        for row in (rows := getattr(queues, name)):
            if (len(rows), len(row)) != shape:
                problem = f"must have {shape[0]} rows of {shape[1]} numbers, as place_per_s and take_per_s have"
                raise ConfigError(f"{file}: queue_reactive.{name}: {problem}")


def _read(section: _Table, record: type[T]) -> T:
    """A dataclass of declared fields from a table; what the table leaves out has its default."""
    values = {}
    for one in fields(record):  # type: ignore[arg-type]
        given = section.has(one.name)
        if given or declared_of(one).kind == "table":
            values[one.name] = _value(section, one.name, declared_of(one))
    section.done()
    return record(**values)


def _value(section: _Table, key: str, declared: Declared) -> Any:
    low, high, record = declared.low, declared.high, declared.record
    if declared.kind == "whole":
        return section.integer(key, int(low), int(high))
    if declared.kind == "real":
        return section.number(key, low, high)
    if record is not None and declared.kind == "table":
        return _read(section.table(key), record)
    values = section.listed(key)
    if record is not None:
        return tuple(_read(part, record) for part in section.parts(key, values))
    if declared.kind == "mixture":
        return tuple(_law(part, declared) for part in section.parts(key, values))
    problem = _misshapen(values, declared, declared.shape)
    if problem:
        raise section.error(key, problem)
    return nested(values)


def _misshapen(values: Any, declared: Declared, shape: tuple[int, ...]) -> str:
    """Why these are not numbers in lists of that shape; empty if they are."""
    if not shape:
        if isinstance(values, bool) or not isinstance(values, int | float):
            return f"must be numbers, one is {values!r:.40}"
        return "" if declared.low <= values <= declared.high else (
            f"must be from {declared.low:g} to {declared.high:g}, one is {values!r:.40}"
        )  # fmt: skip
    if not isinstance(values, list) or not values or (shape[0] and len(values) != shape[0]):
        return f"must be a list of {shape[0] or 'one or more'} {'lists' if shape[1:] else 'numbers'}"
    return next((why for value in values if (why := _misshapen(value, declared, shape[1:]))), "")


def _law(section: _Table, declared: Declared) -> Law:
    law = section.choice("law", tuple(PARAMETERS))
    weight = section.number("weight", 1e-9, 1e9, 1.0)
    signed = law in ("atom", "uniform")
    parameters = []
    for name in PARAMETERS[law]:
        if name in SHAPES:
            parameters.append(section.number(name, LEAST_SHAPE, MOST_SHAPE))
        else:
            least = declared.low if signed else min(max(declared.low, 1e-9), declared.high)
            parameters.append(section.number(name, least, declared.high))
    if law == "uniform" and parameters[0] >= parameters[1]:
        raise section.error("high", "must be above low")
    section.done()
    return Law(law, weight, *parameters)


def dump(flow: Flow, path: Path) -> None:
    with saving(path):
        path.write_text(text_of(flow), encoding="utf-8")


def text_of(flow: Flow) -> str:
    """The parameters as TOML, each with its meaning above it."""
    return "\n".join(_lines(flow, "")) + "\n"


def _lines(record: Any, path: str) -> Iterator[str]:
    later = []
    for one in fields(record):
        declared, value = declared_of(one), getattr(record, one.name)
        if declared.record is not None:
            later.append((one.name, declared, value))
            continue
        yield f"# {declared.about}"
        yield f"{one.name} = {_literal(value)}"
    for name, declared, value in later:
        header = f"{path}.{name}" if path else name
        for entry in value if declared.kind == "tables" else (value,):
            yield f"\n# {declared.about}"
            yield f"[[{header}]]" if declared.kind == "tables" else f"[{header}]"
            yield from _lines(entry, header)


def _literal(value: Any) -> str:
    if isinstance(value, Law):
        parts = [f'law = "{value.law}"', f"weight = {_literal(value.weight)}"]
        parts += [f"{name} = {_literal(number)}" for name, number in value.parameters.items()]
        return f"{{ {', '.join(parts)} }}"
    if isinstance(value, tuple):
        inner = [_literal(part) for part in value]
        if any(isinstance(part, tuple | Law) for part in value):
            return "[\n" + "".join(f"  {part},\n" for part in inner) + "]"
        return f"[{', '.join(inner)}]"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} cannot be written: a parameter is a finite number")
    return repr(value)
