"""How much of a core each part of what is measured took, and which of them was at its limit.

A program that works in one thread, as the engine and Redis do, is at its limit when that thread never leaves its core;
all are when no core of the machine is free. What else the machine does is shown beside them. Linux only, from /proc:
elsewhere the shares of threads are those of processes.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

AT_LIMIT = 0.95
OTHERS_DISTURB = 0.1  # of the machine


@dataclass(frozen=True)
class Part:
    cores: float  # all its threads
    busiest_thread: float  # share of one core
    waited_for_core: float  # share of the time that this thread could have run, and had no core


@dataclass
class Shares:
    """Of one measurement; empty until it has ended."""

    parts: dict[str, Part] = field(default_factory=dict)
    machine: float = 0.0  # busy share of all cores
    others: float = 0.0  # share of all cores that was none of the parts'
    cores: int = 1

    @property
    def limit(self) -> str:
        """The part that was at its limit, "machine" if the parts filled every core, or "" if there was none."""
        name, part = max(self.parts.items(), key=lambda item: item[1].busiest_thread)
        if part.busiest_thread >= AT_LIMIT:
            return name
        return "machine" if self.machine >= AT_LIMIT and self.others <= OTHERS_DISTURB else ""

    @property
    def verdict(self) -> str:
        disturbed = f"; {self.others:.0%} of the machine was others' work" if self.others > OTHERS_DISTURB else ""
        if self.limit == "machine":
            return f"all {self.cores} cores of the machine were busy{disturbed}"
        if self.limit:
            return f"the {self.limit} was at its limit, a whole core{disturbed}"
        return f"no part was at its limit{disturbed}"

    def table(self) -> str:
        lines = [f"{'':12}{'cores':>8}{'busiest thread':>16}{'waited for a core':>19}"]
        for name, part in self.parts.items():
            lines.append(f"{name:12}{part.cores:8.2f}{part.busiest_thread:16.0%}{part.waited_for_core:19.0%}")
        return "\n".join([*lines, f"{'machine':12}{self.machine * self.cores:8.2f} of {self.cores}"])


@contextmanager
def measured_shares(parts: Mapping[str, int]) -> Iterator[Shares]:
    """The shares of these processes (name, pid) from here to the end of the block."""
    shares = Shares(cores=psutil.cpu_count() or 1)
    machine, began = psutil.cpu_times(), time.monotonic()  # so that nobody has worked longer than it took
    before = {name: _threads(pid) for name, pid in parts.items()}
    yield shares
    after = {name: _threads(pid) for name, pid in parts.items()}
    now, took = psutil.cpu_times(), time.monotonic() - began
    for name in parts:
        shares.parts[name] = _part(before[name], after[name], took)
    total = sum(now) - sum(machine)
    idle = now.idle - machine.idle + getattr(now, "iowait", 0.0) - getattr(machine, "iowait", 0.0)
    shares.machine = max(0.0, 1 - idle / total) if total > 0 else 0.0
    own = sum(part.cores for part in shares.parts.values()) / shares.cores
    shares.others = max(0.0, shares.machine - own)


def _part(before: dict[str, tuple[float, float]], after: dict[str, tuple[float, float]], took: float) -> Part:
    nothing = (0.0, 0.0)
    spent = [(run - before.get(thread, nothing)[0], wait - before.get(thread, nothing)[1])
             for thread, (run, wait) in after.items()]  # fmt: skip
    run, wait = max(spent, default=nothing)
    return Part(sum(each for each, _ in spent) / took, run / took, wait / took)


def _threads(pid: int) -> dict[str, tuple[float, float]]:
    """Of each thread: seconds on a core, and seconds ready to run without one."""
    found = {}
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        run, wait, _ = path.read_text().split()
        found[path.parent.name] = int(run) / 1e9, int(wait) / 1e9
    if not found:
        times = psutil.Process(pid).cpu_times()
        found["all"] = times.user + times.system, 0.0
    return found
