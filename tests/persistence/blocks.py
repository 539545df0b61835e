"""Entries of an event log for tests: their bytes, and how they come to a stream or a feed."""

from dataclasses import dataclass

import numpy as np
import redis

from engine_core.wire.layout import SLOT
from engine_core.wire.streams import FIELD, EntryId, Header, encode_block, keys

LOG_ID = 77


@dataclass
class Block:
    entry: EntryId
    time_ms: int
    records: np.ndarray
    shard: int = 0

    def encode(self, log_id: int = LOG_ID, epoch: int = 1) -> bytes:
        return encode_block(Header(log_id, epoch, 1, 1, 1, self.time_ms), self.records)


def joined(parts: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    """np.concatenate would repack records whose fields overlap."""
    return np.frombuffer(b"".join(part.tobytes() for part in parts), dtype)


def append(client: redis.Redis, blocks: list[Block], log_id: int = LOG_ID) -> None:
    pipeline = client.pipeline(transaction=False)
    for block in blocks:
        pipeline.xadd(keys(block.shard).events, {FIELD: block.encode(log_id)}, id=str(block.entry))
    pipeline.execute()


def slots(blocks: list[Block]) -> np.ndarray:
    """The blocks as a feed hands them on."""
    parts = []
    for block in blocks:
        part = np.zeros(len(block.records), SLOT)
        part["event"] = block.records
        part["entry_ms"], part["entry_seq"] = block.entry
        part["position"] = np.arange(len(block.records))
        part["time_ms"], part["block_events"] = block.time_ms, len(block.records)
        parts.append(part)
    return joined(parts, SLOT)
