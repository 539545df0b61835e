"""The way into the engine for tools that wait; servers use async_gateway.AsyncGateway.

    with Gateway(redis_url) as gateway:
        events = gateway.execute(records)                      # COMMAND or ADMIN records, as one block
        header, records = gateway.query(QueryKind.BALANCES, account=2)

Non-goals: what commands mean, and who may send them.
"""

import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar, Unpack, cast

import numpy as np
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from engine_core.transport.primary import UNREACHABLE, redis_of
from engine_core.transport.replicated import EventReader, read_events
from engine_core.wire.codes import EventKind, QueryKind, Reason
from engine_core.wire.layout import COMMAND, EVENT
from engine_core.wire.log import LogError, parse_description
from engine_core.wire.queries import ASK_SCRIPT, About, Asker, decode_answer, encode_query
from engine_core.wire.streams import FIELD, EntryId, Header, StreamEntries, decode_block, encode_block, keys

ANSWER_SECONDS = 10.0
APPEND_SECONDS = 10.0
RETRY_SECONDS = 0.05
TOOL_NUMBERS = 1 << 31  # gateway numbers from here on are drawn at random by tools
SCAN_ENTRIES = 16

T = TypeVar("T")


class GatewayError(RuntimeError):
    """The gateway cannot be used any more; the message says why and what to do."""


class OutcomeUnknown(RuntimeError):
    """The command may or may not be executed: Redis or the engine did not answer in time."""


class Overloaded(RuntimeError):
    """The command was not appended, because too much is waiting already; the message says what."""


class Gateway:
    """One block at a time, and its outcome read from the event stream. Not for threads to share."""

    def __init__(
        self, redis_url: str, shard: int = 0, number: int | None = None, *, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self.number = TOOL_NUMBERS + secrets.randbits(31) if number is None else number
        self._seconds = answer_seconds
        # No retries inside the client: what is repeated, and how, is decided here.
        self._redis = redis_of(redis_url, protocol=2, retry=Retry(NoBackoff(), 0), socket_timeout=APPEND_SECONDS)
        self._keys, self._of_shard = keys(shard), f" of shard {shard}" if shard else ""
        self._log = 0, 0  # its id and epoch, once they are known
        self._incarnation, self._sequence = time.time_ns(), 0
        self._query_id = 0
        self._ask = self._redis.register_script(ASK_SCRIPT)

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._redis.close()

    def append(self, records: np.ndarray) -> EntryId:
        """Append one block and return its entry; what becomes of it is not awaited. TimeoutError if Redis is away."""
        if records.dtype.itemsize != COMMAND.itemsize:
            raise ValueError(f"records of {records.dtype.itemsize} bytes are not commands; join arrays by layout.join")
        if not self._log[0]:  # it is in the event log, where only an engine writes
            self._log = _persist(self._read_identity, self._seconds, "no engine has created the log")
        self._sequence += 1
        header = Header(*self._log, self.number, self._incarnation, self._sequence, time.time_ns() // 1_000_000)
        block = encode_block(header, records)

        def add(_: float) -> EntryId:  # repeated, the same bytes: a second copy is answered as duplicate
            return EntryId.parse(cast(bytes, self._redis.xadd(self._keys.orders, {FIELD: block})))

        return _persist(add, APPEND_SECONDS, "Redis does not accept the block; its outcome is unknown")

    def execute(self, records: np.ndarray) -> np.ndarray:
        """Append one block, wait for its outcome, and return its EVENT records. TimeoutError if there is none."""
        events = self.outcome(self.append(records))
        if _is_refused(events, Reason.SEQUENCE_GAP):
            # Not executed: the engine has forgotten this gateway, or never saw the block before. A new life for both.
            self._incarnation, self._sequence = time.time_ns(), 0
            events = self.outcome(self.append(records))
        return events

    def outcome(self, entry: EntryId) -> np.ndarray:
        """The events of the block at `entry`, or of its first copy if this one was refused as duplicate."""
        events = self._mirrored(entry)
        return self._first_copy(entry) if _is_refused(events, Reason.DUPLICATE_BLOCK) else events

    def query(self, kind: QueryKind, **about: Unpack[About]) -> tuple[np.void, np.ndarray]:
        """(ANSWER_HEADER, records) of the state after everything appended before. TimeoutError if no engine answers."""
        self._query_id += 1
        asker = Asker(self.number, self._incarnation)
        question = encode_query(asker, self._query_id, kind, **about)
        what = f"the engine{self._of_shard} does not answer: is it running, or still replaying its log?"
        return _persist(lambda left: self._question(question, left), self._seconds, what)

    def _question(self, question: bytes, seconds: float) -> tuple[np.void, np.ndarray] | None:
        """Ask, and wait for the answer to the question asked last."""
        deadline = time.monotonic() + seconds
        client: Any = self._redis
        with client.pubsub() as channel:
            channel.subscribe(f"{self._keys.answers}{self.number}")
            channel.get_message(timeout=seconds)  # the subscription's confirmation
            self._ask(keys=[self._keys.orders, self._keys.queries], args=[question])
            while (left := deadline - time.monotonic()) > 0:
                message = channel.get_message(timeout=left)
                if message is not None and message["type"] == "message":
                    header, records = decode_answer(message["data"])
                    if (header["query_id"], header["incarnation"]) == (self._query_id, self._incarnation):
                        return header, records
        return None

    def _read_identity(self, _: float) -> tuple[int, int] | None:
        try:
            reply: Any = self._redis.xinfo_stream(self._keys.events)
        except redis.ResponseError as error:
            if "no such key" in str(error):
                return None
            raise
        state = parse_description(self._keys.events, reply)
        return (state.log_id, state.epoch) if state.log_id else None

    def _mirrored(self, entry: EntryId) -> np.ndarray:
        """The events at `entry` of the event log, once they are there."""
        before = EntryId(entry.ms, entry.seq - 1) if entry.seq else EntryId(entry.ms - 1, 2**64 - 1)
        reader = EventReader(self._keys)

        def read(left: float) -> np.ndarray | None:
            wait_ms = max(1, min(1000, round(left * 1000)))
            rows = read_events(self._redis, reader.steps(before, 1, wait_ms))
            if not rows:
                return None
            name, fields = rows[0]
            if EntryId.parse(name) != entry:
                raise LogError(f"{self._keys.events} has {name.decode()} where {entry} belongs: trimmed or damaged")
            return decode_block(fields[FIELD], EVENT)[1]

        what = f"entry {entry} of {self._keys.orders} is not executed yet: is the engine running?"
        return _persist(read, self._seconds, what)

    def _first_copy(self, entry: EntryId) -> np.ndarray:
        """Search the event log backwards for the executed copy of the block at `entry`."""
        wanted = (self.number, self._incarnation, self._sequence)
        began_ms, before = wanted[1] // 1_000_000, entry
        while True:
            rows = cast(StreamEntries, self._redis.xrevrange(self._keys.events, f"({before}", count=SCAN_ENTRIES))
            for name, fields in rows:
                before = EntryId.parse(name)
                header, events = decode_block(fields[FIELD], EVENT)
                if (header.gateway, header.incarnation, header.sequence) == wanted:
                    return events
            if not rows or before.ms < began_ms - 60_000:
                raise LogError(f"{self._keys.events} holds no outcome of the block first appended before {entry}")


def _is_refused(events: np.ndarray, reason: Reason) -> bool:
    return bool(len(events) and events[0]["kind"] == EventKind.BLOCK_REFUSED and events[0]["reason"] == reason)


def _persist(action: Callable[[float], T | None], seconds: float, what: str) -> T:
    """Try until `action` (which gets the seconds left) gives something; TimeoutError with `what` when time is up."""
    deadline = time.monotonic() + seconds
    trouble = ""
    while (left := deadline - time.monotonic()) > 0:
        try:
            result = action(left)
        except UNREACHABLE as error:
            trouble = f": {error}"
        else:
            if result is not None:
                return result
        time.sleep(min(RETRY_SECONDS, max(0.0, deadline - time.monotonic())))
    raise TimeoutError(f"{what} ({seconds:g} s){trouble}")
