"""Coming up: create the log or check it, and replay the commands whose events are published already.

    snapshot                 S                                  S
    orders     empty      1 .................. top        (trimmed) .... top      1 ........ top
    events     empty      1 ...... top                    (trimmed) .. top        1 .............. top
               GENESIS    replay from S, go on live       the same                LogError: ahead of its commands

Without a snapshot it is replayed from the beginning, which then must be there.

What is published is not read back as a whole: it is 3.5 times the bytes of its commands, and encoding it costs a third
of executing them. Of each chunk the last entry's bytes are compared, and since balances, ids and times carry over
from event to event, a replay that differs anywhere is seen at the next comparison; `exchange verify` compares all.

Non-goals: the entries above the published top; for the running loop (loop.py) they are simply new.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import redis

from engine_core.book.memory.state import Capacities, most_links
from engine_core.runtime.crash_guard import CrashGuard
from engine_core.runtime.log.chunk import Chunk, chunk_of
from engine_core.runtime.log.intake import block_of
from engine_core.runtime.log.publish import Publisher
from engine_core.runtime.machine import FIRST_EPOCH, Machine, Mirror
from engine_core.transport.behaviour import FROM_THE_OLD_CODE, behaviour_of
from engine_core.transport.redis_connection import Connection, describe
from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import ADMIN, BEHAVIOUR_VERSION, SCHEMA_VERSION, join
from engine_core.wire.log import LogError, LogState
from engine_core.wire.streams import FIELD, ORIGIN, EntryId, Header, Keys, encode_block, keys, pack

CHUNK_BYTES = 4 << 20
REPORT_SECONDS = 2.0

logger = logging.getLogger(__name__)


def read_logs(client: redis.Redis, names: Keys) -> tuple[LogState, LogState]:
    return describe(client, names.orders), describe(client, names.events)


def check_pair(names: Keys, logs: tuple[LogState, LogState], position: EntryId) -> None:
    """LogError if one log lacks what the other one, or an engine that has executed up to `position`, shows."""
    orders, events = logs
    if not orders.length:
        if events.length or position != ORIGIN:
            raise LogError(
                f"{names.orders} is empty, but its events reach {max(events.top, position)}: Redis lost the command "
                "log; restore it from a copy"
            )
        return
    if events.top > orders.top:
        raise LogError(
            f"{names.events} ends at {events.top}, its commands in {names.orders} at {orders.top}: Redis lost "
            "commands; restore both logs from the same copy"
        )


def check_position(logs: tuple[LogState, LogState], position: EntryId, log_id: int) -> None:
    """LogError unless an engine that has executed up to `position` can go on with both logs."""
    orders, events = logs
    if events.length:
        events.check(min(position, events.top), log_id)
    orders.check(position)


def create_log(client: redis.Redis, shard: int, capacities: Capacities) -> None:
    """Append GENESIS and what fits, unless another engine did so first."""
    names = keys(shard)
    record = np.zeros(1, ADMIN)
    log_id = secrets.randbits(62) | 1
    record["kind"], record["code"], record["log_id"] = CommandKind.GENESIS, SCHEMA_VERSION, log_id
    record["behaviour"], record["created_ms"] = BEHAVIOUR_VERSION, time.time_ns() // 1_000_000
    record["market"] = shard
    block = own_block(log_id, FIRST_EPOCH, join([record, capacity_records(capacities)]))
    pipe: Any
    with client.pipeline(transaction=True) as pipe:
        pipe.watch(names.orders)
        if pipe.xlen(names.orders):
            return
        pipe.multi()
        pipe.xadd(names.orders, {FIELD: block})
        try:
            pipe.execute()
        except redis.WatchError:
            return
    logger.info("created log %d", log_id)


def own_block(log_id: int, epoch: int, records: np.ndarray) -> bytes:
    """A block from a gateway that sends no other."""
    now_ns = time.time_ns()
    return encode_block(Header(log_id, epoch, secrets.randbits(31) | 1 << 31, now_ns, 1, now_ns // 1_000_000), records)


def capacity_records(capacities: Capacities) -> np.ndarray:
    """CAPACITY for each of them; pages follow from levels."""
    records = np.zeros(len(capacities) - 1, ADMIN)
    records["kind"], records["code"], records["capacity"] = (
        CommandKind.CAPACITY,
        np.arange(len(records)),
        capacities[:-1],
    )
    return records


def links_record(accounts: int, shards: int) -> np.ndarray:
    """CAPACITY of links for a venue of so many shards: what lets a shard that runs send money to one that is new."""
    record = np.zeros(1, ADMIN)
    record["kind"], record["code"] = CommandKind.CAPACITY, Capacities._fields.index("links")
    record["capacity"] = most_links(accounts, shards)
    return record


def replay(
    machine: Machine,
    guard: CrashGuard,
    client: redis.Redis,
    connection: Connection,
    names: Keys,
    publisher: Publisher,
    top: EntryId,
    beat: Callable[[], None],
) -> tuple[int, bytes]:
    """Execute all up to `top`, the published high-water mark; the number of commands, and the last entry's mirror."""
    started = reported = time.monotonic()
    commands, last = 0, b""
    for chunk in ahead(_chunks(connection, names, machine.position, top)):
        describe(client, names.orders).check(machine.position)  # after it was read: none before it is trimmed
        if machine.position == ORIGIN:
            _check_genesis(names, *chunk.entries[0])
        mirror, executed = _execute(machine, guard, chunk)
        commands += executed
        last = machine.encode(mirror)
        publisher.compare(machine.position, last)
        beat()
        now = time.monotonic()
        if now - reported >= REPORT_SECONDS or machine.position >= top:
            reported = now
            logger.info("replayed %d commands up to %s of %s in %.1f s", commands, machine.position, top, now - started)
    return commands, last


def _execute(machine: Machine, guard: CrashGuard, chunk: Chunk) -> tuple[Mirror, int]:
    """All of the chunk, in runs as long as possible; the mirror of its last entry, and the number of commands."""
    number, commands, last = 0, 0, len(chunk.entries) - 1
    while True:
        if number < last:
            reached = guard.execute_run(machine, chunk, number, last)
            blocks = chunk.blocks[number:reached]
            commands += int((blocks["end"] - blocks["first"]).sum())
            number = reached
        mirror = guard.execute(machine, *chunk.entries[number])
        commands += mirror.commands
        if number == last:
            return mirror, commands
        number += 1


def ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same, each one read while the one before is executed: kernels leave the interpreter to the reading thread."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = reader.submit(next, chunks, None)
            yield chunk


def _chunks(connection: Connection, names: Keys, after: EntryId, top: EntryId) -> Iterator[Chunk]:
    """The command log from `after` to `top`; Redis is asked for the next chunk as soon as one is there."""
    count = 64
    if after < top:
        _request(connection, names, after, top, count)
    while after < top:
        rows = connection.receive()
        if isinstance(rows, Exception):
            raise LogError(f"{names.orders} cannot be replayed: {rows}")
        if not rows:
            raise LogError(f"{names.orders} has nothing after {after}, but its events reach {top}: it was damaged")
        blocks = [(EntryId.parse(name), block_of(fields)) for name, fields in rows]
        size = sum(len(block) for _, block in blocks) // len(blocks)
        count, after = max(1, min(8192, CHUNK_BYTES // max(1, size))), blocks[-1][0]
        if after < top:
            _request(connection, names, after, top, count)
        yield chunk_of(blocks)


def _request(connection: Connection, names: Keys, after: EntryId, top: EntryId, count: int) -> None:
    span = (f"({after}".encode(), str(top).encode())
    connection.send([pack(b"XRANGE", names.orders.encode(), *span, b"COUNT", b"%d" % count)])


def _check_genesis(names: Keys, entry: EntryId, block: bytes) -> None:
    behaviour = behaviour_of(block)
    if not behaviour:
        raise LogError(f"{names.orders} begins at {entry} without GENESIS: it was trimmed; start from a snapshot")
    if behaviour != BEHAVIOUR_VERSION:
        raise LogError(
            f"{names.orders} was begun by code of behaviour version {behaviour}; this is version {BEHAVIOUR_VERSION}, "
            "which must not replay what that code executed, and no snapshot in the data folder tells what came of it. "
            f"{FROM_THE_OLD_CODE}. If it was upgraded before: restore a snapshot that was taken since"
        )
