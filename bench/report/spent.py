"""What an order costs in processor time, by the role of the process that spends it, while a load ran.

On a machine whose cores are all busy the sum says how many orders there can be; and it hardly depends on what else the
machine does, as rates do. Non-goals: an exchange on another host; what a process does without being asked.
"""

import contextlib
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter
from types import TracebackType

import psutil

CLIENT = "client"


class CpuSampler:
    """Counts while a block runs, of which there may be several. `processes`: ids by role; with each its children.

    The client is this process, and what it started and waited for within the block.
    """

    def __init__(self, processes: Mapping[str, Sequence[int]]) -> None:
        self._processes = processes
        self._before: dict[str, float] = {}
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def __enter__(self) -> "CpuSampler":
        self._before = self._now()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for role, seconds in self._now().items():
            self._seconds[role] += max(seconds - self._before[role], 0.0)  # a process may have been replaced

    def microseconds(self, orders: int) -> dict[str, float]:
        """Of each of so many orders, by role."""
        most_first = sorted(self._seconds.items(), key=itemgetter(1), reverse=True)
        return {role: seconds / orders * 1e6 for role, seconds in most_first} if orders else {}

    def _now(self) -> dict[str, float]:
        own = os.times()
        spent = {role: sum(map(_seconds_of, pids)) for role, pids in self._processes.items()}
        return {CLIENT: own.user + own.system + own.children_user + own.children_system, **spent}


def _seconds_of(pid: int) -> float:
    seconds = 0.0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = each.cpu_times()
                seconds += times.user + times.system
    return seconds


def table(microseconds: Mapping[str, float]) -> str:
    """For people."""
    parts = ", ".join(f"{role} {spent:.1f}" for role, spent in microseconds.items())
    return f"CPU of an order: {sum(microseconds.values()):.0f} us, of it {parts}"
