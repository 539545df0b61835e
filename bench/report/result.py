"""The form in which every benchmark writes what it measured, so that one report and one comparison read them all.

    run = Run("pipeline", options, seed=7)       before the clock starts
    run.write(options.json, [Figure(...)], [Check(...)], own={...})

A document is one JSON object:

    form          "exchange-bench/1"
    name          of the benchmark;  parameters, seed: what to run it again with, profile and limits of the exchange too
    commit        of the sources, "+" behind it if they were changed since; version: of the exchange
    machine       processor, cores, memory, system, Python;  packages: versions of those that are measured along
    started       UTC;  seconds: all of it took;  load: average of the machine, before and after
    results       the figures: name, value, unit, better ("higher" or "lower"; "" if neither is), samples (or [])
    checks        what was proven about the answers: name, passed, text
    curves        what the report draws: see Curve
    …             and the benchmark's own members, of which `warnings` and `problems` are caveats, each a list of texts

Non-goals: judging (compare/), drawing (page.py).
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil

from bench.report.saving import saving
from engine_core import VERSION
from engine_core.process.percentiles import told

FORM = "exchange-bench/1"
PACKAGES = ("numpy", "numba", "llvmlite", "redis", "hiredis", "uvloop", "httptools", "websockets", "msgspec", "psycopg")
# Where results go, and how long books are waited for afterwards, is no parameter of a measurement.
NO_PARAMETERS = ("json", "html", "plot", "hdr", "books_patience")
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Figure:
    """One number that was measured, with the single measurements that it is made of, if there are several."""

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower", ""]
    samples: Sequence[float] = ()


@dataclass(frozen=True)
class Check:
    name: str
    passed: bool
    text: str = ""


@dataclass(frozen=True)
class Curve:
    """A plot: each series is (name, its x, its y)."""

    title: str
    x_label: str
    y_label: str
    series: list[tuple[str, list[float], list[float]]]
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"


def percentile_curve(title: str, unit: str, at: Mapping[str, tuple[int, Callable[[float], float]]]) -> Curve:
    """Latency by percentile: for each name how many values there are, and what gives the one that a share of them are
    below; a curve ends where its values do. x is 1 / (1 - share), on whose logarithmic scale p90, p99 and p99.9 are
    equally far apart."""
    shares = [1 - 10 ** (-step / 10) for step in range(0, 41)]
    series = []
    for name, (count, of) in at.items():
        known = [share for share in shares if told(count, 100 * share)]
        series.append((name, [1 / (1 - share) for share in known], [of(share) for share in known]))
    return Curve(title, "1 / (1 - percentile)", unit, series, x_scale="log")


@dataclass
class Run:
    """One run of a benchmark, from before its clock starts."""

    name: str
    options: argparse.Namespace
    seed: int | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)  # of the exchange that is measured (conditions.py)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _began: float = field(default_factory=time.monotonic)
    _load: tuple[float, float, float] = field(default_factory=psutil.getloadavg)

    def document(
        self,
        figures: Iterable[Figure],
        checks: Iterable[Check] = (),
        curves: Iterable[Curve] = (),
        own: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        outer: dict[str, Any] = {
            "form": FORM,
            "name": self.name,
            "commit": commit(),
            "version": VERSION,
            "machine": machine(),
            "packages": packages(),
            "parameters": {
                name: value if isinstance(value, int | float | str | list) or value is None else str(value)
                for name, value in vars(self.options).items()
                if name not in NO_PARAMETERS
            }
            | dict(self.conditions),
            "seed": self.seed,
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._began, 3),
            "load": {"before": list(self._load), "after": list(psutil.getloadavg())},
            "results": [asdict(figure) | {"samples": short(figure.samples)} for figure in figures],
            "checks": [asdict(check) for check in checks],
            "curves": [
                asdict(curve) | {"series": [(name, short(x), short(y)) for name, x, y in curve.series]}
                for curve in curves
            ],
        }
        own = dict(own or {})
        assert not own.keys() & outer.keys(), f"members of the form: {own.keys() & outer.keys()}"
        return outer | own

    def write(
        self,
        path: Path | None,
        figures: Iterable[Figure],
        checks: Iterable[Check] = (),
        curves: Iterable[Curve] = (),
        own: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the document to the file that --json named, if it named one."""
        if path is not None:
            write(path, self.document(figures, checks, curves, own))


def short(values: Iterable[float]) -> list[float]:
    """To six digits: no clock is better, and a file of many is half as large."""
    return [float(f"{value:.6g}") for value in values]


def write(path: Path, document: Mapping[str, Any]) -> None:
    with saving(path):
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def commit() -> str:
    """Of the sources that run, "+" behind it if they differ from it; "" outside a repository."""
    try:
        found = _git("rev-parse", "--short=12", "HEAD")
        return found + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def machine() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
