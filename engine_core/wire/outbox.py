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
    anything else        it was not executed: so say its events

Non-goals: connections and time limits (async_gateway.py).
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from engine_core.wire.codes import EventKind, Reason
from engine_core.wire.layout import BLOCK_HEADER, COMMAND, join
from engine_core.wire.limits import MAX_BLOCK_COMMANDS
from engine_core.wire.streams import EntryId, encode_block

Answer = asyncio.Future[np.ndarray]


class GatewayError(RuntimeError):
    """The gateway cannot be used any more; the message says why and what to do."""


class OutcomeUnknown(RuntimeError):
    """The command may or may not be executed: Redis or the engine did not answer in time."""


class Overloaded(RuntimeError):
    """The command was not appended, because too much is waiting already; the message says what."""


@dataclass(slots=True)
class Block:
    """One block on its way, and who waits for which command of it."""

    sequence: int
    records: np.ndarray  # COMMAND
    answers: Sequence[Answer]
    created: float  # time.monotonic
    entry: EntryId | None = None  # of its last copy in the log, once Redis has confirmed it
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = len(self.answers)

    def fail(self, error: Exception) -> None:
        for answer in self.answers:
            if not answer.done():
                answer.set_exception(error)


class Outbox:
    def __init__(self, gateway: int, log_id: int, epoch: int) -> None:
        self.gateway = gateway
        self._header = np.zeros(1, BLOCK_HEADER)
        self._header["log_id"], self._header["epoch"], self._header["gateway"] = log_id, epoch, gateway
        self.incarnation = 0
        self._sequence = 0
        self._blocks: deque[Block] = deque()  # unanswered, oldest first
        self._by_sequence: dict[int, Block] = {}
        self._partial: list[np.ndarray] = []  # events of a command whose last ones are still to come
        self.commands = 0  # unanswered
        self.begin_incarnation()

    @property
    def oldest(self) -> Block | None:
        return self._blocks[0] if self._blocks else None

    @property
    def blocks(self) -> list[Block]:
        return list(self._blocks)

    def begin_incarnation(self) -> None:
        """Number the unanswered blocks anew from 1, as if from a gateway that the engine has never met."""
        self.incarnation = max(time.time_ns(), self.incarnation + 1)
        self._header["incarnation"] = self.incarnation
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
        self._header["sequence"] = block.sequence
        self._header["time_ms"] = time.time_ns() // 1_000_000
        return encode_block(self._header, block.records)

    def drop(self, block: Block, error: Exception) -> None:
        """Forget a block that is certainly not in the log, or whose outcome nobody waits for any more."""
        self._remove(block)
        block.fail(error)

    def take(self, slots: np.ndarray) -> bool:
        """Resolve what these events answer. True if all unanswered blocks have to be appended again."""
        mine = slots[(slots["gateway"] == self.gateway) & (slots["incarnation"] == self.incarnation)]
        if not len(mine):
            return False
        events = np.ascontiguousarray(mine["event"])
        indexes, sequences = events["index"].tolist(), mine["sequence"].tolist()
        first, repeat = 0, False
        if mine["position"][0] == 0:
            self._partial.clear()
        for at in range(1, len(mine) + 1):
            if at == len(mine):
                is_last = int(mine["position"][-1]) + 1 == int(mine["block_events"][-1])
                if not is_last:
                    self._partial.append(events[first:at])
                    break
            elif indexes[at] == indexes[first] and sequences[at] == sequences[first]:
                continue
            group = events[first:at]
            if self._partial:
                group = join([*self._partial, group])
                self._partial.clear()
            repeat |= self._answer(sequences[first], indexes[first], group)
            first = at
        return repeat

    def _answer(self, sequence: int, index: int, events: np.ndarray) -> bool:
        block = self._by_sequence.get(sequence)
        if block is None:
            return False
        if events[0]["kind"] == EventKind.BLOCK_REFUSED:
            return self._refused(block, Reason(int(events[0]["reason"])), events)
        answer = block.answers[index]
        if not answer.done():
            answer.set_result(events)
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
        for answer in block.answers:
            if not answer.done():
                answer.set_result(events)
        return False

    def _number(self, block: Block) -> None:
        self._sequence += 1
        block.sequence, block.entry = self._sequence, None
        self._by_sequence[block.sequence] = block

    def _remove(self, block: Block) -> None:
        self._blocks.remove(block)
        self._by_sequence.pop(block.sequence, None)
        self.commands -= len(block.answers)
