"""From one behaviour version to the next: what `exchange upgrade` does to a log whose engines are stopped.

Commands of one version are never executed by code of another. So the old code must have executed all of the log, and
left a snapshot of what came of it; from there this code goes on, with UPGRADE as its first command:

    orders    … old commands …  E   U        U is UPGRADE, and the first entry after E
    events    … old events ….. E   U        its mirror, by this code
    snapshot            by the old code E   U by this one

Each step is looked for before it is done, so one that was interrupted is only repeated. Non-goals: the records of old
snapshots (runtime/snapshots/migration.py).
"""

from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import redis

from engine_core.book.memory.state import BEHAVIOUR, State, capacities_of
from engine_core.runtime.log.tail import NOT_ABOVE_TOP
from engine_core.runtime.machine import Machine
from engine_core.runtime.recovery import own_block, read_logs
from engine_core.runtime.snapshots import migration, snapshot
from engine_core.runtime.snapshots.resume import usable
from engine_core.runtime.snapshots.snapshot import Place
from engine_core.transport.behaviour import FROM_THE_OLD_CODE, begun_by, note
from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import ADMIN, BEHAVIOUR_VERSION, COMMAND
from engine_core.wire.log import LogError
from engine_core.wire.streams import FIELD, BlockError, EntryId, Keys, StreamEntries, crc_of, decode_block


class Upgraded(NamedTuple):
    before: int  # the behaviour version that the log had
    entry: EntryId  # of UPGRADE
    snapshot: Path  # the first of this version


def upgrade(client: redis.Redis, names: Keys, data: Path, shard: int) -> Upgraded | None:
    """Do what is still to be done; None if the log is of this version. LogError if it cannot be upgraded as it is."""
    logs = read_logs(client, names)
    orders = logs[0]
    if not orders.length or begun_by(client, names) == BEHAVIOUR_VERSION:
        return None
    if usable(snapshot.describe, snapshot.read, client, names, data, shard, logs) is not None:
        return None
    found = usable(migration.describe, migration.read, client, names, data, shard, logs)
    if found is None:
        raise LogError(
            f"there is no snapshot in {snapshot.folder_of(data)} that the old code wrote of this log. "
            f"{FROM_THE_OLD_CODE}"
        )
    path, place, state = found
    if orders.top == place.entry:
        _append(client, names, place)
    entry, block = _next(client, names, place, path)
    before = int(state.scalars[BEHAVIOUR])
    machine, mirror = _execute(state, place, entry, block)
    _publish(client, names, entry, mirror)
    now = Place(machine.log_id, machine.epoch, entry, crc_of(mirror))
    written = snapshot.write(data, shard, machine.state, now)
    note(client, names)
    return Upgraded(before, entry, written)


def _append(client: redis.Redis, names: Keys, place: Place) -> None:
    """UPGRADE, unless somebody else appends now."""
    record = np.zeros(1, ADMIN)
    record["kind"], record["new_behaviour"] = CommandKind.UPGRADE, BEHAVIOUR_VERSION
    pipe: Any
    with client.pipeline(transaction=True) as pipe:
        pipe.watch(names.orders)
        if read_logs(client, names)[0].top != place.entry:
            return  # what came will be looked at
        pipe.multi()
        pipe.xadd(names.orders, {FIELD: own_block(place.log_id, place.epoch, record)})
        try:
            pipe.execute()
        except redis.WatchError:
            return


def _next(client: redis.Redis, names: Keys, place: Place, path: Path) -> tuple[EntryId, bytes]:
    """The entry after the snapshot, which must be UPGRADE."""
    rows = cast(StreamEntries, client.xrange(names.orders, f"({place.entry}", count=1))
    entry, block = (EntryId.parse(rows[0][0]), rows[0][1].get(FIELD, b"")) if rows else (place.entry, b"")
    if not _is_upgrade(block):
        raise LogError(
            f"{names.orders} continues after {path}, the newest snapshot of the old code: from {entry} up to "
            f"{read_logs(client, names)[0].top}. Only that code may execute these commands. {FROM_THE_OLD_CODE}"
        )
    return entry, block


def _is_upgrade(block: bytes) -> bool:
    try:
        records = decode_block(block, COMMAND)[1].view(ADMIN)
    except BlockError:
        return False
    return (
        len(records) == 1
        and records["kind"][0] == CommandKind.UPGRADE
        and records["new_behaviour"][0] == BEHAVIOUR_VERSION
    )


def _execute(state: State, place: Place, entry: EntryId, block: bytes) -> tuple[Machine, bytes]:
    machine = Machine(capacities_of(state))
    machine.adopt(state, place.entry, place.epoch)
    return machine, machine.encode(machine.execute(entry, block))


def _publish(client: redis.Redis, names: Keys, entry: EntryId, mirror: bytes) -> None:
    """Append the mirror of UPGRADE; LogError if the log holds another one."""
    try:
        client.xadd(names.events, {FIELD: mirror}, id=str(entry))
    except redis.ResponseError as error:
        if NOT_ABOVE_TOP not in str(error):
            raise
        rows = cast(StreamEntries, client.xrange(names.events, str(entry), str(entry)))
        if not rows or rows[0][1].get(FIELD) != mirror:
            raise LogError(
                f"{names.events} holds other events at entry {entry}, UPGRADE, than this code computes: other code "
                "upgraded the log; continue with that code, or restore the log from a copy"
            ) from None
