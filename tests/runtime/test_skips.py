"""Skipped entries as Redis remembers them: what is told of each state, and what trimming must not forget."""

from pathlib import Path

import pytest
import redis

from engine_core.administration.client import admin
from engine_core.runtime.log.skips import remember, skipped_entries
from engine_core.runtime.machine import Machine
from engine_core.runtime.recovery import read_logs
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.resume import crc_of, resume
from engine_core.runtime.snapshots.snapshot import Place
from engine_core.runtime.snapshots.trim import Retention, trim
from engine_core.transport.backlog import Stored
from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import BEHAVIOUR_VERSION, SCHEMA_VERSION
from engine_core.wire.log import LogTrimmed
from engine_core.wire.streams import FIELD, EntryId
from tests.runtime.rig import NAMES, SMALL, block_of, flow, setup

LOG_ID = 7
DISPUTED = EntryId(3, 0)  # one engine executes it, another one had it skipped
LAST = EntryId(6, 0)


class Life:
    """A machine through the whole log, its mirrors, and where its snapshots lie."""

    def __init__(self, folder: Path, *, skips: bool) -> None:
        self.machine, self._folder = Machine(SMALL), folder
        genesis = admin(CommandKind.GENESIS, code=SCHEMA_VERSION, a=LOG_ID, b=BEHAVIOUR_VERSION)
        records = [genesis, setup(), *(flow(5, seed) for seed in range(LAST.ms - 2))]
        self.commands: list[tuple[EntryId, bytes]] = []
        self.mirrors: list[tuple[EntryId, bytes]] = []
        self.places: list[Place] = []
        for number, block in enumerate(records, 1):
            entry, encoded = EntryId(number, 0), block_of(block, log_id=LOG_ID, sequence=number)
            mirror = (self.machine.skip if skips and entry == DISPUTED else self.machine.execute)(entry, encoded)
            self.commands.append((entry, encoded))
            self.mirrors.append((entry, self.machine.encode(mirror)))

            self.places.append(Place(LOG_ID, self.machine.epoch, entry, crc_of(self.mirrors[-1][1])))
            if entry >= EntryId(2, 0):
                snapshot.write(folder, 0, self.machine.state, self.places[-1])

    def keep(self, *snapshots: EntryId) -> None:
        """Only these snapshots stay."""
        for path in snapshot.found(self._folder, 0):
            if snapshot.describe(path).place.entry not in snapshots:
                path.unlink()

    def publish(self, client: redis.Redis) -> None:
        for name, log in ((NAMES.orders, self.commands), (NAMES.events, self.mirrors)):
            for entry, block in log:
                client.xadd(name, {FIELD: block}, id=str(entry))  # type: ignore[arg-type]


def start(client: redis.Redis, folder: Path) -> EntryId | None:
    """Where an engine that comes up goes on."""
    place = resume(Machine(SMALL), client, NAMES, folder, 0, read_logs(client, NAMES))
    return place.entry if place is not None else None


def test_what_was_executed_after_all_leaves_the_set_before_its_mirror_is_trimmed(
    client: redis.Redis, tmp_path: Path
) -> None:
    """An engine ended between the set and the mirror, and a standby that had executed the entry took over."""
    life = Life(tmp_path, skips=False)
    life.keep(EntryId(4, 0), EntryId(5, 0))
    life.publish(client)
    remember(client, NAMES, {DISPUTED})
    assert skipped_entries(client, NAMES) == {DISPUTED}
    client.set(NAMES.stored, Stored(LOG_ID, LAST, len(life.mirrors)).encode())
    trim(client, NAMES, tmp_path, 0, Retention(keep_ms=0, redis_bytes=0, young_ms=0))
    client.xtrim(NAMES.events, minid="4", approximate=False)  # what little it left of so short a log
    assert not skipped_entries(client, NAMES)
    remember(client, NAMES, {DISPUTED})  # by one that was frozen meanwhile, and reconnects
    assert not skipped_entries(client, NAMES)
    assert start(client, tmp_path) == EntryId(5, 0)


def test_a_snapshot_of_an_engine_that_executed_what_was_skipped_is_passed_over(
    client: redis.Redis, tmp_path: Path
) -> None:
    """Also one that lies at the disputed entry itself, where it shows other events than those published."""
    Life(tmp_path, skips=False).keep(EntryId(2, 0), DISPUTED, LAST)
    remember(client, NAMES, {DISPUTED})
    Life(tmp_path / "another", skips=True).publish(client)
    assert start(client, tmp_path) == EntryId(2, 0)
    assert start(client, tmp_path / "another") == LAST


def test_a_skipped_entry_still_counts_when_its_mirror_is_gone(client: redis.Redis, tmp_path: Path) -> None:
    life = Life(tmp_path, skips=True)
    executed = Life(tmp_path / "executed", skips=False)
    executed.keep(EntryId(2, 0), LAST)
    remember(client, NAMES, {DISPUTED})
    life.publish(client)
    client.xtrim(NAMES.events, minid="4", approximate=False)
    assert start(client, tmp_path) == LAST
    with pytest.raises(LogTrimmed):
        start(client, tmp_path / "executed")
