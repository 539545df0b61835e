"""Which snapshot an engine starts from: the newest one that is whole and belongs to this log, as it is now.

    snapshot                                           is
    damaged, or written by other code                  passed over
    of an earlier behaviour, and none of this one      LogError: it is to be upgraded
    of another log, or from before the log begins      passed over
    of an engine that executed what was skipped        passed over
    above the events published so far                  passed over: an older one makes the events that are missing
    at an entry that the command log lacks             LogError: Redis lost commands that were executed
    at an entry whose events are others now            LogError: the log went back in time and grew again
    not there, and the log was trimmed                 LogTrimmed: there is nothing to start from

Non-goals: what comes after it (runtime/recovery.py), and reading those of an earlier behaviour (migration.py).
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import cast

import redis

from engine_core.book.memory.state import State
from engine_core.runtime.log.skips import check_skips
from engine_core.runtime.log.tail import Forgotten
from engine_core.runtime.machine import Machine
from engine_core.runtime.snapshots import migration, snapshot
from engine_core.runtime.snapshots.snapshot import OldSnapshot, Place, Snapshot, SnapshotError
from engine_core.wire.log import LogError, LogState, LogTrimmed
from engine_core.wire.streams import FIELD, EntryId, Keys, StreamEntries, crc_of

logger = logging.getLogger(__name__)


def resume(
    machine: Machine, client: redis.Redis, names: Keys, data: Path, shard: int, logs: tuple[LogState, LogState]
) -> Place | None:
    """Let the machine go on from a snapshot; which place that is, None if there is none to use."""
    read = snapshot.describe, snapshot.read
    if (found := usable(*read, client, names, data, shard, logs)) is not None:
        path, place, state = found
        machine.adopt(state, place.entry, place.epoch)
        logger.info("starting from %s", path.name)
        return place
    if (why := snapshot.not_upgraded(data, shard)) is not None:
        raise LogError(why)
    for log in logs:
        if log.length and not log.is_complete:
            raise LogTrimmed(
                f"{log.name} begins at {log.first}: it was trimmed, or entries were deleted, and no snapshot in "
                f"{snapshot.folder_of(data)} can be used to start from. Restore a snapshot or the log from a copy; a "
                "snapshot that was written by other code needs that code"
            )
    return None


def usable(
    describe: Callable[[Path], Snapshot],
    read: Callable[[Path], tuple[Snapshot, State]],
    client: redis.Redis,
    names: Keys,
    data: Path,
    shard: int,
    logs: tuple[LogState, LogState],
) -> tuple[Path, Place, State] | None:
    """The newest snapshot that can be gone on from, of those that these functions read."""
    orders, events = logs
    for path in snapshot.found(data, shard):
        try:
            place = describe(path).place
            if not _is_usable(client, path, place, orders, events):
                continue
            mirror = _mirror_at(client, names, place.entry)
            if mirror is None and place.entry < events.first:
                logger.warning("%s begins at %s, after %s: passed over", names.events, events.first, path.name)
                continue
            state = read(path)[1]
            check_skips(state, place.entry, client, names, events.top)
            _check_same(names.events, mirror, place, path)
        except OldSnapshot as error:
            logger.info("%s: passed over", error)
            continue
        except (SnapshotError, Forgotten) as error:
            logger.error("%s; falling back to the one before, or to the whole log", error)
            continue
        return path, place, state
    return None


def accept_loss(
    client: redis.Redis, names: Keys, data: Path, shard: int, logs: tuple[LogState, LogState]
) -> list[Path]:
    """Forget here what Redis has lost; no engine may run. The snapshots that are put aside: nothing proves them now."""
    _, events = logs
    aside = []
    for path in snapshot.found(data, shard):
        try:
            place = _place_of(path)
        except SnapshotError:
            continue  # a start passes it over
        mirror = _mirror_at(client, names, place.entry)
        if place.entry > events.top or (mirror is None and place.entry >= events.first) or _differs(mirror, place):
            aside.append(path.replace(path.with_name(f"lost-{path.name}")))
    for note in data.glob(f"engine-{shard}*.entry"):
        note.unlink()
    return aside


def _place_of(path: Path) -> Place:
    try:
        return snapshot.describe(path).place
    except OldSnapshot:
        return migration.describe(path).place


def _is_usable(client: redis.Redis, path: Path, place: Place, orders: LogState, events: LogState) -> bool:
    if place.log_id != events.log_id:
        logger.warning("%s is of log %d, Redis holds log %d: passed over", path.name, place.log_id, events.log_id)
        return False
    check_has(client, orders, place.entry, f"the snapshot {path}")
    if place.entry > events.top:
        logger.info("%s is ahead of the published events: passed over", path.name)
        return False
    return True


def check_same_log(executed: int, logs: tuple[LogState, LogState], data: Path) -> None:
    """LogError if Redis holds another log, or none, than the one that engines of this data folder have executed."""
    orders, events = logs
    if executed and (not orders.length or events.log_id not in (0, executed)):
        raise LogError(
            f"{data} belongs to log {executed}, but Redis holds {f'log {events.log_id}' if events.log_id else 'none'}: "
            "this is another Redis, or it lost everything. Give the right one, restore the log from a copy, or begin "
            "with what is there: `exchange accept-loss`"
        )


def check_has(client: redis.Redis, orders: LogState, executed: EntryId, witness: str) -> None:
    """LogError if the command log lacks an entry that was executed; `witness` tells that it was. Not if it is trimmed.

    A log that lost its end grows again as soon as a gateway appends to it: its top alone proves nothing.
    """
    if executed > orders.top:
        how = f"ends at {orders.top}"
    elif executed >= orders.first and not client.xrange(orders.name, str(executed), str(executed)):
        how = "has no such entry"
    else:
        return
    raise LogError(
        f"{witness} shows that {executed} was executed, but {orders.name} {how}: Redis lost its last entries (power "
        "loss, or kill -9 with durability everysec), perhaps acknowledged orders among them. Restore it from a copy, "
        "or continue without what was lost: `exchange accept-loss`"
    )


def _mirror_at(client: redis.Redis, names: Keys, entry: EntryId) -> bytes | None:
    rows = cast(StreamEntries, client.xrange(names.events, str(entry), str(entry)))
    return rows[0][1].get(FIELD, b"") if rows else None


def _check_same(events: str, mirror: bytes | None, place: Place, path: Path) -> None:
    """LogError if the event log has not the entry of the snapshot any more, or other events there."""
    if mirror is None or _differs(mirror, place):
        raise LogError(
            f"{events} {'has no' if mirror is None else 'holds other events at'} entry {place.entry}, after which "
            f"{path} was taken: the log was restored from an older copy and has grown since. Restore the right one, "
            "or continue with the log as it is: `exchange accept-loss`"
        )


def _differs(mirror: bytes | None, place: Place) -> bool:
    return mirror is not None and crc_of(mirror) != place.mirror_crc
