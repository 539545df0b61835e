"""Results that an engine has computed and keeps back until replicas have what they are of.

They are copies: the machine's buffer is used again by the next read. The bound is that of events which Redis has not
taken (WAITING_BYTES): while replicas are away the engine appends nothing more, and stops reading there.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from engine_core.runtime.machine import Run
from engine_core.transport.ring import Stamp
from engine_core.transport.ring_memory import STAMP
from engine_core.wire.streams import EntryId


class HeldRun(NamedTuple):
    before: EntryId  # the entry that its first one follows
    run: Run
    read_at: float
    matched_at: float

    @property
    def last(self) -> EntryId:
        stamp = self.run.stamps[-1]
        return EntryId(int(stamp["entry_ms"]), int(stamp["entry_seq"]))


class Held:
    def __init__(self) -> None:
        self._runs: deque[HeldRun] = deque()

    def add(self, before: EntryId, run: Run, read_at: float, matched_at: float) -> None:
        self._runs.append(HeldRun(before, run._replace(events=run.events.copy()), read_at, matched_at))

    def up_to(self, position: EntryId) -> Iterator[HeldRun]:
        """What may leave now."""
        while self._runs and self._runs[0].last <= position:
            yield self._runs.popleft()

    def clear(self) -> None:
        self._runs.clear()


def run_of(stamp: Stamp, commands: int, events: np.ndarray) -> Run:
    """One entry as a run."""
    stamps = np.array([(*stamp.entry, *stamp[1:], len(events))], STAMP)
    return Run(stamps, np.array([commands]), events)
