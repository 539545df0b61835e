"""The ring: order, overwriting, laps, bells, and attaching; also under a writer in another process."""

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from engine_core.transport import ring as ring_module
from engine_core.transport.ring import READER_ROWS, RingError, RingReader, RingWriter, Stamp
from engine_core.wire.streams import ORIGIN, EntryId
from tests.transport.rig import numbered

STAMP = Stamp(EntryId(10, 2), 7, 8, 9, 11)


@contextmanager
def a_ring(runtime: Path, capacity: int = 64, base: EntryId = ORIGIN) -> Iterator[RingWriter]:
    writer = RingWriter(runtime, 0, capacity, 77, 3, base)
    yield writer
    writer.close()


@contextmanager
def a_reader(runtime: Path, gateway: int = 0) -> Iterator[RingReader]:
    reader = RingReader(runtime, 0, gateway)
    yield reader
    reader.close()


def rung(reader: RingReader, seconds: float = 0.0) -> bool:
    return bool(select.select([reader.bell], [], [], seconds)[0])


def test_events_come_out_as_they_went_in(runtime: Path) -> None:
    with a_ring(runtime) as writer, a_reader(runtime) as reader:
        assert reader.attach()
        assert reader.log == (77, 3)
        events = numbered(1, 3)
        writer.write(events, STAMP)
        slots = reader.read()
        assert slots is not None
        assert slots["event"].tobytes() == events.tobytes()
        assert slots["position"].tolist() == [0, 1, 2]
        for name, value in zip(("gateway", "incarnation", "sequence", "time_ms"), STAMP[1:], strict=True):
            assert slots[name].tolist() == [value] * 3
        assert set(zip(slots["entry_ms"].tolist(), slots["entry_seq"].tolist(), strict=True)) == {(10, 2)}
        assert slots["block_events"].tolist() == [3, 3, 3] and (slots["published_ns"] > 0).all()
        empty = reader.read()
        assert empty is not None and len(empty) == 0


def test_a_block_larger_than_the_ring_laps_but_never_tears(runtime: Path) -> None:
    with a_ring(runtime, 64) as writer, a_reader(runtime) as reader:
        reader.attach()
        writer.write(numbered(1, 1000), STAMP)
        assert reader.read() is None
        assert reader.lapped == 1


def test_seek_finds_the_first_event_after_an_entry_or_says_that_it_is_gone(runtime: Path) -> None:
    with a_ring(runtime, 256, base=EntryId(4, 0)) as writer, a_reader(runtime) as reader:
        reader.attach()
        assert not reader.seek(EntryId(3, 9)), "what came before the ring began cannot be in it"
        for number in range(5, 25):
            writer.write(numbered(2 * number, 2), STAMP._replace(entry=EntryId(number, 1)))
        for after, first in ((EntryId(4, 0), 10), (EntryId(9, 0), 18), (EntryId(9, 1), 20)):
            assert reader.seek(after)
            slots = reader.read()
            assert slots is not None and slots["event"]["order_id"][0] == first
        assert reader.seek(EntryId(24, 1))
        slots = reader.read()
        assert slots is not None and len(slots) == 0
        for number in range(25, 200):
            writer.write(numbered(2 * number, 2), STAMP._replace(entry=EntryId(number, 1)))
        assert not reader.seek(EntryId(30, 1)), "overwritten"
        assert reader.seek(EntryId(150, 1))


def test_the_bell_rings_sleepers_that_are_concerned_and_nobody_else(runtime: Path) -> None:
    with (
        a_ring(runtime) as writer,
        a_reader(runtime) as everything,
        a_reader(runtime, gateway=7) as mine,
        a_reader(runtime, gateway=8) as others,
        a_reader(runtime) as awake,
    ):
        for reader in (everything, mine, others, awake):
            reader.attach()
        assert everything.fall_asleep() and mine.fall_asleep() and others.fall_asleep()
        writer.write(numbered(1, 1), STAMP)
        assert writer.ring() == 2
        assert rung(everything) and rung(mine) and not rung(others) and not rung(awake)
        writer.write(numbered(2, 1), STAMP)
        assert writer.ring() == 0, "who was rung and did not go to sleep again is awake"
        assert not everything.fall_asleep(), "there is something to read"
        everything.silence()
        assert not rung(everything)


def test_a_dead_readers_row_is_free_again(runtime: Path) -> None:
    with a_ring(runtime) as writer:
        readers = [RingReader(runtime, 0) for _ in range(READER_ROWS)]
        for reader in readers:
            assert reader.attach()
        with a_reader(runtime) as late, pytest.raises(RingError, match="readers already"):
            late.attach()
        readers[3].bell.close()  # as if its process had died: the row is still taken, but nobody listens
        with a_reader(runtime) as late:
            assert late.attach()
        assert readers[5].fall_asleep()
        readers[5].bell.close()
        writer.write(numbered(1, 1), STAMP)
        writer.ring()
        assert len(writer.readers()) == READER_ROWS - 2  # that of readers[5], and `late` has left
        for reader in readers:
            reader.close()


def test_who_takes_the_row_of_one_that_was_rung_is_rung(runtime: Path) -> None:
    """A row's bell is connected once: the writer has to notice that it is another's by now."""
    with a_ring(runtime) as writer, a_reader(runtime) as left:
        for number in range(3):
            with a_reader(runtime) as reader:
                assert reader.attach() and reader.fall_asleep()
                writer.write(numbered(number, 1), STAMP)
                assert writer.ring() == 1 and rung(reader)
        assert left.attach() and left.fall_asleep()
        writer.write(numbered(3, 1), STAMP)
        assert writer.ring() == 1 and rung(left)
        left.silence()
        assert left.read() is not None and left.fall_asleep()
        left.bell.close()  # it dies
        writer.write(numbered(4, 1), STAMP)
        writer.ring()
        assert writer.readers() == [], "nobody hears that bell: the row is free"


def test_who_lost_its_row_leaves_it_to_whom_it_belongs(runtime: Path) -> None:
    """It was taken for dead, and comes back: the other one would never be rung again."""
    with a_ring(runtime) as writer:
        lost = RingReader(runtime, 0)
        assert lost.attach()
        lost.bell.close()
        with a_reader(runtime) as owner:
            assert owner.attach() and owner.fall_asleep()
            assert lost.stale()
            lost.detach()
            writer.write(numbered(1, 1), STAMP)
            assert writer.ring() == 1 and rung(owner)
        lost.close()


def test_a_ring_of_other_code_is_refused(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_ring(runtime), a_reader(runtime) as reader:
        monkeypatch.setattr(ring_module, "fingerprint", lambda: 1)
        with pytest.raises(RingError, match="same version"):
            reader.attach()


def test_a_new_incarnation_takes_the_pointer_and_the_old_ring_stays_readable(runtime: Path) -> None:
    with a_reader(runtime) as reader:
        assert not reader.attach() and not reader.stale()
        with a_ring(runtime) as first:
            assert reader.stale() and reader.attach() and not reader.stale()
            first.write(numbered(1, 2), STAMP)
            with a_ring(runtime) as second:
                assert not first.path.exists() and second.path.exists()
                assert reader.stale()
                slots = reader.read()
                assert slots is not None and slots["event"]["order_id"].tolist() == [1, 2]
                assert reader.attach() and not reader.stale()


@pytest.mark.parametrize("capacity", [64, 4096])
def test_under_a_writer_in_another_process_nothing_is_torn_or_reordered(runtime: Path, capacity: int) -> None:
    command = [sys.executable, "-m", "tests.transport.ring_writer", str(runtime), str(capacity), "20000"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None and writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        with a_reader(runtime) as reader:
            assert reader.attach()
            writer.stdin.write("go\n")
            writer.stdin.flush()
            last = seen = 0
            finished = False
            while not finished:
                finished = bool(select.select([writer.stdout], [], [], 0)[0])  # then this is the last read
                slots = reader.read()
                if slots is None:  # lapped: go on with what comes next
                    assert reader.attach()
                elif len(slots):
                    numbers = slots["event"]["order_id"]
                    for name in ("created_ms", "update_id"):
                        assert (slots["event"][name] == numbers).all(), "a torn event"
                    assert numbers[0] > last and (np.diff(numbers) == 1).all()
                    assert (slots["position"] < slots["block_events"]).all()
                    assert (slots["gateway"] == 1 + slots["sequence"] % 3).all()
                    last, seen = int(numbers[-1]), seen + len(slots)
                elif not finished and reader.fall_asleep():
                    rung(reader, 0.05)
                    reader.silence()
            total = int(writer.stdout.readline())
            assert reader.lapped > 0 or seen == last == total
            assert capacity > 64 or reader.lapped > 0, "a ring of 64 slots must have been overwritten while read"
            writer.stdin.write("done\n")
