"""The state machine as the process drives it: one entry of the command log in, the events that mirror it out.

Deterministic: what comes out depends on the state and the entry alone, so a replay gives the same bytes. Everything
refused before it reaches the book (damaged, foreign, repeated, out of order) gives one BLOCK_REFUSED.

Non-goals: reading and writing logs.
"""

from typing import NamedTuple

import numpy as np

from engine_core.book.blocks import check_block
from engine_core.book.commands import apply_batch
from engine_core.book.state import BEHAVIOUR, GENESIS, LOG_ID, Capacities, State, engine_time, new_state
from engine_core.wire.codes import EventKind, Reason
from engine_core.wire.layout import (
    ADMIN,
    ADMIN_EVENT,
    BEHAVIOUR_VERSION,
    BLOCK_HEADER,
    COMMAND,
    COMMAND_MAGIC,
    EVENT,
    WHOLE_BLOCK,
    join,
)
from engine_core.wire.limits import MAX_BLOCK_EVENTS
from engine_core.wire.log import LogError
from engine_core.wire.ring import Stamp
from engine_core.wire.streams import ORIGIN, BlockError, EntryId, decode_block, encode_block

FIRST_EPOCH = 1
_RAW_COMMAND = np.dtype(("V", COMMAND.itemsize))


class Mirror(NamedTuple):
    """What one entry of the command log caused. `events` is the machine's buffer: valid until the next entry."""

    stamp: Stamp
    commands: int
    events: np.ndarray


class Parsed(NamedTuple):
    """A block as it was read: what can be said of it without the state, and so on another core."""

    reason: Reason  # NONE, or why it cannot be read
    log_id: int
    epoch: int
    gateway: int
    incarnation: int
    sequence: int
    time_ms: int
    commands: np.ndarray  # writable, so kernels are compiled for one type


_NO_COMMANDS = np.empty(0, COMMAND)


def parse(block: bytes) -> Parsed:
    try:
        header, records = decode_block(block, COMMAND)
    except BlockError as error:
        return Parsed(error.reason, 0, 0, 0, 0, 0, 0, _NO_COMMANDS)
    _, _, _, log_id, epoch, gateway, _, incarnation, sequence, time_ms, _, _ = header.item()
    commands = records.view(_RAW_COMMAND).copy().view(COMMAND)
    return Parsed(Reason.NONE, log_id, epoch, gateway, incarnation, sequence, time_ms, commands)


class Machine:
    def __init__(self, capacities: Capacities, *, buffer: int = MAX_BLOCK_EVENTS) -> None:
        self.state: State = new_state(capacities)
        self.position = ORIGIN  # last entry executed
        self.epoch = FIRST_EPOCH
        self._buffer = np.zeros(buffer, EVENT)
        self._header = np.zeros(1, BLOCK_HEADER)

    def adopt(self, state: State, position: EntryId, epoch: int) -> None:
        """Go on from a snapshot."""
        self.state, self.position, self.epoch = state, position, epoch

    @property
    def log_id(self) -> int:
        """0 before GENESIS."""
        return int(self.state.counters[LOG_ID])

    @property
    def time_ms(self) -> int:
        return engine_time(self.state)

    def execute(self, entry: EntryId, block: bytes, parsed: Parsed | None = None) -> Mirror:
        """Execute one entry of the command log. `parsed`: the block, if it was parsed before."""
        assert entry > self.position, f"entry {entry} after {self.position}"
        parsed = parsed or parse(block)
        reason = self._check(parsed)
        if reason != Reason.NONE:
            return self.refuse(entry, block, reason)
        events = self._apply(parsed.commands, min(parsed.time_ms, entry.ms))
        self._check_behaviour(entry)
        self.position = entry
        stamp = Stamp(entry, parsed.gateway, parsed.incarnation, parsed.sequence, self.time_ms)
        return Mirror(stamp, len(parsed.commands), events)

    def refuse(self, entry: EntryId, block: bytes, reason: Reason) -> Mirror:
        """Execute nothing of the entry: its mirror says why."""
        gateway, incarnation, sequence, commands = _names_of(block)
        event = np.zeros(1, ADMIN_EVENT)
        event["kind"], event["reason"], event["index"] = EventKind.BLOCK_REFUSED, reason, WHOLE_BLOCK
        self.position = entry
        stamp = Stamp(entry, gateway, incarnation, sequence, self.time_ms)
        return Mirror(stamp, commands, event.view(EVENT))

    def encode(self, mirror: Mirror) -> bytes:
        """The mirror as it stands in the event log."""
        header = self._header
        header["log_id"], header["epoch"] = self.log_id, self.epoch
        _, header["gateway"], header["incarnation"], header["sequence"], header["time_ms"] = (0, *mirror.stamp[1:])
        header["commands"] = mirror.commands
        return encode_block(header, mirror.events)

    def _check(self, parsed: Parsed) -> Reason:
        if parsed.reason != Reason.NONE:
            return parsed.reason
        if self.state.counters[GENESIS] and (parsed.log_id != self.log_id or parsed.epoch != self.epoch):
            return Reason.BAD_LOG
        reason = check_block(self.state, parsed.gateway, parsed.incarnation, parsed.sequence)
        return Reason(int(reason)) if reason else Reason.NONE

    def _apply(self, commands: np.ndarray, time_ms: int) -> np.ndarray:
        admin, count, first = commands.view(ADMIN), len(commands), 0
        parts: list[np.ndarray] = []
        while True:
            first, written = apply_batch(self.state, commands, admin, first, count, time_ms, self._buffer)
            if first == count and not parts:
                return self._buffer[:written]
            parts.append(self._buffer[:written].copy())
            if first == count:
                return join(parts)

    def _check_behaviour(self, entry: EntryId) -> None:
        behaviour = int(self.state.counters[BEHAVIOUR])
        if self.state.counters[GENESIS] and behaviour != BEHAVIOUR_VERSION:
            raise LogError(
                f"entry {entry} of the command log asks for behaviour version {behaviour}, this code is version "
                f"{BEHAVIOUR_VERSION}: run the engine of that version"
            )


def _names_of(block: bytes) -> tuple[int, int, int, int]:
    """(gateway, incarnation, sequence, commands) that a refused block claims, so that its sender can be told."""
    if len(block) < BLOCK_HEADER.itemsize:
        return 0, 0, 0, 0
    header = np.frombuffer(block, BLOCK_HEADER, 1)[0]
    if header["magic"] != COMMAND_MAGIC:
        return 0, 0, 0, 0
    return int(header["gateway"]), int(header["incarnation"]), int(header["sequence"]), int(header["count"])
