"""What an order costs in processor time, by the role of the process that spends it, while a load ran.

On a machine whose cores are all busy the sum says how many orders there can be; and it hardly depends on what else the
machine does, as rates do. Non-goals: an exchange on another host; what a process does without being asked.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType

import psutil

CLIENT = "client"


class CpuSampler:
    """Counts while a block runs, of which there may be several. `processes`: ids by role; with each its children.

    The client is this process, and what it started and waited for within the block.
    """

    def __init__(self, processes: Mapping[str, Sequence[int]]) -> None:
        self._processes = processes
        self._before: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()

    def __enter__(self) -> "CpuSampler":
        self._before = self._now()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._seconds.update(self._now() - self._before)  # a role whose process was replaced has nothing to show

    def microseconds(self, orders: int) -> dict[str, float]:
        """Of each of so many orders, by role."""
        return {role: seconds / orders * 1e6 for role, seconds in self._seconds.most_common()} if orders else {}

    def _now(self) -> Counter[str]:
        own = os.times()
        found = Counter({CLIENT: own.user + own.system + own.children_user + own.children_system})
        for role, pids in self._processes.items():
            for pid in pids:
                found[role] += _seconds_of(pid)
        return found


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
