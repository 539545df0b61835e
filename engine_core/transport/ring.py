"""The event ring: one engine writes, any number of processes of this host read, the oldest is overwritten.

A file of shared memory, laid out in ring_memory.py, and a bell for each reader: a socket by which the writer wakes the
readers that sleep. Non-goals: order, completeness and what to do when lapped (feed.py); more than one writer.
"""

import contextlib
import fcntl
import mmap
import os
import secrets
import socket
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine_core.transport.reserved_file import NoRoom, reserve
from engine_core.transport.ring_memory import (
    BASE_MS,
    BASE_SEQ,
    CAPACITY,
    EPOCH,
    EVENT_WORDS,
    FINGERPRINT,
    INCARNATION,
    LAPPED,
    LAYOUT_VERSION,
    LOG_ID,
    MAGIC,
    PID,
    PUBLISHED,
    READER_ROWS,
    ROW_CURSOR,
    ROW_GATEWAY,
    ROW_LAPPED,
    ROW_NONCE,
    ROW_PID,
    ROW_WORDS,
    ROWS,
    ROWS_AT,
    SLOT_WORDS,
    SLOTS_AT,
    STAMP,
    STARTED_NS,
    TOO_OLD,
    VERSION,
    arrays,
    fall_asleep,
    locate,
    read_slots,
    ring_bytes,
    wake_list,
    write_slots,
)
from engine_core.wire.fingerprint import fingerprint
from engine_core.wire.layout import SLOT
from engine_core.wire.streams import EntryId


class RingError(RuntimeError):
    """A ring file that cannot be used; the message says which and why."""


class Stamp(NamedTuple):
    """What the events of one block have in common."""

    entry: EntryId
    gateway: int
    incarnation: int
    sequence: int
    time_ms: int


def pointer_path(runtime: Path, shard: int) -> Path:
    return runtime / f"ring-{shard}"


def _bell_path(runtime: Path, pid: int, nonce: int) -> str:
    return str(runtime / f"bell-{pid}-{nonce:x}")


class RingWriter:
    """The ring of one engine incarnation. Everything after `base` is written here, block by block."""

    def __init__(self, runtime: Path, shard: int, capacity: int, log_id: int, epoch: int, base: EntryId) -> None:
        if capacity < 64 or capacity & (capacity - 1):
            raise RingError(f"ring_slots must be a power of two of at least 64, is {capacity}")
        self._runtime, self._shard = runtime, shard
        self.incarnation = time.time_ns()
        self.path = runtime / f"ring-{shard}-{self.incarnation:x}"
        self._memory = _create(self.path, ring_bytes(capacity))
        self._words, self._slots = arrays(self._memory, capacity)
        header = {
            **{VERSION: LAYOUT_VERSION, FINGERPRINT: fingerprint(), LOG_ID: log_id, EPOCH: epoch},
            **{INCARNATION: self.incarnation, PID: os.getpid(), STARTED_NS: self.incarnation},
            **{CAPACITY: capacity, ROWS: READER_ROWS, BASE_MS: base.ms, BASE_SEQ: base.seq},
        }
        for word, value in header.items():
            self._words[word] = value
        self._words[0] = MAGIC
        self._chunk = capacity // 8  # published at once: a reader that is up to date is never overtaken by one block
        self._concerned: set[int] = set()  # gateways of what was written since the last ring
        self._rows = np.zeros(READER_ROWS, np.int64)
        self._bells: dict[int, tuple[int, socket.socket]] = {}  # by row of a reader: (nonce, to its bell)
        self._point()

    def write(self, events: np.ndarray, stamp: Stamp) -> None:
        """Publish the EVENT records of one whole block."""
        self.write_run(events, np.array([(*stamp.entry, *stamp[1:], len(events))], STAMP))

    def write_run(self, events: np.ndarray, stamps: np.ndarray) -> None:
        """Publish the EVENT records of whole blocks that stand one behind the other, with a STAMP for each."""
        records = events.view(np.int64).reshape(len(events), EVENT_WORDS)
        write_slots(self._words, self._slots, records, stamps, self._chunk, time.time_ns())
        self._concerned.update(stamps["gateway"].tolist())

    def ring(self) -> int:
        """Wake the sleeping readers that the blocks written since the last call concern; their number."""
        count = wake_list(self._words, np.array([*self._concerned], np.int64), self._rows)
        self._concerned.clear()
        for row in self._rows[:count].tolist():
            try:
                self._bell_of(row).send(b"!")
            except (FileNotFoundError, ConnectionRefusedError):
                at, nonce = ROWS_AT + row * ROW_WORDS, self._bells[row][0]
                if self._words[at + ROW_NONCE] == nonce:  # nobody has taken the row meanwhile
                    self._words[at + ROW_PID] = 0  # it died; the row is free again
                self._forget(row)
            except BlockingIOError:
                pass  # its socket is full of rings already
        return count

    def _bell_of(self, row: int) -> socket.socket:
        """Connected once: its name would cost more than the ring."""
        at = ROWS_AT + row * ROW_WORDS
        pid, nonce = int(self._words[at + ROW_PID]), int(self._words[at + ROW_NONCE])
        known = self._bells.get(row)
        if known is not None and known[0] == nonce:
            return known[1]
        self._forget(row)
        bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._bells[row] = nonce, bell
        bell.setblocking(False)
        bell.connect(_bell_path(self._runtime, pid, nonce))
        return bell

    def _forget(self, row: int) -> None:
        """Another reader may be there by now."""
        if (known := self._bells.pop(row, None)) is not None:
            known[1].close()

    def readers(self) -> list[tuple[int, int, int]]:
        """(pid, slots behind, times lapped) of each reader; `behind` is as of its last sleep. From any thread."""
        words = getattr(self, "_words", None)  # the owner may close the ring meanwhile
        if words is None:
            return []
        rows = words[ROWS_AT : ROWS_AT + READER_ROWS * ROW_WORDS].reshape(READER_ROWS, ROW_WORDS)
        published = int(words[PUBLISHED])
        return [(int(row[ROW_PID]), published - int(row[ROW_CURSOR]), int(row[ROW_LAPPED])) for row in rows if row[0]]

    def close(self) -> None:
        """Forget the file; it stays for readers until the next incarnation replaces it."""
        for row in [*self._bells]:
            self._forget(row)
        del self._words, self._slots, self._memory  # unmapped once nobody looks at it

    def _point(self) -> None:
        pointer = pointer_path(self._runtime, self._shard)
        temporary = pointer.with_name(f".{self.path.name}")
        temporary.write_text(self.path.name)
        temporary.replace(pointer)
        for old in self._runtime.glob(f"ring-{self._shard}-*"):
            if old != self.path:
                old.unlink(missing_ok=True)
        for bell in self._runtime.glob("bell-*"):
            if not _heard(str(bell)):
                bell.unlink(missing_ok=True)


class RingReader:
    """A reader's row in the present ring, its cursor and its bell. `gateway` > 0: only its own answers wake it."""

    def __init__(self, runtime: Path, shard: int, gateway: int = 0) -> None:
        self._runtime = runtime
        self._pointer = pointer_path(runtime, shard)
        self._gateway = gateway
        self._memory: mmap.mmap | None = None
        self._mark: tuple[int, int] | None = None  # of the pointer file, when this ring was attached
        self.cursor = 0
        self.lapped = 0
        self._nonce = secrets.randbits(40)
        self._bell_path = _bell_path(runtime, os.getpid(), self._nonce)
        self.bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.bell.setblocking(False)
        self.bell.bind(self._bell_path)

    @property
    def attached(self) -> bool:
        return self._memory is not None

    @property
    def log(self) -> tuple[int, int]:
        """(log id, epoch) of the attached ring."""
        return int(self._words[LOG_ID]), int(self._words[EPOCH])

    @property
    def behind(self) -> bool:
        return bool(self._words[PUBLISHED] != self.cursor)

    def stale(self) -> bool:
        """Whether another ring has taken the place of the attached one (or there is one at last)."""
        if self.attached and self._words[ROWS_AT + self._row * ROW_WORDS + ROW_NONCE] != self._nonce:
            return True  # somebody took this row, believing us dead
        try:
            status = self._pointer.stat()
        except FileNotFoundError:
            return False
        return (status.st_ino, status.st_mtime_ns) != self._mark

    def attach(self) -> bool:
        """Attach to the present ring, leaving the last one. False: there is none. RingError: not one of ours."""
        self.detach()
        try:
            status = self._pointer.stat()
            path = self._runtime / self._pointer.read_text()
            with path.open("r+b") as file:
                memory = mmap.mmap(file.fileno(), 0)
                row = _claim(file.fileno(), memory, path, self._gateway, self._nonce)
        except FileNotFoundError:
            return False  # no engine has run yet, or a newer one is replacing it right now
        self._memory, self._row = memory, row
        self._words, self._slots = arrays(memory, int(np.frombuffer(memory, np.int64, 16)[CAPACITY]))
        self._buffer = np.empty((min(len(self._slots), 8192), SLOT_WORDS), np.int64)
        self.cursor = int(self._words[PUBLISHED])
        self._mark = (status.st_ino, status.st_mtime_ns)
        return True

    def detach(self) -> None:
        if self._memory is None:
            return
        at = ROWS_AT + self._row * ROW_WORDS
        if self._words[at + ROW_NONCE] == self._nonce:  # else somebody took the row, and would not be rung any more
            self._words[at + ROW_PID] = 0
        del self._words, self._slots  # unmapped once nobody looks at it
        self._memory, self._mark = None, None

    def seek(self, after: EntryId) -> bool:
        """Stand at the first event after this entry; False if the ring does not hold everything since."""
        cursor = int(locate(self._words, self._slots, after.ms, after.seq))
        if cursor == TOO_OLD:
            return False
        self.cursor = cursor
        return True

    def read(self) -> np.ndarray | None:
        """What is new (SLOT records of its own memory, perhaps none); None if the writer overtook this reader."""
        count = read_slots(self._words, self._slots, self.cursor, self._buffer)
        if count == LAPPED:
            self.lapped += 1
            self._words[ROWS_AT + self._row * ROW_WORDS + ROW_LAPPED] = self.lapped
            return None
        self.cursor += count
        return np.frombuffer(self._buffer[:count].copy(), SLOT)

    def fall_asleep(self) -> bool:
        """Ask to be rung. False: something is there to be read already."""
        return bool(fall_asleep(self._words, self._row, self.cursor))

    def silence(self) -> None:
        """Take one ring; event loops look again if there are more."""
        with contextlib.suppress(BlockingIOError):
            self.bell.recv(16)

    def close(self) -> None:
        self.detach()
        self.bell.close()
        Path(self._bell_path).unlink(missing_ok=True)


def _create(path: Path, size: int) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        reserve(descriptor, size, path, "the ring of events")
        return mmap.mmap(descriptor, size)
    except NoRoom:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def _claim(descriptor: int, memory: mmap.mmap, path: Path, gateway: int, nonce: int) -> int:
    """Check the header and take a free reader row, under a lock that the kernel drops if we die."""
    words = np.frombuffer(memory, np.int64, SLOTS_AT // 8)
    if words[0] != MAGIC or words[VERSION] != LAYOUT_VERSION or words[FINGERPRINT] != fingerprint():
        raise RingError(f"{path} was made by other code than this process runs: restart both with the same version")
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        for row in range(int(words[ROWS])):
            mine = words[ROWS_AT + row * ROW_WORDS :][:ROW_WORDS]
            if mine[ROW_PID] == 0 or not _heard(_bell_path(path.parent, int(mine[ROW_PID]), int(mine[ROW_NONCE]))):
                mine[:] = 0
                mine[ROW_GATEWAY], mine[ROW_NONCE] = gateway, nonce
                mine[ROW_PID] = os.getpid()
                return row
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    raise RingError(f"{path} has {READER_ROWS} readers already: stop some, or read the event stream instead")


def _heard(bell_path: str) -> bool:
    """Whether a living process listens at this bell; works across containers too, where pids say nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(bell_path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True
