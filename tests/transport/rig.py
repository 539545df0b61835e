"""A log and a ring written by the test itself, in place of an engine."""

from pathlib import Path

import numpy as np
import redis

from engine_core.transport.ring import RingWriter, Stamp
from engine_core.wire.layout import EVENT
from engine_core.wire.streams import FIELD, ORIGIN, EntryId, Header, encode_block, keys

LOG_ID = 4711
NAMES = keys(0)


def numbered(first: int, count: int) -> np.ndarray:
    """Events that carry their number in several fields, so that a torn one is seen."""
    events = np.zeros(count, EVENT)
    numbers = np.arange(first, first + count)
    events["kind"], events["order_id"], events["created_ms"], events["update_id"] = 1, numbers, numbers, numbers
    return events


class FakeEngine:
    """Publishes numbered events 1, 2, 3, ... as blocks: to the ring, to the stream, or to both."""

    def __init__(self, url: str, runtime: Path | None, *, slots: int = 1024, log_id: int = LOG_ID) -> None:
        self.client = redis.Redis.from_url(url)
        self.log_id = log_id
        self.next_event = 1
        self.top = ORIGIN
        self._runtime, self._slots = runtime, slots
        self.ring: RingWriter | None = None
        if runtime is not None:
            self.restart(ORIGIN)

    def restart(self, base: EntryId) -> None:
        """A new incarnation, with a ring that begins after `base`."""
        assert self._runtime is not None
        if self.ring is not None:
            self.ring.close()
        self.ring = RingWriter(self._runtime, 0, self._slots, self.log_id, 1, base)

    def block(
        self, count: int, *, ring: bool = True, stream: bool = True, gateway: int = 9, entry: EntryId | None = None
    ) -> EntryId:
        entry = entry or EntryId(self.top.ms + 1, 0)
        events = numbered(self.next_event, count)
        self.next_event += count
        self.top = entry
        self.publish(entry, events, ring=ring, stream=stream, gateway=gateway)
        return entry

    def publish(
        self, entry: EntryId, events: np.ndarray, *, ring: bool = True, stream: bool = True, gateway: int = 9
    ) -> None:
        if ring and self.ring is not None:
            self.ring.write(events, Stamp(entry, gateway, 1, entry.ms, entry.ms))
            self.ring.ring()
        if stream:
            header = Header(self.log_id, 1, gateway, 1, entry.ms, entry.ms, 1)
            with self.client.pipeline(transaction=True) as pipe:
                pipe.xadd(NAMES.orders, {FIELD: b"commands"}, id=str(entry))
                pipe.xadd(NAMES.events, {FIELD: encode_block(header, events)}, id=str(entry))
                pipe.execute()

    def close(self) -> None:
        if self.ring is not None:
            self.ring.close()
        self.client.close()
