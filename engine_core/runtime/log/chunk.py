"""Many entries of the command log at once, laid out so that one kernel call executes a run of them.

Blocks stand back to back in one array: a header is as long as a command, so both are records of the same array. What
the bytes alone show of each block is determined here, on the reading thread: whether it is whole, and of which log. The
rules are those of decode_block; a block that breaks one of them is left to it, which names the reason.
"""

from typing import NamedTuple

import numpy as np
from isal.isal_zlib import crc32

from engine_core.book.ledger.gateways import BLOCK
from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import BLOCK_HEADER, COMMAND, COMMAND_MAGIC, SCHEMA_VERSION
from engine_core.wire.limits import MAX_BLOCK_COMMANDS
from engine_core.wire.streams import EntryId

ALONE = -1  # no log has this ID
_RECORD = COMMAND.itemsize
assert BLOCK_HEADER.itemsize == _RECORD


class Chunk(NamedTuple):
    """Entries of the command log, in order."""

    entries: list[tuple[EntryId, bytes]]
    ids: np.ndarray  # the same IDs: two int64 by entry
    log_id: np.ndarray  # by entry, of its block; ALONE if that cannot be read, or raises capacities
    epoch: np.ndarray  # by entry, of its block
    blocks: np.ndarray  # BLOCK by entry, without meaning where it cannot be read
    records: np.ndarray  # COMMAND: of each block its header, then its commands

    def first_odd(self, start: int, stop: int, log_id: int, epoch: int) -> int:
        """The first entry of start:stop that is not of this log and epoch, or has to be executed alone; else `stop`."""
        odd = (self.log_id[start:stop] != log_id) | (self.epoch[start:stop] != epoch)
        first = int(odd.argmax())
        return start + first if odd[first] else stop


def chunk_of(entries: list[tuple[EntryId, bytes]]) -> Chunk:
    sizes = np.array([len(block) for _, block in entries])
    shaped = (sizes % _RECORD == 0) & (sizes > _RECORD)
    lengths = np.where(shaped, sizes // _RECORD, 1)  # in records; of what has no shape, an empty header
    joined = bytearray().join(
        block if fits else bytes(_RECORD) for (_, block), fits in zip(entries, shaped.tolist(), strict=True)
    )
    ends = np.cumsum(lengths)
    starts = ends - lengths
    headers = np.frombuffer(joined, BLOCK_HEADER)
    own = headers[starts]
    headers["crc"][starts] = 0  # as it was when the checksum was made
    view = memoryview(joined)
    spans = zip((starts * _RECORD).tolist(), (ends * _RECORD).tolist(), strict=True)
    checksums = np.array([crc32(view[start:end]) for start, end in spans])
    whole = shaped & (own["magic"] == COMMAND_MAGIC) & (own["schema"] == SCHEMA_VERSION) & (own["crc"] == checksums)
    whole &= (own["record_bytes"] == _RECORD) & (own["count"] == lengths - 1) & (own["count"] <= MAX_BLOCK_COMMANDS)
    blocks = np.zeros(len(entries), BLOCK)
    for field in ("gateway", "incarnation", "sequence"):
        blocks[field] = own[field]
    ids = np.array([entry for entry, _ in entries], np.int64)
    blocks["time_ms"] = np.minimum(own["time_ms"], ids[:, 0])
    blocks["first"], blocks["end"] = starts + 1, ends
    records = np.frombuffer(joined, COMMAND)
    log_id = np.where(whole, own["log_id"], ALONE)
    log_id[np.searchsorted(ends, np.flatnonzero(records["kind"] == CommandKind.CAPACITY), side="right")] = ALONE
    return Chunk(entries, ids, log_id, own["epoch"], blocks, records)
