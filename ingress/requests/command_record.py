"""A COMMAND record as a plain Python value.

NumPy is fast on arrays of records and slow on one; the edge handles one order at a time, so it packs with `struct`
(engine_core/wire/events.py unpacks what comes back). The format is checked against the layout at import.
"""

import struct
from typing import NamedTuple

import numpy as np

from engine_core.wire.layout import COMMAND

_COMMAND = struct.Struct("<6B2xIIqI4xqqqq")


class Command(NamedTuple):
    """One COMMAND, fields in the record's order."""

    kind: int
    side: int = 0
    order_type: int = 0
    time_in_force: int = 0
    self_trade: int = 0
    flags: int = 0
    market: int = 0
    account: int = 0
    order_id: int = 0
    client_id: int = 0
    price_ticks: int = 0
    quantity_lots: int = 0
    trigger_ticks: int = 0
    amount_atoms: int = 0  # or display_lots

    def pack(self) -> bytes:
        return _COMMAND.pack(*self)

    @classmethod
    def unpack(cls, record: bytes) -> "Command":
        return cls(*_COMMAND.unpack(record))


def _check() -> None:
    command_fields = [name for name in COMMAND.names or () if not name.startswith("pad") and name != "display_lots"]
    packed = Command(*range(1, len(Command._fields) + 1)).pack()
    record = np.frombuffer(packed, COMMAND)[0]
    assert command_fields == list(Command._fields), "Command names other fields than the layout"
    assert [record[name] for name in Command._fields] == list(range(1, len(Command._fields) + 1))


_check()
