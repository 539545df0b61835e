"""`exchange top`: what the processes show of themselves, live in the terminal.

Each process answers with its metrics on a socket in the runtime folder (process/metrics.py). Counters are shown as
rates, histograms as percentiles of the time since the last look, everything else as it is; so a metric that a process
adds is here without another line. Valkey and PostgreSQL have none: of them, and of a process that does not answer,
processor and memory are shown. Non-goal: history (that is Prometheus's).
"""

import argparse
import contextlib
import itertools
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

from engine_core.operator.target.running import CommandError, Run, require
from engine_core.process.look import Look, Number, Times, look_at
from engine_core.process.metrics import LATENCY_S
from engine_core.process.sockets import of_roles

COLUMN = 40
CLEAR, HIDE, SHOW, BOLD, PLAIN = "\x1b[H\x1b[J", "\x1b[?25l", "\x1b[?25h", "\x1b[1m", "\x1b[0m"
PERCENTILES = (0.5, 0.99)

Labels = tuple[tuple[str, str], ...]
Series = tuple[str, Labels]


@dataclass
class View:
    """What a process shows, by series."""

    look: Look
    counters: dict[Series, float] = field(default_factory=dict)
    gauges: dict[Series, float] = field(default_factory=dict)
    times: dict[Series, list[int]] = field(default_factory=dict)


def view_of(look: Look) -> View:
    view = View(look)
    for number in look.numbers:
        kind = view.counters if number.name.endswith("_total") else view.gauges
        kind[_series(number)] = float(number.value)
    for times in look.times:
        view.times[_series(times)] = times.counts
    return view


def _series(shown: Number | Times) -> Series:
    return shown.name.removesuffix("_total"), tuple(sorted(shown.labels.items()))


def percentile(before: list[int], now: list[int], share: float) -> float | None:
    """The bound of the bucket below which `share` of what was recorded between two looks lies; None: nothing was."""
    new = [count - earlier for count, earlier in zip(now, before or [0] * len(now), strict=True)]
    counts = list(itertools.accumulate(new))
    if not counts or counts[-1] <= 0:
        return None
    bounds = (*LATENCY_S, float("inf"))
    return next(bound for bound, count in zip(bounds, counts, strict=True) if count >= share * counts[-1])


def _name(series: Series) -> str:
    return " ".join([series[0].replace("_", " "), *(value for _, value in series[1])])


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _duration(seconds: float) -> str:
    if seconds == float("inf"):
        return ">10 s"
    if seconds >= 1:
        return f"{seconds:,.1f} s"
    return f"{seconds * 1e6:.0f} µs" if seconds < 0.001 else f"{seconds * 1e3:.3g} ms"


def cells(before: View, now: View) -> Iterator[str]:
    """One short text a metric."""
    seconds = max(now.look.at_ms - before.look.at_ms, 1) / 1_000
    for series, value in now.counters.items():
        rate = (value - before.counters.get(series, 0.0)) / seconds
        if value:
            yield f"{_name(series)} {_number(max(rate, 0.0))}/s"
    for series, value in now.gauges.items():
        if series[0] == "capacity":
            continue
        limit = now.gauges.get(("capacity", series[1]))
        if series[0] == "capacity_used" and limit is not None:
            yield f"{' '.join(text for _, text in series[1])} {_number(value)} of {_number(limit)}"
            continue
        text = _duration(value) if series[0].endswith("_seconds") else _number(value)
        yield f"{_name(series).removesuffix(' seconds')} {text}"
    for series, counts in now.times.items():
        at = [percentile(before.times.get(series, []), counts, share) for share in PERCENTILES]
        text = " / ".join("-" if value is None else _duration(value) for value in at)
        yield f"{_name(series).replace(' seconds', '')} ≤ {text}"


class Top:
    def __init__(self, run: Run) -> None:
        self.run = run
        self._looks: dict[str, View] = {}
        self._servers: dict[int, psutil.Process] = {}

    @property
    def has_answers(self) -> bool:
        """Whether any process has ever answered."""
        return bool(self._looks)

    def lines(self, width: int) -> Iterator[str]:
        yield f"{BOLD}exchange on {self.run.data}{PLAIN}   p50 / p99 since the last look"
        answered = set()
        for path in of_roles(self.run.runtime):
            look = look_at(path)
            if look is None:
                continue
            now = view_of(look)
            name = path.stem.removesuffix(".0")
            answered.add(path.stem.rpartition(".")[0])
            before = self._looks.get(name, now)
            self._looks[name] = now
            cpu = 100 * (look.cpu_ms - before.look.cpu_ms) / max(look.at_ms - before.look.at_ms, 1)
            yield ""
            yield _title(name, cpu, look.memory_bytes, look.not_ready)
            yield from _columns(list(cells(before, now)), width)
        yield ""
        for role, pids in self.run.processes.items():
            if role not in answered:
                yield from self._without_metrics(role, pids)

    def _without_metrics(self, role: str, pids: list[int]) -> Iterator[str]:
        if not pids:
            yield _title(role, 0.0, 0.0, "not running")
        for pid in pids:
            try:
                process = self._servers.setdefault(pid, psutil.Process(pid))
                family = [process, *process.children(recursive=True)]
                cpu = sum(self._servers.setdefault(one.pid, one).cpu_percent() for one in family)
                yield _title(role, cpu, sum(one.memory_info().rss for one in family), "")
            except psutil.Error:
                yield _title(role, 0.0, 0.0, "not running")


def _title(name: str, cpu: float, memory_bytes: float, problem: str) -> str:
    state = f"  NOT READY: {problem}" if problem else ""
    return f"{BOLD}{name:<14}{PLAIN}{cpu:>6.1f} % of a core{memory_bytes / 2**20:>8.0f} MB{state}"


def _columns(texts: list[str], width: int) -> Iterator[str]:
    fit = max((width - 2) // COLUMN, 1)
    for start in range(0, len(texts), fit):
        yield "  " + " ".join(text.ljust(COLUMN - 1) for text in texts[start : start + fit])


def _plain(text: str) -> str:
    return text.replace(BOLD, "").replace(PLAIN, "")


def top(options: argparse.Namespace) -> int:
    """Show it until Ctrl-C, or once."""
    view = Top(require(options.data))
    width = shutil.get_terminal_size((120, 40)).columns
    list(view.lines(width))  # rates need two looks
    if not (view.run.supervisor or view.has_answers):
        raise CommandError(
            f"no process of an exchange answers in {view.run.runtime}: its roles run elsewhere or not at all; "
            "EXCHANGE_RUNTIME names the folder of their sockets"
        )
    if options.once:
        time.sleep(options.interval)
        print(_plain("\n".join(view.lines(width))))
        return 0
    live = sys.stdout.isatty()
    with contextlib.suppress(KeyboardInterrupt):
        try:
            while True:
                time.sleep(options.interval)
                width = shutil.get_terminal_size((120, 40)).columns
                view.run = require(options.data)
                shown = "\n".join(view.lines(width))
                print(f"{CLEAR}{HIDE}{shown}" if live else _plain(shown), flush=True)
        finally:
            if live:
                print(SHOW)
    return 0
