"""Mistakes that the simulation must find: each takes one promise's keeping out of the code.

Non-goals: finding them by name; whatever check a mistake breaks first will do.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from engine_core.runtime import loop, resume, snapshot, tail, trim
from engine_core.runtime.guard import CrashGuard
from engine_core.runtime.machine import Machine
from engine_core.runtime.publish import Publisher
from engine_core.wire.codes import EventKind, Reason
from engine_core.wire.log import LogState, LogTrimmed
from engine_core.wire.outbox import Outbox
from persistence import rows
from persistence.source import EventSource


class Mistake(NamedTuple):
    what: str
    owner: Any  # a module or class
    name: str  # of what is replaced in it
    wrong: Callable[[Any], Any]  # from what was right
    harder: bool = False  # needs the rarer accidents


def _nothing(right: Any) -> Any:
    return lambda *arguments, **named: None


def _empty(right: Any) -> Any:
    return lambda *arguments, **named: []


def _without(error: type[Exception]) -> Callable[[Any], Any]:
    """As it was, but this error is swallowed."""

    def wrong(right: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            with contextlib.suppress(error):
                return right(*arguments, **named)

        return call

    return wrong


def _unproven(right: Any) -> Any:
    """snapshot.read, whatever the checksum says."""

    def read(path: Any) -> Any:
        data = path.read_bytes()
        described = snapshot.describe(path)
        state = snapshot.new_state(described.capacities)
        at = snapshot.HEADER.itemsize
        for array in state:
            flat = array.reshape(-1).view(np.uint8)
            part = np.frombuffer(data[at : at + len(flat)], np.uint8)
            flat[: len(part)] = part
            at += len(flat)
        return described, state

    return read


def _usable(right: Any) -> Any:
    return lambda client, path, place, orders, events: place.log_id == events.log_id


def _far(right: Any) -> Any:
    """parse_stored: the writer is always far ahead."""

    def parse(value: Any) -> Any:
        stored = right(value)
        return stored and type(stored)(stored.log_id, tail.EntryId(1 << 60, 0), stored.entries)

    return parse


def _takes_gaps(right: Any) -> Any:
    """Outbox._refused: what the engine did not know is not sent again."""

    def refused(self: Any, block: Any, reason: Reason, events: Any) -> bool:
        return False if reason == Reason.SEQUENCE_GAP else right(self, block, reason, events)

    return refused


def _prices_of_trades(right: Any) -> Any:
    """A FILL tells the order's own price."""
    wrong = right.copy()
    wrong[EventKind.FILL] = True
    return wrong


def _forgets_half(right: Any) -> Any:
    """EventSource.read: of a batch of several entries the last one is stored by position only."""

    def read(self: Any, position: Any, max_bytes: int) -> Any:
        batch = right(self, position, max_bytes)
        if batch is None or batch.entries < 2:
            return batch
        return dataclasses.replace(batch, events=batch.events[:-1], times_ms=batch.times_ms[:-1])

    return read


MISTAKES = [
    Mistake("a standby that takes over publishes only what comes", Publisher, "add", _nothing),
    Mistake("what is trimmed is not kept for the writer", trim, "parse_stored", _far),
    Mistake("a reader does not notice that it missed trimmed entries", LogState, "check", _without(LogTrimmed)),
    Mistake("a snapshot is believed without its checksum", snapshot, "read", _unproven),
    Mistake("a snapshot ahead of the events is started from", resume, "_is_usable", _usable),
    Mistake("a gateway does not send again what the engine missed", Outbox, "_refused", _takes_gaps),
    Mistake("the price of a trade is stored as the order's", rows, "_HAS_OWN_PRICE", _prices_of_trades),
    Mistake("events of a batch are stored without the last one", EventSource, "read", _forgets_half),
    Mistake("the note of what was executed is not read", CrashGuard, "seen", _empty, harder=True),
    Mistake("an engine that executed what was skipped goes on", loop, "check_skips", _nothing, harder=True),
    Mistake("a skipped block does not count as executed", Machine, "skip", lambda right: _skip, harder=True),
]


def _skip(self: Machine, entry: Any, block: bytes) -> Any:
    return self.refuse(entry, block, Reason.SKIPPED)


@contextlib.contextmanager
def made(mistake: Mistake) -> Iterator[None]:
    right = mistake.owner.__dict__[mistake.name]
    setattr(mistake.owner, mistake.name, mistake.wrong(right))
    try:
        yield
    finally:
        setattr(mistake.owner, mistake.name, right)
