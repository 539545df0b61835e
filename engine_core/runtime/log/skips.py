"""Which entries of the command log were skipped: a set in Redis, so that each engine that comes by later knows.

    an engine skips an entry    its ID goes into the set, and then its mirror is published: BLOCK_REFUSED (SKIPPED)
    its mirror says otherwise   another engine had executed it and was first: out of the set, while the mirror is there

So of an entry in the set whose mirror was trimmed it is sure that it was skipped. A state counts what it skipped, and
is held against the set. Non-goals: when to skip (runtime/crash_guard.py).
"""

from typing import cast

import redis

from engine_core.book.memory.state import SKIPS, State
from engine_core.runtime.log.tail import Forgotten, NotTaken
from engine_core.wire.codes import CommandKind, Reason
from engine_core.wire.layout import ADMIN, BLOCK_HEADER, COMMAND
from engine_core.wire.streams import FIELD, BlockError, EntryId, Keys, StreamEntries, decode_block, reason_of

_SKIP = bytes([CommandKind.SKIP])


def skipped_entries(client: redis.Redis, names: Keys) -> set[EntryId]:
    """Also one whose engine ended before it was published: its mirror decides, then."""
    return {EntryId.parse(name) for name in cast(set[bytes], client.smembers(names.skipped))}


def remember(client: redis.Redis, names: Keys, entries: set[EntryId]) -> None:
    """Have Redis know what was skipped; not that of which the mirror was trimmed, and with it what others said."""
    first = cast(StreamEntries, client.xrange(names.events, count=1)) if entries else []
    kept = [str(entry) for entry in entries if not first or entry >= EntryId.parse(first[0][0])]
    if kept:
        try:
            client.sadd(names.skipped, *kept)
        except redis.ResponseError as error:
            raise NotTaken(f"{names.skipped} cannot be written: {error}") from error


def settle_skips(client: redis.Redis, names: Keys, end: EntryId) -> set[EntryId]:
    """What is in the set; entries up to `end`, all of them published, leave it unless they were skipped."""
    entries = skipped_entries(client, names)
    executed = {
        entry
        for entry in entries
        if entry <= end and published_reason(client, names, entry) not in (Reason.SKIPPED, None)  # None: trimmed
    }
    if executed:
        client.srem(names.skipped, *map(str, executed))
    return entries - executed


def check_skips(state: State, position: EntryId, client: redis.Redis, names: Keys, top: EntryId) -> None:
    """Forgotten unless a state at this position has skipped what the published events, up to `top`, show as skipped.

    After them it may have skipped what is in the set, or another engine that ended before it was published.
    """
    entries = {entry for entry in settle_skips(client, names, min(position, top)) if entry <= position}
    least = sum(entry <= top for entry in entries)
    if not least <= state.scalars[SKIPS] <= len(entries):
        raise Forgotten(
            f"{state.scalars[SKIPS]} entries up to {position} were skipped, but by the engine which publishes {least}"
        )


def published_reason(client: redis.Redis, names: Keys, entry: EntryId) -> Reason | None:
    """The reason in the entry's published mirror, if there is one."""
    rows = cast(StreamEntries, client.xrange(names.events, str(entry), str(entry)))
    return reason_of(rows[0][1][FIELD]) if rows else None


def skip_of(block: bytes) -> EntryId | None:
    """The entry that this block has skipped: SKIP is the first command of its block."""
    if block[BLOCK_HEADER.itemsize : BLOCK_HEADER.itemsize + 1] != _SKIP:
        return None
    try:
        record = decode_block(block, COMMAND)[1].view(ADMIN)[0]
    except BlockError:
        return None
    return EntryId(int(record["entry_ms"]), int(record["entry_seq"]))
