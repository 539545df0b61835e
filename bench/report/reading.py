"""Reading result files back: one document, or all of those that a file collects (`bench all`, `bench against`)."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from bench.report.result import FORM


class ReadError(Exception):
    """The file is not what a benchmark's --json writes; says why."""


class _Figure(msgspec.Struct):
    name: str
    value: float
    unit: str
    better: Literal["higher", "lower", ""]
    samples: list[float]


class _Check(msgspec.Struct):
    name: str
    passed: bool
    text: str


class _Curve(msgspec.Struct):
    title: str
    x_label: str
    y_label: str
    series: list[tuple[str, list[float], list[float]]]
    x_scale: Literal["linear", "log"]
    y_scale: Literal["linear", "log"]


class _Stage(msgspec.Struct):
    stage: str
    orders: int
    mean_us: float
    p50_us: float | None  # of too few orders
    p99_us: float | None
    max_us: float


class _Run(msgspec.Struct):
    name: str
    commit: str
    version: str
    machine: dict[str, Any]
    packages: dict[str, str]
    parameters: dict[str, Any]
    seed: int | None
    started: str
    seconds: float
    load: dict[Literal["before", "after"], list[float]]
    results: list[_Figure]
    checks: list[_Check]
    curves: list[_Curve]
    label: str = ""
    stages: list[_Stage] = []
    warnings: list[str] = []
    problems: list[str] = []


class _File(_Run, kw_only=True):
    form: Literal["exchange-bench/1"]
    runs: list[_Run] = []


FORM_MEMBERS = frozenset(_File.__struct_fields__)  # all others are a benchmark's own


def read(path: Path) -> dict[str, Any]:
    """The file's document, whole."""
    try:
        document = msgspec.json.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReadError(f"{path}: is not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("form") != FORM:
        raise ReadError(f"{path}: is not the --json file of a benchmark: it has no form {FORM!r}")
    try:
        msgspec.convert(document, _File)
    except msgspec.ValidationError as error:
        raise ReadError(f"{path}: is not as benchmarks write it: {error}") from None
    for run in (document, *runs_of(document)):
        for curve in run["curves"]:
            if any(len(x) != len(y) for _, x, y in curve["series"]):
                raise ReadError(f"{path}: the curve {curve['title']!r} has another number of x than of y")
    return document


def runs_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The documents that a file collects, or its own."""
    runs: list[dict[str, Any]] = document.get("runs") or [document]
    return runs
