"""What each role of an exchange, and the benchmark itself, took of processor and memory while it was measured."""

import threading
import time
from collections import defaultdict
from types import TracebackType

import psutil

from bench.report.result import Curve
from engine_core.operator.target.roles import ROLES

EVERY_S = 0.5
MOST_POINTS = 300  # of a series: a long run is shown no finer than a page is wide
PROGRAMS = {"valkey-server": "Redis", "redis-server": "Redis", "postgres": "PostgreSQL"}
MODULES = {module: role for role, module in ROLES.items() if role != "standby"} | {"engine_core.cli": "supervisor"}
OTHERS = "benchmark"


class RoleSampler:
    """Looks at all processes below some until the block ends; a role with several processes is their sum."""

    def __init__(self, *roots: int) -> None:
        self._roots = roots
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="roles", daemon=True)
        self._spent: dict[tuple[int, float], float] = {}  # CPU seconds of a process, which its start tells from others
        self.seconds: list[float] = []
        self.cores: dict[str, list[float]] = {}
        self.memory_mb: dict[str, list[float]] = {}

    def __enter__(self) -> "RoleSampler":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def curves(self) -> list[Curve]:
        if not self.seconds:
            return []
        seconds = _thinned(self.seconds)
        return [
            Curve(title, "seconds", unit, [(role, seconds, _thinned(each)) for role, each in sorted(series.items())])
            for title, unit, series in (
                ("CPU of each role", "cores", self.cores),
                ("Memory of each role", "MB", self.memory_mb),
            )
        ]

    def _run(self) -> None:
        began = last = time.monotonic()
        self._look(0.0)
        while not self._ended.wait(EVERY_S):
            now = time.monotonic()
            cores, memory = self._look(now - last)
            last = now
            self._append(self.cores, cores)
            self._append(self.memory_mb, memory)
            self.seconds.append(round(now - began, 2))

    def _append(self, series: dict[str, list[float]], values: dict[str, float]) -> None:
        for role in series.keys() | values.keys():
            known = series.setdefault(role, [0.0] * len(self.seconds))
            known.append(round(values.get(role, 0.0), 3))

    def _look(self, took: float) -> tuple[dict[str, float], dict[str, float]]:
        cores: dict[str, float] = defaultdict(float)
        memory: dict[str, float] = defaultdict(float)
        for process in self._processes():
            try:
                with process.oneshot():
                    role, times = role_of(process), process.cpu_times()
                    memory[role] += process.memory_info().rss / 2**20
            except psutil.Error:
                continue
            key, spent = (process.pid, process.create_time()), times.user + times.system
            if took and key in self._spent:
                cores[role] += (spent - self._spent[key]) / took
            self._spent[key] = spent
        return cores, memory

    def _processes(self) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for root in self._roots:
            try:
                top = psutil.Process(root)
                found += [top, *top.children(recursive=True)]
            except psutil.Error:
                continue
        return found


def _thinned(values: list[float]) -> list[float]:
    """At most so many points, each the mean of those that it stands for."""
    step = -(-len(values) // MOST_POINTS)
    parts = (values[first : first + step] for first in range(0, len(values), step))
    return [round(sum(part) / len(part), 3) for part in parts]


def role_of(process: psutil.Process) -> str:
    words = process.cmdline()
    if process.name() in PROGRAMS:
        return PROGRAMS[process.name()]
    module = words[words.index("-m") + 1] if "-m" in words[:-1] else ""
    return MODULES.get(module, OTHERS)
