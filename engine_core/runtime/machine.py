"""The state machine as the process drives it: one entry of the command log in, the events that mirror it out.

Deterministic: what comes out depends on the state and the entry alone, so a replay gives the same bytes. Everything
refused before it reaches the book (damaged, foreign, repeated, out of order) gives one BLOCK_REFUSED.

Non-goals: reading and writing logs.
"""

import logging
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from engine_core.book.commands import execute_blocks
from engine_core.book.ledger.gateways import BLOCK
from engine_core.book.memory.state import (
    BEHAVIOUR,
    GENESIS,
    GROWS,
    LOG_ID,
    SKIPS,
    Capacities,
    State,
    capacities_of,
    engine_time,
    new_state,
)
from engine_core.book.resize import resized
from engine_core.runtime.log.chunk import Chunk
from engine_core.transport.ring import Stamp
from engine_core.wire.codes import CommandKind, EventKind, Reason
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
from engine_core.wire.streams import ORIGIN, BlockError, EntryId, decode_block, encode_block

FIRST_EPOCH = 1
logger = logging.getLogger(__name__)
_RAW_COMMAND = np.dtype(("V", COMMAND.itemsize))


class Mirror(NamedTuple):
    """What one entry of the command log caused. `events` is the machine's buffer: valid until the next entry."""

    stamp: Stamp
    commands: int
    events: np.ndarray


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
        return int(self.state.scalars[LOG_ID])

    @property
    def time_ms(self) -> int:
        return engine_time(self.state)

    def execute(self, entry: EntryId, block: bytes) -> Mirror:
        """Execute one entry of the command log."""
        assert entry > self.position, f"entry {entry} after {self.position}"
        try:
            header, records = decode_block(block, COMMAND)
        except BlockError as error:
            return self.refuse(entry, block, error.reason)
        _, _, _, log_id, epoch, gateway, count, incarnation, sequence, time_ms, _, _ = header.item()
        if self.state.scalars[GENESIS] and (log_id != self.log_id or epoch != self.epoch):
            return self.refuse(entry, block, Reason.BAD_LOG)
        commands = records.view(_RAW_COMMAND).copy().view(COMMAND)  # writable, so kernels are compiled for one type
        if commands["kind"][0] == CommandKind.GENESIS and not self.state.scalars[GENESIS]:
            self._begin(commands)
        call = np.array([(gateway, incarnation, sequence, min(time_ms, entry.ms), 0, count)], BLOCK)
        events, reason = self._apply(call, commands)
        if reason != Reason.NONE:
            return self.refuse(entry, block, reason)
        self._check_behaviour(entry)
        if self.state.scalars[GROWS]:
            self._grow(entry, events)
        self.position = entry
        stamp = Stamp(entry, gateway, incarnation, sequence, self.time_ms)
        return Mirror(stamp, count, events)

    def _begin(self, commands: np.ndarray) -> None:
        """The capacities that a log begins with stand beside its GENESIS: with others some commands end otherwise."""
        wanted = _capacities_in(commands.view(ADMIN), capacities_of(self.state))
        if wanted != capacities_of(self.state):
            self.state = new_state(wanted)

    def _grow(self, entry: EntryId, events: np.ndarray) -> None:
        applied = events.view(ADMIN_EVENT)["command"][events["kind"] == EventKind.APPLIED]
        wanted = _capacities_in(applied, capacities_of(self.state))
        self.state.scalars[GROWS] = 0
        if wanted != capacities_of(self.state):
            logger.info("entry %s raises capacities: %s", entry, wanted)
            self.state = resized(self.state, wanted)

    def execute_run(self, chunk: Chunk, start: int, stop: int) -> int:
        """Execute entries of start:stop until one that has to be executed alone, keeping none of their events.

        Returns the next entry; `start` if that one is such an entry.
        """
        if not self.state.scalars[GENESIS]:
            return start
        stop = chunk.first_odd(start, stop, self.log_id, self.epoch)
        if start == stop:
            return start
        number, reason = start, int(Reason.NONE)
        first = int(chunk.blocks["first"][start])
        while number < stop and reason == Reason.NONE:
            number, first, _, reason = execute_blocks(
                self.state, chunk.blocks, number, stop, first, chunk.records, self._buffer
            )
            if reason == Reason.NONE and first == chunk.blocks["end"][number]:
                self._check_behaviour(chunk.entries[number][0])
                number += 1
                first = int(chunk.blocks["first"][number]) if number < stop else 0
        if number > start:
            self.position = chunk.entries[number - 1][0]
        return number

    def skip(self, entry: EntryId, block: bytes) -> Mirror:
        """Execute nothing of the entry. Its block counts as executed all the same: or another copy of it, which may be
        in the log already, would be executed after its sender got the answer that it is not."""
        with suppress(BlockError):
            header, _ = decode_block(block, COMMAND)
            if header["log_id"] == self.log_id and header["epoch"] == self.epoch:
                names = (header["gateway"], header["incarnation"], header["sequence"])
                self._apply(np.array([(*names, 0, 0, 0)], BLOCK), np.zeros(0, COMMAND))
        self.state.scalars[SKIPS] += 1
        return self.refuse(entry, block, Reason.SKIPPED)

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

    def _apply(self, block: np.ndarray, commands: np.ndarray) -> tuple[np.ndarray, Reason]:
        """(events of one block, NONE) or (nothing, why it must not be executed)."""
        first = 0
        parts: list[np.ndarray] = []
        while True:
            _, first, written, reason = execute_blocks(self.state, block, 0, 1, first, commands, self._buffer)
            if reason != Reason.NONE:
                return self._buffer[:0], Reason(reason)
            if first == len(commands) and not parts:
                return self._buffer[:written], Reason.NONE
            parts.append(self._buffer[:written].copy())
            if first == len(commands):
                return join(parts), Reason.NONE

    def _check_behaviour(self, entry: EntryId) -> None:
        behaviour = int(self.state.scalars[BEHAVIOUR])
        if self.state.scalars[GENESIS] and behaviour != BEHAVIOUR_VERSION:
            raise LogError(
                f"entry {entry} of the command log asks for behaviour version {behaviour}, this code is version "
                f"{BEHAVIOUR_VERSION}: run the engine of that version"
            )


def _capacities_in(records: np.ndarray, now: Capacities) -> Capacities:
    """Those that ADMIN records name, and else the present ones."""
    wanted = records[(records["kind"] == CommandKind.CAPACITY) & (records["code"] < len(now) - 1)]
    names = [Capacities._fields[code] for code in wanted["code"].tolist()]
    return now._replace(**dict(zip(names, wanted["capacity"].tolist(), strict=True)))


def _names_of(block: bytes) -> tuple[int, int, int, int]:
    """(gateway, incarnation, sequence, commands) that a refused block claims, so that its sender can be answered."""
    if len(block) < BLOCK_HEADER.itemsize:
        return 0, 0, 0, 0
    header = np.frombuffer(block, BLOCK_HEADER, 1)[0]
    if header["magic"] != COMMAND_MAGIC:
        return 0, 0, 0, 0
    return int(header["gateway"]), int(header["incarnation"]), int(header["sequence"]), int(header["count"])
