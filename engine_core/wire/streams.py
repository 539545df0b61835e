"""The two logs on Redis: key names, blocks, and entry IDs.

A stream entry has one field, `b`: a BLOCK_HEADER and its records back to back. For each entry of `orders:{s}` the
engine appends exactly one entry with the same ID to `events:{s}` (the mirror rule), so the top of the event log is
the publish high-water mark.
"""

import struct
from typing import Any, NamedTuple

import numpy as np
from isal.isal_zlib import crc32  # zlib's polynomial and values, by the processor's own instructions

from engine_core.wire.codes import Reason
from engine_core.wire.layout import BLOCK_HEADER, COMMAND, COMMAND_MAGIC, EVENT, EVENT_MAGIC, SCHEMA_VERSION
from engine_core.wire.limits import MAX_BLOCK_COMMANDS

FIELD = b"b"
UNTRIMMED_MS = 5_000  # younger entries stay, whatever the logs take: somebody may be about to read them
StreamEntries = list[tuple[bytes, dict[bytes, bytes]]]  # as XRANGE answers: (ID, fields)


class Keys(NamedTuple):
    """Redis names of one shard. The braces are a Redis Cluster hash tag: all of a shard live on one node."""

    orders: str
    events: str
    queries: str
    answers: str  # pub/sub channel prefix; the gateway's number follows
    leases: str  # key prefix: who holds a role, e.g. the publisher of market data
    stored: str  # how far the writer is; see transport/backlog.py
    skipped: str  # set of the entries that an operator had the engine skip; see runtime/crash_guard.py
    replicated: str  # stream of one entry: how far the events are on replicas; see transport/replicated.py
    held: str  # why results do not leave the engine; the same
    compared: str  # run ID of the Redis whose logs the engine has compared; the same
    behaviour: str  # of the code that came up with the log last; see transport/behaviour.py


def keys(shard: int = 0) -> Keys:
    tag = f"{{s{shard}}}"
    logs = ("orders:{}", "events:{}", "queries:{}", "answers:{}:")
    notes = ("lease:{}:", "stored:{}", "skipped:{}", "replicated:{}", "held:{}", "compared:{}", "behaviour:{}")
    return Keys(*(name.format(tag) for name in (*logs, *notes)))


class EntryId(NamedTuple):
    """A stream entry's ID; compares in log order."""

    ms: int
    seq: int

    @classmethod
    def parse(cls, text: bytes | str) -> "EntryId":
        ms, _, seq = (text.decode() if isinstance(text, bytes) else text).partition("-")
        return cls(int(ms), int(seq))

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"


ORIGIN = EntryId(0, 0)


class BlockError(ValueError):
    """A block that cannot be read. `reason` is the code that its mirrored reject carries."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Header(NamedTuple):
    """The fields of BLOCK_HEADER that do not follow from the records. `commands`: of an EVENT block; 0 in others."""

    log_id: int
    epoch: int
    gateway: int
    incarnation: int
    sequence: int
    time_ms: int
    commands: int = 0


# BLOCK_HEADER, which the checksum ends. Of a block that comes alone, an array of it takes longer than all the rest.
_BEFORE_CRC = struct.Struct("<I2H2q2I3qI")
_CRC = struct.Struct("<I")
_NO_CRC = bytes(_CRC.size)
assert _BEFORE_CRC.size == BLOCK_HEADER.fields["crc"][1] == BLOCK_HEADER.itemsize - _CRC.size  # type: ignore[index]


def encode_block(header: Header, records: np.ndarray) -> bytes:
    """The bytes of a block."""
    log_id, epoch, gateway, incarnation, sequence, time_ms, commands = header
    size, count = records.dtype.itemsize, len(records)
    magic = COMMAND_MAGIC if size == COMMAND.itemsize else EVENT_MAGIC
    names = (gateway, count, incarnation, sequence, time_ms, commands)
    head = _BEFORE_CRC.pack(magic, SCHEMA_VERSION, size, log_id, epoch, *names)
    body: Any = records  # their memory as it is: an array of bytes over it takes longer than a small block's checksum
    crc = crc32(body, crc32(head + _NO_CRC))
    return b"".join((head, _CRC.pack(crc), body))


def encode_blocks(headers: np.ndarray, records: np.ndarray) -> list[bytes]:
    """The same of many, whose records stand one behind the other: so many of each as its BLOCK_HEADER counts."""
    size, head_size = records.dtype.itemsize, BLOCK_HEADER.itemsize
    headers["magic"] = COMMAND_MAGIC if size == COMMAND.itemsize else EVENT_MAGIC
    headers["schema"], headers["record_bytes"], headers["crc"] = SCHEMA_VERSION, size, 0
    heads, bodies = memoryview(headers.tobytes()), records.view(np.uint8).data
    blocks, begin = [], 0
    for at, end in zip(range(0, len(heads), head_size), (headers["count"].cumsum() * size).tolist(), strict=True):
        head, body = heads[at : at + head_size], bodies[begin:end]
        crc = crc32(body, crc32(head))
        blocks.append(b"".join((head[:-4], crc.to_bytes(4, "little"), body)))
        begin = end
    return blocks


def crc_of(block: bytes) -> int:
    """The checksum of a block, as it stands in its header; 0 if it has none."""
    return int(_CRC.unpack_from(block, _BEFORE_CRC.size)[0]) if len(block) >= BLOCK_HEADER.itemsize else 0


def reason_of(mirror: bytes) -> Reason:
    """Why the whole block was not executed, in its mirror; NONE, or that of its first event, if it was."""
    assert EVENT.fields is not None
    at = BLOCK_HEADER.itemsize + EVENT.fields["reason"][1]
    return Reason(mirror[at]) if len(mirror) > at else Reason.NONE


def decode_block(block: bytes, record: np.dtype) -> tuple[Header, np.ndarray]:
    """(header, records of dtype `record`, read-only) of a block, or BlockError with the reason."""
    if len(block) < BLOCK_HEADER.itemsize:
        raise BlockError(Reason.BAD_SIZE, f"block of {len(block)} bytes is shorter than its header")
    head, size = block[: _BEFORE_CRC.size], record.itemsize
    magic, schema, record_bytes, log_id, epoch, gateway, count, incarnation, *rest = _BEFORE_CRC.unpack(head)
    expected = EVENT_MAGIC if size == EVENT.itemsize else COMMAND_MAGIC
    if magic != expected or schema != SCHEMA_VERSION:
        raise BlockError(Reason.BAD_SCHEMA, f"block of schema {schema}, this code reads {SCHEMA_VERSION}")
    if record_bytes != size or len(block) != BLOCK_HEADER.itemsize + count * size:
        raise BlockError(Reason.BAD_SIZE, f"block says {count} records of {record_bytes} bytes, has {len(block)}")
    if expected == COMMAND_MAGIC and not 1 <= count <= MAX_BLOCK_COMMANDS:
        raise BlockError(Reason.BAD_SIZE, f"{count} commands in a block, allowed are 1 to {MAX_BLOCK_COMMANDS}")
    (crc,) = _CRC.unpack_from(block, _BEFORE_CRC.size)
    if crc32(memoryview(block)[BLOCK_HEADER.itemsize :], crc32(head + _NO_CRC)) != crc:
        raise BlockError(Reason.BAD_CRC, "block fails its checksum")
    header = Header(log_id, epoch, gateway, incarnation, *rest)
    return header, np.frombuffer(block, record, count, BLOCK_HEADER.itemsize)


def pack(*arguments: bytes) -> bytes:
    """A command in the wire format of Redis; clients that pack anything are ten times slower at it."""
    bulk = [b"$%d\r\n%b\r\n" % (len(argument), argument) for argument in arguments]
    return b"*%d\r\n%b" % (len(arguments), b"".join(bulk))


def append_before(stream: bytes, entry: EntryId, size: int) -> bytes:
    """XADD of a block up to the block, which has so many bytes and is sent after this; `\\r\\n` ends it."""
    name = b"%d-%d" % entry
    values = (len(stream), stream, len(name), name, len(FIELD), FIELD, size)
    return b"*5\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n$%d\r\n" % values
