"""The state machine as the process drives it: one entry of the command log in, the events that mirror it out.

Deterministic: what comes out depends on the state and the entry alone, so a replay gives the same bytes. Everything
refused before it reaches the book (damaged, foreign, repeated, out of order) gives one BLOCK_REFUSED.

Non-goals: reading and writing logs.
"""

import logging
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from engine_core.book.commands import NOT_KEPT, execute_blocks
from engine_core.book.ledger.gateways import BLOCK, OUTCOME
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
from engine_core.transport.ring_memory import STAMP
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
from engine_core.wire.streams import ORIGIN, BlockError, EntryId, Header, decode_block, encode_block, encode_blocks

FIRST_EPOCH = 1
logger = logging.getLogger(__name__)
_RAW_COMMAND = np.dtype(("V", COMMAND.itemsize))


class Mirror(NamedTuple):
    """What one entry of the command log caused. `events` is the machine's buffer: valid until it executes again."""

    stamp: Stamp
    commands: int
    events: np.ndarray


class Run(NamedTuple):
    """What entries that stand one behind the other caused. `events` is the machine's buffer, as in Mirror."""

    stamps: np.ndarray  # STAMP by entry
    commands: np.ndarray  # how many, by entry
    events: np.ndarray


class Machine:
    def __init__(self, capacities: Capacities, *, buffer: int = MAX_BLOCK_EVENTS) -> None:
        self.state: State = new_state(capacities)
        self.position = ORIGIN  # last entry executed
        self.epoch = FIRST_EPOCH
        self._buffer = np.zeros(buffer, EVENT)

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
        log_id, epoch, gateway, incarnation, sequence, time_ms, _ = header
        commands = records.view(_RAW_COMMAND).copy().view(COMMAND)  # writable, so kernels are compiled for one type
        if not self.state.scalars[GENESIS]:
            self._begin(commands)
        elif log_id != self.log_id or epoch != self.epoch:
            return self.refuse(entry, block, Reason.BAD_LOG)
        count = len(commands)
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
        if commands["kind"][0] != CommandKind.GENESIS:
            return
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

    def execute_run(self, chunk: Chunk, start: int, stop: int, runs: list[Run] | None = None) -> int:
        """Execute entries of start:stop until one that has to be executed alone.

        Returns the next entry; `start` if that one is such an entry. What they caused is added to `runs`, and ends once
        it is much; with None nothing is kept of any.
        """
        if not self.state.scalars[GENESIS]:
            return start
        stop = chunk.first_odd(start, stop, self.log_id, self.epoch)
        if start == stop:
            return start
        number = self._discard(chunk, start, stop) if runs is None else self._keep(chunk, start, stop, runs)
        if number > start:
            self.position = chunk.entries[number - 1][0]
        return number

    def _discard(self, chunk: Chunk, start: int, stop: int) -> int:
        number, reason = start, int(Reason.NONE)
        first = int(chunk.blocks["first"][start])
        while number < stop and reason == Reason.NONE:
            number, first, _, reason = execute_blocks(
                self.state, chunk.blocks, number, stop, first, chunk.records, self._buffer, NOT_KEPT
            )
            if reason == Reason.NONE and first == chunk.blocks["end"][number]:
                self._check_behaviour(chunk.entries[number][0])
                number += 1
                first = int(chunk.blocks["first"][number]) if number < stop else 0
        return number

    def _keep(self, chunk: Chunk, start: int, stop: int, runs: list[Run]) -> int:
        blocks, outcomes = chunk.blocks, np.zeros(stop, OUTCOME)
        first = int(blocks["first"][start])
        number, first, written, reason = execute_blocks(
            self.state, blocks, start, stop, first, chunk.records, self._buffer, outcomes
        )
        events = self._buffer[:written]
        if reason == Reason.NONE:
            if first < blocks["end"][number]:  # the events of this block have filled the buffer
                events, _ = self._finish(blocks, number, first, chunk.records, [events.copy()])
                outcomes[number] = (len(events), self.time_ms)
            self._check_behaviour(chunk.entries[number][0])
            number += 1
        if number > start:
            runs.append(_run_of(chunk, slice(start, number), outcomes, events))
        return number

    def skip(self, entry: EntryId, block: bytes) -> Mirror:
        """Execute nothing of the entry. Its block counts as executed all the same: or another copy of it, which may be
        in the log already, would be executed after its sender got the answer that it is not."""
        with suppress(BlockError):
            header, _ = decode_block(block, COMMAND)
            if (header.log_id, header.epoch) == (self.log_id, self.epoch):
                names = (header.gateway, header.incarnation, header.sequence)
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
        header = Header(self.log_id, self.epoch, *mirror.stamp[1:], mirror.commands)
        return encode_block(header, mirror.events)

    def encode_run(self, run: Run) -> list[bytes]:
        """The mirrors of its entries."""
        stamps, headers = run.stamps, np.zeros(len(run.stamps), BLOCK_HEADER)
        for field in ("gateway", "incarnation", "sequence", "time_ms"):
            headers[field] = stamps[field]
        headers["log_id"], headers["epoch"], headers["commands"] = self.log_id, self.epoch, run.commands
        headers["count"] = np.diff(stamps["events_end"], prepend=0)
        return encode_blocks(headers, run.events)

    def _apply(self, block: np.ndarray, commands: np.ndarray) -> tuple[np.ndarray, Reason]:
        """(events of one block, NONE) or (nothing, why it must not be executed)."""
        return self._finish(block, 0, 0, commands, [])

    def _finish(
        self, blocks: np.ndarray, number: int, first: int, commands: np.ndarray, parts: list[np.ndarray]
    ) -> tuple[np.ndarray, Reason]:
        """The same for one of several, from command `first` on; `parts`: its events before that, copied."""
        while True:
            _, first, written, reason = execute_blocks(
                self.state, blocks, number, number + 1, first, commands, self._buffer, NOT_KEPT
            )
            if reason != Reason.NONE:
                return self._buffer[:0], Reason(reason)
            is_whole = first == blocks["end"][number]
            if is_whole and not parts:
                return self._buffer[:written], Reason.NONE
            parts.append(self._buffer[:written].copy())
            if is_whole:
                return join(parts), Reason.NONE

    def _check_behaviour(self, entry: EntryId) -> None:
        behaviour = int(self.state.scalars[BEHAVIOUR])
        if self.state.scalars[GENESIS] and behaviour != BEHAVIOUR_VERSION:
            raise LogError(
                f"entry {entry} of the command log asks for behaviour version {behaviour}, this code is version "
                f"{BEHAVIOUR_VERSION}: run the engine of that version"
            )


def _run_of(chunk: Chunk, span: slice, outcomes: np.ndarray, events: np.ndarray) -> Run:
    blocks, outcomes = chunk.blocks[span], outcomes[span]
    stamps = np.empty(len(blocks), STAMP)
    stamps["entry_ms"], stamps["entry_seq"] = chunk.ids[span].T
    for field in ("gateway", "incarnation", "sequence"):
        stamps[field] = blocks[field]
    for field in ("time_ms", "events_end"):
        stamps[field] = outcomes[field]
    return Run(stamps, blocks["end"] - blocks["first"], events)


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
