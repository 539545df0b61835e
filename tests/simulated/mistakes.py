"""Mistakes that the simulation must find: each takes one promise's keeping out of the code.

Non-goals: finding them by name; whatever check a mistake breaks first will do.
"""

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from engine_core.book.memory.state import capacities_of
from engine_core.book.resize import resized
from engine_core.runtime import loop
from engine_core.runtime.crash_guard import CrashGuard
from engine_core.runtime.engine import Engine
from engine_core.runtime.log import tail
from engine_core.runtime.log.publish import Publisher
from engine_core.runtime.machine import Machine
from engine_core.runtime.snapshots import snapshot, trim
from engine_core.transport.outbox import Outbox
from engine_core.transport.replicated import EventReader
from engine_core.wire import history
from engine_core.wire.codes import EventKind, Reason
from engine_core.wire.log import LogState, LogTrimmed
from engine_core.wire.streams import EntryId
from persistence.source import EventSource


class Mistake(NamedTuple):
    what: str
    owner: Any  # a module or class
    name: str  # of what is replaced in it
    wrong: Callable[[Any], Any]  # from what was right
    harder: bool = False  # needs the rarer accidents
    replicated: bool = False  # is one of that durability
    seeds: tuple[int, ...] = ()  # that found it last: they are tried first


def _nothing(right: Any) -> Any:
    return lambda *arguments, **named: None


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
        body, copy = path.read_bytes()[: -snapshot.DIGEST_BYTES], path.with_suffix(".unproven")
        copy.write_bytes(body + hashlib.sha256(body).digest())
        return right(copy)

    return read


def _far(right: Any) -> Any:
    """parse_stored: the writer is always far ahead."""

    def parse(value: Any) -> Any:
        stored = right(value)
        return stored and type(stored)(stored.log_id, tail.EntryId(1 << 60, 0), stored.entries)

    return parse


def _forgets_sent(right: Any) -> Any:
    def keep(self: Any) -> None:
        self._sent = []

    return keep


def _grows_alone(right: Any) -> Any:
    """Engine._raise_capacities: at once, and the log does not say so."""

    def grow(self: Any) -> None:
        now, wanted = capacities_of(self.machine.state), self.config.capacities
        self.machine.state = resized(self.machine.state, now._replace(orders=max(now.orders, wanted.orders)))

    return grow


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


def _forgets_last(right: Any) -> Any:
    """EventSource.read: of several entries the last event is stored by position only."""

    def read(self: Any, position: Any, max_bytes: int) -> Any:
        batch = right(self, position, max_bytes)
        if batch is None or batch.entries < 2:
            return batch
        return dataclasses.replace(batch, events=batch.events[:-1], times_ms=batch.times_ms[:-1])

    return read


def _leaves_at_once(right: Any) -> Any:
    return lambda self, before, run, read_at, matched_at: self._to_ring(before, run, read_at, matched_at)


def _reads_on(right: Any) -> Any:
    """EventReader.steps: to the top."""

    def steps(self: Any, after: EntryId, count: int, block_ms: int | None) -> Any:
        self._end = EntryId(1 << 60, 0)
        return right(self, after, count, block_ms)

    return steps


MISTAKES = [
    Mistake("what was sent when a connection broke is not sent again", Publisher, "_keep", _forgets_sent, seeds=(2,)),
    Mistake("what is trimmed is not kept for the writer", trim, "parse_stored", _far, seeds=(138,)),
    Mistake("trimmed entries are not missed", LogState, "check", _without(LogTrimmed), seeds=(148, 826)),
    Mistake("a snapshot is believed without its checksum", snapshot, "read", _unproven, seeds=(45,)),
    Mistake("a gateway does not send again what the engine missed", Outbox, "_refused", _takes_gaps, seeds=(2,)),
    Mistake("the price of a trade is stored as the order's", history, "_HAS_OWN_PRICE", _prices_of_trades, seeds=(10,)),
    Mistake("events of a batch are stored without the last one", EventSource, "read", _forgets_last),
    Mistake("a skipped block does not count as executed", Machine, "skip", lambda right: _skip, harder=True),
    Mistake("who executed what was skipped goes on", loop, "check_skips", _nothing, harder=True, seeds=(126,)),
    Mistake("results leave before replicas have them", Engine, "_hand_out", _leaves_at_once, replicated=True),
    Mistake("the stream is read beyond the mark", EventReader, "steps", _reads_on, replicated=True, seeds=(30,)),
    Mistake(
        "what was not replicated is missed",
        CrashGuard,
        "counts_only_replicated",
        _nothing,
        replicated=True,
        seeds=(5, 6),
    ),
    Mistake("a book grows and the log does not say so", Engine, "_raise_capacities", _grows_alone, harder=True),
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
