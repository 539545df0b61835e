"""COMMAND and EVENT records as plain Python values, one at a time.

NumPy is fast on arrays of records and slow on one; the edge handles one order at a time, so it packs and unpacks with
`struct`. The formats are derived from the layout and checked against it when this module is imported.
"""

import struct
from typing import NamedTuple

import numpy as np

from engine_core.wire.codes import EventKind
from engine_core.wire.layout import COMMAND, EVENT

_COMMAND = struct.Struct("<6B2xIIqI4xqqqq")
_EVENT = struct.Struct("<8BHHIqIi12q")


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


class Event(NamedTuple):
    """One EVENT; the last four are other things in a FILL (see engine_core/wire/layout.py)."""

    kind: int
    side: int
    order_type: int
    time_in_force: int
    self_trade: int
    flags: int
    status: int
    reason: int
    market: int
    command_index: int
    account: int
    order_id: int
    client_id: int
    price_ticks: int
    given_available: int
    given_locked: int
    update_id: int
    level_lots: int  # a taker's FILL: limit_ticks
    quantity_lots: int
    executed_lots: int
    executed_atoms: int
    received_available: int
    trigger_ticks: int
    amount_atoms: int
    display_lots: int
    created_ms: int


def events_of(records: np.ndarray) -> list[Event]:
    """EVENT records, or the events of SLOT records, as Event tuples."""
    return [Event._make(values) for values in _EVENT.iter_unpack(records.tobytes())]


# The kinds that open a command's own story: exactly one of them answers a PLACE.
_OPENING = frozenset(
    kind.value for kind in (EventKind.ACCEPTED, EventKind.TRIGGER_PLACED, EventKind.DUPLICATE, EventKind.REJECTED)
)

_ACCEPTED, _TRIGGERED = EventKind.ACCEPTED.value, EventKind.TRIGGERED.value


def own_story(events: list[Event]) -> tuple[Event, Event]:
    """(the event that opened this PLACE's own order, the last event of that order) among a command's events.

    Timers and triggers that fired before it, makers that it met and triggers that it set off have events of their own.
    """
    if len(events) == 1:
        return events[0], events[0]
    fired = {event.order_id for event in events if event.kind == _TRIGGERED}  # whose ACCEPTED is not the command's
    opening = next(
        event
        for event in events
        if event.kind in _OPENING and not (event.kind == _ACCEPTED and event.order_id in fired)
    )
    return opening, last_of(opening, events)


def answer_of(command: Command, events: list[Event], kinds: frozenset[int]) -> Event:
    """What answers a command: its last event of one of these kinds. Timers and triggers have events around it."""
    answers = kinds | {EventKind.REJECTED.value}
    return next(event for event in reversed(events) if event.kind in answers and event.account == command.account)


def last_of(opening: Event, events: list[Event]) -> Event:
    """The last event of the order that `opening` is about."""
    return next(event for event in reversed(events) if event.order_id == opening.order_id)


def _check() -> None:
    offset = 0
    command_fields = [name for name in COMMAND.names or () if not name.startswith("pad") and name != "display_lots"]
    packed = Command(*range(1, len(Command._fields) + 1)).pack()
    record = np.frombuffer(packed, COMMAND)[0]
    assert command_fields == list(Command._fields), "Command names other fields than the layout"
    assert [record[name] for name in Command._fields] == list(range(1, len(Command._fields) + 1))
    assert _EVENT.size == EVENT.itemsize
    layout = EVENT.fields
    assert layout is not None
    for name in Event._fields:
        dtype, at = layout[name.removeprefix("command_")][:2]
        assert at == offset, f"Event.{name} is not at byte {offset}"
        offset += dtype.itemsize


_check()
