"""Events as readers get them: from the newest ring if it has all since the last one, else from the stream."""

from typing import Any

import numpy as np

from engine_core.transport.feed import slots_of
from engine_core.transport.redis_connection import describe
from engine_core.transport.replicated import EventReader, read_events
from engine_core.wire.layout import EVENT, join
from engine_core.wire.streams import FIELD, ORIGIN, EntryId, decode_block, keys
from tests.simulated.actors import Host

NAMES = keys(0)


class SimFeed:
    """Stands in for transport.feed.Feed."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.position = ORIGIN
        self._reader = EventReader(NAMES)

    def begin(self, client: Any) -> tuple[int, int]:
        """After the last event there is; waits for an engine to create the log. (log id, epoch)."""
        while self._host.server.stream(NAMES.events).top == ORIGIN:
            self._host.world.wait(seconds=0.05)
        state = describe(client, NAMES.events)
        self.position = next(iter(self._host.server.stream(NAMES.replicated).entries), state.top)
        return state.log_id, state.epoch

    def check(self, client: Any, *known: EntryId) -> None:
        """LogBehind if the command log has lost what was seen of it; after each new connection."""
        self._reader = EventReader(NAMES)
        describe(client, NAMES.orders).check(max([self.position, *known]))

    def take(self, client: Any) -> np.ndarray | None:
        """What comes next, as SLOT records."""
        ring = self._host.ring
        if ring is not None and ring.base <= self.position and self._host.world.chance.random() < 0.9:
            found = [(entry, slots) for entry, slots in ring.blocks if entry > self.position]
        else:
            rows = read_events(client, self._reader.steps(self.position, 50, None))
            if rows:
                describe(client, NAMES.events).check(self.position)
            found = [
                (EntryId.parse(entry), slots_of(EntryId.parse(entry), *decode_block(fields[FIELD], EVENT)))
                for entry, fields in rows
            ]
        if not found:
            return None
        self.position = found[-1][0]
        slots = join([slots for _, slots in found])
        return slots if len(slots) else None  # a TICK may have no events
