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
        self._hub, self._due = hub, dict[Sender, list[int]]()  # and its orders
        hub.written = self._written

    def observe(self, slots: np.ndarray) -> None:
        """Remember the sampled blocks of these events (SLOT), if the next tick sends something."""
        if not self.stamps.every or not self._hub.is_awake:
            return
        places = np.flatnonzero(slots["sequence"] % self.stamps.every == 0)
        if len(places):
            for slot in slots[places]:
                orders = self._due.setdefault(Sender(*(int(slot[name]) for name in Sender._fields)), [])
                if self.stamps.tells:
                    orders += self.stamps.orders_of(slot["event"][None])

    def _written(self) -> None:
        if self._due:
            due, self._due = self._due, {}
            asyncio.get_running_loop().call_soon(self._stamp, due)  # after the event loop has sent what was written

    def _stamp(self, due: dict[Sender, list[int]]) -> None:
        at = now()
        for sender, orders in due.items():
            self.stamps.add(sender, at, orders=orders)
