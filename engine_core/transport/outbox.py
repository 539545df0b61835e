"""What a gateway has appended and not yet seen answered: the bookkeeping that makes appends safe to repeat. No I/O.

A block carries (gateway, incarnation, sequence); the engine executes exactly the next sequence of each gateway. So what
may not have reached the log is simply appended again: executed once, answered DUPLICATE_BLOCK the second time. Because
a feed gives every event exactly once and in order, a refusal is always seen after the outcome of the first copy:

    refused with         for a block not answered yet          for one answered before
    DUPLICATE_BLOCK      (cannot be)                           nothing to do
    SEQUENCE_GAP         an earlier one is missing: append      nothing to do
                         all again; if it is the oldest one,
                         the engine forgot this gateway: begin
                         a new incarnation, append all again
                         (what is too late never: pipeline.py)
    anything else        it was not executed: so say its events

Non-goals: connections and time limits (async_gateway.py).
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from engine_core.jit.kernel import kernel
from engine_core.transport.gateway import GatewayError
from engine_core.wire.codes import EventKind, Reason
from engine_core.wire.layout import COMMAND, EVENT, SLOT, join
from engine_core.wire.limits import MAX_BLOCK_COMMANDS
from engine_core.wire.slot_words import (
    BLOCK_EVENTS,
    GATEWAY,
    INCARNATION,
    INDEX,
    INDEX_BITS,
    KIND,
    LOWER_HALF,
    POSITION,
    SEQUENCE,
    UPPER_HALF_BITS,
)
from engine_core.wire.streams import EntryId, Header, decode_block, encode_block


class Answer(Protocol):
    """Waits for the events of a command: a future, or anything that behaves like one. It is completed once, ever."""

    def done(self) -> bool: ...
    def set_result(self, events: np.ndarray, /) -> None: ...
    def set_exception(self, error: Exception, /) -> None: ...


_SLOT_WORDS, _EVENT_WORDS = SLOT.itemsize // 8, EVENT.itemsize // 8
_REFUSED = int(EventKind.BLOCK_REFUSED)  # compared with NumPy scalars, which are slow with enums
_FIRST, _LAST, _SEQUENCE, _INDEX, _WHOLE, _KIND, _POSITION, _GROUP_WORDS = range(8)


@kernel
def _group(slots: np.ndarray, gateway: int, incarnation: int, groups: np.ndarray) -> int:
    """Runs of slots (int64 rows) that answer one command of this gateway; the number of rows written to `groups`."""
    found, last = 0, slots.shape[0] - 1
    for at in range(last + 1):
        if (slots[at, GATEWAY] & LOWER_HALF) != gateway or slots[at, INCARNATION] != incarnation:
            continue
        sequence, index = slots[at, SEQUENCE], (slots[at, INDEX] >> INDEX_BITS) & 0xFFFF
        group = groups[found - 1]
        if found == 0 or group[_LAST] != at or group[_SEQUENCE] != sequence or group[_INDEX] != index:
            group = groups[found]
            group[_FIRST], group[_SEQUENCE], group[_INDEX] = at, sequence, index
            group[_KIND], group[_POSITION] = slots[at, KIND] & 0xFF, slots[at, POSITION] >> UPPER_HALF_BITS
            found += 1
        group[_LAST] = at + 1
        group[_WHOLE] = at < last or (slots[at, POSITION] >> UPPER_HALF_BITS) + 1 == slots[at, BLOCK_EVENTS]
    return found


@dataclass(slots=True, eq=False)  # one of an earlier life may have the same numbers
class Block:
    """One block on its way, and who waits for which command of it."""

    sequence: int
    records: np.ndarray  # COMMAND
    answers: Sequence[Answer]
    created: float  # time.monotonic
    entry: EntryId | None = None  # of its last copy in the log, once Redis has confirmed it
    copies: int = 0  # sent so far: of a second one a refusal says nothing about the first
    left: int = field(init=False)
    completed: bytearray = field(init=False)  # of each answer: 1 once it has been given something, if only an error

    def __post_init__(self) -> None:
        self.left = len(self.answers)
        self.completed = bytearray(self.left)

    def tell(self, index: int, events: np.ndarray) -> None:
        answer = self._waiting(index)
        if answer is not None:
            answer.set_result(events)

    def fail(self, error: Exception) -> None:
        """All that still wait get this error; what becomes of the commands afterwards is reported to nobody."""
        for index in range(len(self.answers)):
            answer = self._waiting(index)
            if answer is not None:
                answer.set_exception(error)

    def _waiting(self, index: int) -> Answer | None:
        """The one to complete now; it is not found a second time. A future may have been given up by its owner."""
        was_completed, self.completed[index] = self.completed[index], 1
        answer = self.answers[index]
        return None if was_completed or answer.done() else answer


class Outbox:
    def __init__(self, gateway: int, log_id: int, epoch: int) -> None:
        self.gateway = gateway
        self._log_id, self._epoch = log_id, epoch
        self.incarnation = 0
        self._sequence = 0
        self._blocks: deque[Block] = deque()  # unanswered, oldest first
        self._by_sequence: dict[int, Block] = {}
        self._partial: list[np.ndarray] = []  # events of a command whose last ones are still to come
        self.commands = 0  # unanswered
        self._groups = np.empty((1024, _GROUP_WORDS), np.int64)
        self.begin_incarnation()

    @property
    def oldest(self) -> Block | None:
        return self._blocks[0] if self._blocks else None

    @property
    def blocks(self) -> list[Block]:
        return list(self._blocks)

    def begin_incarnation(self) -> None:
        """Renumber the unanswered blocks from 1, as if from a gateway that the engine has never met."""
        self.incarnation = max(time.time_ns(), self.incarnation + 1)
        self._sequence = 0
        self._by_sequence.clear()
        for block in self._blocks:
            self._number(block)

    def add(self, records: list[bytes], answers: Sequence[Answer]) -> Block:
        assert 1 <= len(records) == len(answers) <= MAX_BLOCK_COMMANDS
        block = Block(0, np.frombuffer(b"".join(records), COMMAND), answers, time.monotonic())
        self._blocks.append(block)
        self._number(block)
        self.commands += len(answers)
        return block

    def encode(self, block: Block) -> bytes:
        """Its bytes in the log. The stamp is of now, also of a second copy: only the executed one counts."""
        block.copies += 1
        names = (self.gateway, self.incarnation, block.sequence)
        return encode_block(Header(self._log_id, self._epoch, *names, time.time_ns() // 1_000_000), block.records)

    def is_of(self, block: Block, data: bytes) -> bool:
        """Whether these bytes of the log are a copy of it."""
        header, _ = decode_block(data, COMMAND)
        sender = self.gateway, self.incarnation, block.sequence
        return sender == (header.gateway, header.incarnation, header.sequence)

    def drop(self, block: Block, error: Exception) -> None:
        """Forget a block that is certainly not in the log, or whose outcome nobody waits for any more.

        It may be forgotten already: Redis refuses what was given up while it was on its way.
        """
        if block in self._blocks:
            self._remove(block)
        block.fail(error)

    def settle(self, slots: np.ndarray) -> bool:
        """Resolve what these events answer. True if all unanswered blocks have to be appended again."""
        rows = np.frombuffer(slots, np.int64).reshape(len(slots), _SLOT_WORDS)
        if len(rows) > len(self._groups):
            self._groups = np.empty((len(rows), _GROUP_WORDS), np.int64)
        repeat = False
        count = _group(rows, self.gateway, self.incarnation, self._groups)
        for first, last, sequence, index, whole, kind, position in self._groups[:count].tolist():
            events = np.frombuffer(rows[first:last, :_EVENT_WORDS].tobytes(), EVENT)
            if position == 0:
                self._partial.clear()
            if not whole:
                self._partial.append(events)
                continue
            if self._partial:
                events = join([*self._partial, events])
                self._partial.clear()
            repeat |= self._answer(sequence, index, kind, events)
        return repeat

    def _answer(self, sequence: int, index: int, kind: int, events: np.ndarray) -> bool:
        block = self._by_sequence.get(sequence)
        if block is None:
            return False
        if kind == _REFUSED:
            return self._refused(block, Reason(int(events["reason"][0])), events)
        block.tell(index, events)
        block.left -= 1
        if block.left == 0:
            self._remove(block)
        return False

    def _refused(self, block: Block, reason: Reason, events: np.ndarray) -> bool:
        if reason == Reason.SEQUENCE_GAP:
            if block is self.oldest:
                self.begin_incarnation()
            return True
        if reason == Reason.DUPLICATE_BLOCK:
            return False
        if reason == Reason.STALE_INCARNATION:
            raise GatewayError(
                f"another process took over gateway number {self.gateway}: give each process a number of its own"
            )
        self._remove(block)
        for index in range(len(block.answers)):
            block.tell(index, events)
        return False

    def _number(self, block: Block) -> None:
        self._sequence += 1
        block.sequence, block.entry = self._sequence, None
        self._by_sequence[block.sequence] = block

    def _remove(self, block: Block) -> None:
        self._blocks.remove(block)
        self._by_sequence.pop(block.sequence, None)
        self.commands -= len(block.answers)
