"""The stage of a sampled order in this process: the frames of its events went to their subscribers.

An order that nobody is sent anything of has no such stage. Of several egress processes the first one counts.
"""

import asyncio

import numpy as np

from egress.hub import Hub
from engine_core.process.stages import Sender, Stage, Stamps, now


class FrameStages:
    """`observe` comes after the handlers of events that wake the hub."""

    def __init__(self, every: int, hub: Hub) -> None:
        self.stamps = Stamps(every, Stage.STREAMED)
        self._hub, self._due = hub, set[Sender]()
        hub.written = self._written

    def observe(self, slots: np.ndarray) -> None:
        """Remember the sampled blocks of these events (SLOT), if the next tick sends something."""
        if not self.stamps.every or not self._hub.is_awake:
            return
        places = np.flatnonzero(slots["sequence"] % self.stamps.every == 0)
        if len(places):
            self._due.update(map(Sender, *(slots[name][places].tolist() for name in Sender._fields)))

    def _written(self) -> None:
        if self._due:
            due, self._due = self._due, set()
            asyncio.get_running_loop().call_soon(self._stamp, due)  # after the event loop has sent what was written

    def _stamp(self, due: set[Sender]) -> None:
        at = now()
        for sender in due:
            self.stamps.add(sender, at)
