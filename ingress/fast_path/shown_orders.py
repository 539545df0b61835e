"""The answers to plain placements, as a kernel has written them (answer_kernel.py), until each is asked for.

A read of the feed is shown here before anybody is told of his events; so an answer is of the read under way, or there
is none.
"""

import struct

import numpy as np

from engine_core.replica.setup import Setup
from engine_core.wire.codes import EventKind
from engine_core.wire.layout import EVENT, SLOT
from ingress.fast_path.answer_kernel import answers, shown_markets, write_answers

_SLOT_WORDS = SLOT.itemsize // 8
_ACCEPTED = EventKind.ACCEPTED.value
_KIND_AND_ORDER = struct.Struct("<B15xq").unpack_from  # of an EVENT


class ShownOrders:
    """`gateway`: of whose commands."""

    def __init__(self, setup: Setup, gateway: int) -> None:
        self._setup, self._gateway = setup, gateway
        self._changes, self._markets = -1, shown_markets(())
        self._made = answers()
        self._read: np.ndarray | None = None  # of the feed, until its first answer is asked for
        self._texts: dict[int, bytes] = {}  # by the order's id

    def observe(self, slots: np.ndarray) -> None:
        """A read of the feed; most of those of a quiet exchange have nothing of this gateway."""
        self._read = slots
        self._texts.clear()

    def of(self, events: np.ndarray) -> bytes | None:
        """The answer to the placement that has these events, as JSON; None: it is not plain."""
        kind, order_id = _KIND_AND_ORDER(events)  # type: ignore[arg-type]
        if kind != _ACCEPTED:  # a DUPLICATE is of an order that exists
            return None
        if self._read is not None:
            read, self._read = self._read, None
            self._write(read)
        return self._texts.get(order_id)

    def _write(self, slots: np.ndarray) -> None:
        if self._setup.market_changes != self._changes:
            self._changes, self._markets = self._setup.market_changes, shown_markets(self._setup.markets.values())
        rows = np.frombuffer(slots, np.int64).reshape(len(slots), _SLOT_WORDS)
        count = write_answers(rows, self._gateway, self._markets, self._made)
        if not count:
            return
        ends = self._made.ends[:count].tolist()
        text = self._made.text[: ends[-1]].tobytes()
        start = 0
        for order_id, end in zip(self._made.orders[:count].tolist(), ends, strict=True):
            self._texts[order_id] = text[start:end]
            start = end


assert EVENT.fields is not None and EVENT.fields["kind"][1] == 0 and EVENT.fields["order_id"][1] == 16
