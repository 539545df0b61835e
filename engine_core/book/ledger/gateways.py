"""The table of gateways: which block of a gateway is the next one. What makes an append safe to repeat."""

from engine_core.book.memory.state import BLOCKS, State
from engine_core.jit.kernel import inner
from engine_core.jit.records import I8, Record, dtype_of
from engine_core.wire.codes import Reason


class BlockRow(Record):
    """A block of the command log as the kernel takes it: commands[first:end] of an array that may hold many blocks."""

    gateway: I8  # or NO_GATEWAY: its sequence is not checked
    incarnation: I8
    sequence: I8
    time_ms: I8
    first: I8
    end: I8


class OutcomeRow(Record):
    """Of a block whose events are kept: where they end, behind those of the blocks before it, and the time after it."""

    events_end: I8
    time_ms: I8


BLOCK, OUTCOME = dtype_of(BlockRow), dtype_of(OutcomeRow)
NO_GATEWAY = -1


@inner
def _place_of(state: State, gateway: int) -> int:
    """The gateway's place, or the one to give it: a free one, else the least recently used (in log order)."""
    oldest = 0
    for place in range(state.gateways.size):
        if state.gateways[place].used != 0 and state.gateways[place].gateway == gateway:
            return place
        if state.gateways[place].used < state.gateways[oldest].used:
            oldest = place
    return oldest


@inner
def check_block(state: State, gateway: int, incarnation: int, sequence: int) -> int:
    """Reason.NONE, and the block counts as executed; or why it must not be."""
    record = state.gateways[_place_of(state, gateway)]
    known = record.used != 0 and record.gateway == gateway
    last = 0
    if known:
        if incarnation < record.incarnation:
            return Reason.STALE_INCARNATION
        if incarnation == record.incarnation:
            last = record.sequence
    if sequence <= last:
        return Reason.DUPLICATE_BLOCK
    if sequence != last + 1:
        return Reason.SEQUENCE_GAP
    state.scalars[BLOCKS] += 1
    record.gateway = gateway
    record.incarnation = incarnation
    record.sequence = sequence
    record.used = state.scalars[BLOCKS]
    return Reason.NONE
