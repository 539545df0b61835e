"""Runs of entries executed in one call: the same state as one by one, whatever stands in the log."""

from pathlib import Path

import numpy as np
import pytest
import redis

from bench.workloads import mixed_flow
from engine_core.administration.client import admin
from engine_core.book.audit import digest
from engine_core.book.memory.state import Capacities
from engine_core.runtime.crash_guard import CrashGuard
from engine_core.runtime.log.chunk import Chunk, chunk_of
from engine_core.runtime.machine import Machine, Mirror, Run
from engine_core.wire.codes import CommandKind, Reason, Side
from engine_core.wire.layout import BEHAVIOUR_VERSION, COMMAND, SCHEMA_VERSION, join
from engine_core.wire.limits import MAX_EVENTS_PER_COMMAND
from engine_core.wire.log import LogError
from engine_core.wire.streams import FIELD, EntryId, StreamEntries
from tests.runtime.rig import NAMES, SMALL, block_of, place, setup

LOG_ID = 77
BAD_PRICE = 1337
Entries = list[tuple[EntryId, bytes]]


def numbered(blocks: list[bytes]) -> Entries:
    """Some entries share a millisecond, as in life."""
    return [(EntryId(1_700_000_000_000 + at // 3, at % 3), block) for at, block in enumerate(blocks)]


def busy_log(seed: int) -> tuple[Entries, Capacities]:
    """A log of two gateways with everything that goes wrong on the way: damaged, foreign, repeated, early blocks."""
    random = np.random.default_rng(seed)
    flow = mixed_flow(seed, 1_500, 2, 40, spread=20)
    records = flow.commands.copy()
    at, blocks, last = 0, [], [0, 0]

    def add(rows: np.ndarray, gateway: int = 0, **fields: int) -> None:
        last[gateway] += 1
        stamp = 1_700_000_000_000 + int(random.integers(-5, 400))
        fields = {"log_id": 1, "sequence": last[gateway], "gateway": 5 + gateway, "time_ms": stamp} | fields
        blocks.append(block_of(rows, **fields))  # type: ignore[arg-type]

    add(flow.setup[:1])
    for first in range(1, len(flow.setup), 50):
        add(flow.setup[first : first + 50])
    while at < len(records):
        gateway, size, fault = int(random.integers(2)), int(random.integers(1, 40)), int(random.integers(12))
        rows, at = records[at : at + size], at + size
        if fault == 0:
            add(rows, gateway, log_id=2)
            last[gateway] -= 1
        elif fault == 1:
            add(rows, gateway, sequence=last[gateway] + int(random.integers(-1, 4)))
            last[gateway] -= 1
        elif fault == 2:
            blocks.append(b"junk"[: int(random.integers(5))] + blocks[-1][: 64 * int(random.integers(3))])
        add(rows, gateway)
        if fault == 3:
            blocks.append(blocks[-1])
        elif fault == 4:
            blocks.append(blocks[-1][:-1] + b"\xff")
    return numbered(blocks), flow.capacities


def by_runs(machine: Machine, chunk: Chunk) -> tuple[Mirror, int]:
    """The last mirror, and how many entries had to be executed alone."""
    number, alone, last = 0, 0, len(chunk.entries) - 1
    while True:
        number = machine.execute_run(chunk, number, last) if number < last else number
        mirror, alone = machine.execute(*chunk.entries[number]), alone + 1
        if number == last:
            return mirror, alone
        number += 1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("buffer", [MAX_EVENTS_PER_COMMAND, 4 * MAX_EVENTS_PER_COMMAND])
def test_runs_give_the_same_state_and_the_same_last_mirror(seed: int, buffer: int) -> None:
    entries, capacities = busy_log(seed)
    one_by_one, runs = Machine(capacities), Machine(capacities, buffer=buffer)
    mirrors = [one_by_one.encode(one_by_one.execute(*entry)) for entry in entries]
    mirror, alone = by_runs(runs, chunk_of(entries))
    assert digest(runs.state) == digest(one_by_one.state)
    assert runs.position == one_by_one.position
    assert runs.encode(mirror) == mirrors[-1]
    assert 2 < alone < len(entries) // 2, "both ways were gone"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("buffer", [MAX_EVENTS_PER_COMMAND + 600, 4 * MAX_EVENTS_PER_COMMAND])
def test_runs_that_are_kept_give_the_same_mirrors(seed: int, buffer: int) -> None:
    entries, capacities = busy_log(seed)
    one_by_one, by_run, chunk = Machine(capacities), Machine(capacities, buffer=buffer), chunk_of(entries)
    expected = [one_by_one.encode(one_by_one.execute(*entry)) for entry in entries]
    found: list[bytes] = []
    lengths = set()
    while (number := len(found)) < len(entries):
        runs: list[Run] = []
        reached = by_run.execute_run(chunk, number, len(entries), runs)
        mirrors = [mirror for run in runs for mirror in by_run.encode_run(run)]
        assert reached == number + len(mirrors)
        lengths.add(len(mirrors))
        found += mirrors or [by_run.encode(by_run.execute(*entries[number]))]
    assert found == expected
    assert digest(by_run.state) == digest(one_by_one.state)
    assert by_run.position == one_by_one.position
    assert len(lengths) > 2, "runs of several lengths"


def test_a_run_that_fills_the_buffer_within_a_block_keeps_all_its_events() -> None:
    """Two blocks of small orders, and one that sweeps them command by command: more events than the buffer holds."""
    small = join([place(Side.ASK, 100, 1, 2)] * 900)
    sweeps = join([place(Side.BID, 100, 300, 3)] * 6)
    entries = small_log(small, small, place(Side.BID, 1, 1), sweeps, place(Side.BID, 1, 1))
    one_by_one, by_run, chunk = Machine(SMALL), Machine(SMALL, buffer=MAX_EVENTS_PER_COMMAND + 1_500), chunk_of(entries)
    expected = [one_by_one.encode(one_by_one.execute(*entry)) for entry in entries]
    for entry in entries[:4]:
        by_run.execute(*entry)
    found: list[bytes] = []
    while (number := 4 + len(found)) < len(entries):
        runs: list[Run] = []
        by_run.execute_run(chunk, number, len(entries), runs)
        found += by_run.encode_run(runs[0])
    assert found == expected[4:]
    assert digest(by_run.state) == digest(one_by_one.state)


def small_log(*orders: np.ndarray) -> Entries:
    genesis = admin(CommandKind.GENESIS, code=SCHEMA_VERSION, a=LOG_ID, b=BEHAVIOUR_VERSION)
    blocks = [genesis, setup(), *orders]
    return numbered([block_of(rows, log_id=LOG_ID, sequence=at) for at, rows in enumerate(blocks, 1)])


def test_a_run_ends_where_another_behaviour_begins() -> None:
    upgrade = admin(CommandKind.UPGRADE, a=BEHAVIOUR_VERSION + 1)
    entries = small_log(place(Side.BID, 100, 1), upgrade, place(Side.BID, 101, 1), place(Side.BID, 102, 1))
    machine, chunk = Machine(SMALL), chunk_of(entries)
    machine.execute(*entries[0])
    with pytest.raises(LogError, match=str(entries[3][0])):
        machine.execute_run(chunk, 1, len(entries))


class Crashing(Machine):
    """Dies at orders of one price."""

    def execute(self, entry: EntryId, block: bytes) -> Mirror:
        assert BAD_PRICE not in np.frombuffer(block, COMMAND)["price_ticks"][1:], "a bug"
        return super().execute(entry, block)

    def execute_run(self, chunk: Chunk, start: int, stop: int, runs: list[Run] | None = None) -> int:
        span = slice(chunk.blocks["first"][start], chunk.blocks["end"][stop - 1])
        assert BAD_PRICE not in chunk.records["price_ticks"][span], "a bug"
        return super().execute_run(chunk, start, stop, runs)


class EventLog(redis.Redis):
    """Says of one entry that it was published as skipped, once it is told so."""

    skipped: EntryId | None = None

    def xrange(self, _: object, entry: str = "0-0", *__: object, **___: object) -> StreamEntries:
        machine = Machine(SMALL)
        machine.execute(*small_log()[0])
        mirror = machine.encode(machine.refuse(EntryId.parse(entry), b"", Reason.SKIPPED))
        return [(entry.encode(), {FIELD: mirror})] if EntryId.parse(entry) == self.skipped else []

    def xinfo_stream(self, name: str) -> dict[str, object]:
        return {"last-generated-id": "0-0", "entries-added": 0, "length": 0, "last-entry": None}

    def smembers(self, name: str) -> set[bytes]:
        return set()

    def sadd(self, name: str, *values: object) -> int:
        return len(values)


def replay(machine: Machine, guard: CrashGuard, entries: Entries) -> tuple[int, list[EntryId]]:
    """What one engine does until its end: how many runs executed something, and which entries were skipped."""
    number, runs, skipped, chunk = 1, 0, [], chunk_of(entries)
    guard.execute(machine, *entries[0])
    while number < len(entries):
        reached = guard.execute_run(machine, chunk, number, len(entries))
        runs += reached > number
        if reached < len(entries):
            mirror = guard.execute(machine, *entries[reached])
            skipped += [entries[reached][0]] if mirror.events["reason"][0] == Reason.SKIPPED else []
            reached += 1
        number = reached
    return runs, skipped


def test_a_crash_in_a_run_is_traced_to_its_entry(tmp_path: Path) -> None:
    entries = small_log(*(place(Side.BID, price, 1) for price in (100, 101, BAD_PRICE)))
    for sequence in (1, 2):  # of another gateway: the skipped block is missing in front of those of its own
        block = block_of(place(Side.BID, 102, 1), log_id=LOG_ID, sequence=sequence, gateway=6)
        entries.append((EntryId(1_700_000_001_000, sequence), block))
    bad, note, events = entries[4][0], tmp_path / "entry", EventLog()
    for crashes in (0, 0, 1):
        guard = CrashGuard(note, events, NAMES)
        assert guard.crashes == crashes, "a run is no entry: its crash counts for none"
        with pytest.raises(AssertionError, match="a bug"):
            replay(Crashing(SMALL), guard, entries)
    guard = CrashGuard(note, events, NAMES)
    assert (guard.crashes, guard.seen(LOG_ID)) == (2, [bad])
    events.skipped = bad
    assert replay(Crashing(SMALL), guard, entries) == (2, [bad]), "one run before it, one behind"


def test_engines_killed_at_different_entries_halt_nothing(tmp_path: Path) -> None:
    """Killed while it came up, again and again, each time at an earlier entry: no entry crashed three times."""
    entries = small_log(*(place(Side.BID, price, 1) for price in range(100, 108)))
    note, events = tmp_path / "entry", EventLog()

    class Killed(Machine):
        at = len(entries)

        def execute(self, entry: EntryId, block: bytes) -> Mirror:
            assert entry < entries[self.at][0], "killed"
            return super().execute(entry, block)

        def execute_run(self, chunk: Chunk, start: int, stop: int, runs: list[Run] | None = None) -> int:
            return start  # so that each kill is at one entry

    for at in (8, 6, 4, 2):
        machine, guard = Killed(SMALL), CrashGuard(note, events, NAMES)
        machine.at = at
        with pytest.raises(AssertionError, match="killed"):
            replay(machine, guard, entries)
    guard = CrashGuard(note, events, NAMES)
    assert guard.crashes == 1
    assert replay(Machine(SMALL), guard, entries)[1] == []
    assert guard.crashes == 0, "it has been executed since"
