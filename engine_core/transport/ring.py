"""The event ring: one engine writes, any number of processes of this host read, the oldest is overwritten.

A plain memory-mapped file for each incarnation of an engine, `RUNTIME/ring-SHARD-INCARNATION`, behind a pointer file
`RUNTIME/ring-SHARD` that names it and is replaced atomically. Readers keep a replaced file mapped until they have read
it to its end. 64-bit words, little-endian; who writes is in brackets (W writer, R the reader that owns the row):

    byte 0   magic · 8 layout version · 16 fingerprint of the records · 24 log id · 32 epoch · 40 incarnation
         48  pid · 56 started_ns · 64 capacity (slots, a power of two) · 72 reader rows          [W, once]
         80  base_ms · 88 base_seq: the last log entry before the first slot ever written        [W, once]
    byte 128 intent cursor: slots below it may be under way                                      [W]
    byte 256 published cursor: slots below it are whole                                          [W]
    byte 512 reader rows, one cache line each:
             0 pid, 0 = free [R] · 8 sleeping [R sets, W clears] · 16 gateway, 0 = all events concern it [R]
             24 cursor [R] · 32 times lapped [R] · 40 nonce: names the bell's socket [R] · 48, 56 pad
    byte 8192 slots: SLOT records, slot number = cursor & (capacity - 1)                         [W]

Cursors count slots since the file was made. Ordering, on x86 and ARM alike: the writer stores intent, release fence,
data, then published with a release store; the reader loads published (acquire), copies, acquire fence, re-reads intent
and drops what was overtaken. The doorbell's store-load race is closed by sequentially consistent fences on both sides.

Non-goals: order, completeness and what to do when lapped (feed.py); more than one writer.
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

from engine_core.jit.intrinsics import fence_acquire, fence_release, fence_seq_cst, load_acquire, store_release
from engine_core.jit.kernel import kernel
from engine_core.transport.reserved_file import NoRoom, reserve
from engine_core.wire.layout import EVENT, SLOT, fingerprint
from engine_core.wire.streams import EntryId

MAGIC = 0x31474E4952484358  # "XCHRING1"
LAYOUT_VERSION = 1
READER_ROWS = 64
SLOTS_AT = 8192

_VERSION, _FINGERPRINT, _LOG_ID, _EPOCH, _INCARNATION, _PID, _STARTED_NS, _CAPACITY, _ROWS = range(1, 10)
_BASE_MS, _BASE_SEQ = 10, 11
_INTENT, _PUBLISHED = 16, 32
_ROWS_AT, _ROW_WORDS = 64, 8
_ROW_PID, _ROW_SLEEPING, _ROW_GATEWAY, _ROW_CURSOR, _ROW_LAPPED, _ROW_NONCE = range(6)
_SLOT_WORDS, _EVENT_WORDS = SLOT.itemsize // 8, EVENT.itemsize // 8

LAPPED = -1
TOO_OLD = -1

assert SLOTS_AT >= 8 * (_ROWS_AT + READER_ROWS * _ROW_WORDS)
assert SLOT.fields is not None
assert [SLOT.fields[name][1] for name in ("entry_ms", "gateway", "incarnation", "block_events")] == [128, 144, 152, 184]


class RingError(RuntimeError):
    """A ring file that cannot be used; the message says which and why."""


class Stamp(NamedTuple):
    """What the events of one block have in common."""

    entry: EntryId
    gateway: int
    incarnation: int
    sequence: int
    time_ms: int


@kernel
def _write(
    words: np.ndarray,
    slots: np.ndarray,
    events: np.ndarray,
    first: int,
    last: int,
    stamp: tuple[int, int, int, int, int, int],
    published_ns: int,
) -> None:
    """Append events[first:last] (int64 rows of one block), which fit the ring, and publish them."""
    entry_ms, entry_seq, gateway, incarnation, sequence, time_ms = stamp
    cursor = words[_PUBLISHED]
    store_release(words, _INTENT, cursor + last - first)
    fence_release()
    mask = words[_CAPACITY] - 1
    for position in range(first, last):
        slot = slots[(cursor + position - first) & mask]
        for word in range(_EVENT_WORDS):
            slot[word] = events[position, word]
        slot[16] = entry_ms
        slot[17] = entry_seq
        slot[18] = gateway | (position << 32)
        slot[19] = incarnation
        slot[20] = sequence
        slot[21] = time_ms
        slot[22] = published_ns
        slot[23] = events.shape[0]
    store_release(words, _PUBLISHED, cursor + last - first)


@kernel
def _wake_list(words: np.ndarray, gateways: np.ndarray, count: int, rows: np.ndarray) -> int:
    """Clear the flags of sleeping readers that the gateways concern; their row numbers go to `rows`."""
    fence_seq_cst()
    found = 0
    for row in range(words[_ROWS]):
        at = _ROWS_AT + row * _ROW_WORDS
        if words[at + _ROW_PID] == 0 or words[at + _ROW_SLEEPING] == 0:
            continue
        wanted = words[at + _ROW_GATEWAY]
        concerned = wanted == 0
        for index in range(count):
            concerned |= wanted == gateways[index]
        if concerned:
            words[at + _ROW_SLEEPING] = 0
            rows[found] = row
            found += 1
    return found


@kernel
def _read(words: np.ndarray, slots: np.ndarray, cursor: int, out: np.ndarray) -> int:
    """Copy what is published from `cursor` on, as far as `out` has room. The number of slots, or LAPPED."""
    capacity = words[_CAPACITY]
    published = load_acquire(words, _PUBLISHED)
    if published - cursor > capacity:
        return LAPPED
    count = min(published - cursor, out.shape[0])
    for index in range(count):
        slot = slots[(cursor + index) & (capacity - 1)]
        for word in range(_SLOT_WORDS):
            out[index, word] = slot[word]
    fence_acquire()
    if load_acquire(words, _INTENT) - cursor > capacity:
        return LAPPED
    return int(count)


@kernel
def _locate(words: np.ndarray, slots: np.ndarray, after_ms: int, after_seq: int) -> int:
    """The cursor of the first slot whose entry is above `after`, or TOO_OLD if slots before it may be gone."""
    capacity = words[_CAPACITY]
    high = load_acquire(words, _PUBLISHED)
    low = max(0, high - capacity + capacity // 4)  # some distance from what is overwritten next
    oldest = low
    if low == 0:
        if (after_ms, after_seq) < (words[_BASE_MS], words[_BASE_SEQ]):
            return TOO_OLD
    else:
        slot = slots[low & (capacity - 1)]
        if (slot[16], slot[17]) > (after_ms, after_seq):
            return TOO_OLD
    while low < high:
        middle = (low + high) // 2
        slot = slots[middle & (capacity - 1)]
        if (slot[16], slot[17]) > (after_ms, after_seq):
            high = middle
        else:
            low = middle + 1
    fence_acquire()
    if load_acquire(words, _INTENT) - oldest > capacity:
        return TOO_OLD
    return int(low)


@kernel
def _fall_asleep(words: np.ndarray, row: int, cursor: int) -> bool:
    """Set the sleeping flag; False, and awake again, if something was published meanwhile."""
    at = _ROWS_AT + row * _ROW_WORDS
    words[at + _ROW_CURSOR] = cursor
    words[at + _ROW_SLEEPING] = 1
    fence_seq_cst()
    if load_acquire(words, _PUBLISHED) == cursor:
        return True
    words[at + _ROW_SLEEPING] = 0
    return False


def pointer_path(runtime: Path, shard: int) -> Path:
    return runtime / f"ring-{shard}"


def _bell_path(runtime: Path, pid: int, nonce: int) -> str:
    return str(runtime / f"bell-{pid}-{nonce:x}")


def _arrays(memory: mmap.mmap, capacity: int) -> tuple[np.ndarray, np.ndarray]:
    words = np.frombuffer(memory, np.int64, SLOTS_AT // 8)
    slots = np.frombuffer(memory, np.int64, capacity * _SLOT_WORDS, SLOTS_AT).reshape(capacity, _SLOT_WORDS)
    return words, slots


class RingWriter:
    """The ring of one engine incarnation. Everything after `base` is written here, block by block."""

    def __init__(self, runtime: Path, shard: int, capacity: int, log_id: int, epoch: int, base: EntryId) -> None:
        if capacity < 64 or capacity & (capacity - 1):
            raise RingError(f"ring_slots must be a power of two of at least 64, is {capacity}")
        self._runtime, self._shard = runtime, shard
        self.incarnation = time.time_ns()
        self.path = runtime / f"ring-{shard}-{self.incarnation:x}"
        self._memory = _create(self.path, ring_bytes(capacity))
        self._words, self._slots = _arrays(self._memory, capacity)
        header = {
            **{_VERSION: LAYOUT_VERSION, _FINGERPRINT: fingerprint(), _LOG_ID: log_id, _EPOCH: epoch},
            **{_INCARNATION: self.incarnation, _PID: os.getpid(), _STARTED_NS: self.incarnation},
            **{_CAPACITY: capacity, _ROWS: READER_ROWS, _BASE_MS: base.ms, _BASE_SEQ: base.seq},
        }
        for word, value in header.items():
            self._words[word] = value
        self._words[0] = MAGIC
        self._chunk = capacity // 8  # published at once: a reader that is up to date is never overtaken by one block
        self._gateways = np.zeros(256, np.int64)
        self._concerned = 0
        self._rows = np.zeros(READER_ROWS, np.int64)
        self._bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._bell.setblocking(False)
        self._point()

    def write(self, events: np.ndarray, stamp: Stamp) -> None:
        """Publish the EVENT records of one whole block."""
        rows = events.view(np.int64).reshape(len(events), _EVENT_WORDS)
        common = (stamp.entry.ms, stamp.entry.seq, *stamp[1:])
        published_ns = time.time_ns()
        for first in range(0, len(rows), self._chunk):
            last = min(first + self._chunk, len(rows))
            _write(self._words, self._slots, rows, first, last, common, published_ns)
        if self._concerned < len(self._gateways):
            self._gateways[self._concerned] = stamp.gateway
            self._concerned += 1

    def ring(self) -> int:
        """Wake the sleeping readers that the blocks written since the last call concern; their number."""
        count = _wake_list(self._words, self._gateways, self._concerned, self._rows)
        self._concerned = 0
        for row in self._rows[:count].tolist():
            at = _ROWS_AT + row * _ROW_WORDS
            pid, nonce = int(self._words[at + _ROW_PID]), int(self._words[at + _ROW_NONCE])
            try:
                self._bell.sendto(b"!", _bell_path(self._runtime, pid, nonce))
            except (FileNotFoundError, ConnectionRefusedError):
                self._words[at + _ROW_PID] = 0  # it died; the row is free again
            except BlockingIOError:
                pass  # its socket is full of rings already
        return count

    def readers(self) -> list[tuple[int, int, int]]:
        """(pid, slots behind, times lapped) of each reader; `behind` is as of its last sleep. From any thread."""
        words = getattr(self, "_words", None)  # the owner may close the ring meanwhile
        if words is None:
            return []
        rows = words[_ROWS_AT : _ROWS_AT + READER_ROWS * _ROW_WORDS].reshape(READER_ROWS, _ROW_WORDS)
        published = int(words[_PUBLISHED])
        return [
            (int(row[_ROW_PID]), published - int(row[_ROW_CURSOR]), int(row[_ROW_LAPPED])) for row in rows if row[0]
        ]

    def close(self) -> None:
        """Forget the file; it stays for readers until the next incarnation replaces it."""
        self._bell.close()
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
        return int(self._words[_LOG_ID]), int(self._words[_EPOCH])

    @property
    def behind(self) -> bool:
        return bool(self._words[_PUBLISHED] != self.cursor)

    def stale(self) -> bool:
        """Whether another ring has taken the place of the attached one (or there is one at last)."""
        if self.attached and self._words[_ROWS_AT + self._row * _ROW_WORDS + _ROW_NONCE] != self._nonce:
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
        self._words, self._slots = _arrays(memory, int(np.frombuffer(memory, np.int64, 16)[_CAPACITY]))
        self._buffer = np.empty((min(len(self._slots), 8192), _SLOT_WORDS), np.int64)
        self.cursor = int(self._words[_PUBLISHED])
        self._mark = (status.st_ino, status.st_mtime_ns)
        return True

    def detach(self) -> None:
        if self._memory is None:
            return
        self._words[_ROWS_AT + self._row * _ROW_WORDS] = 0
        del self._words, self._slots  # unmapped once nobody looks at it
        self._memory, self._mark = None, None

    def seek(self, after: EntryId) -> bool:
        """Stand at the first event after this entry; False if the ring does not hold everything since."""
        cursor = int(_locate(self._words, self._slots, after.ms, after.seq))
        if cursor == TOO_OLD:
            return False
        self.cursor = cursor
        return True

    def read(self) -> np.ndarray | None:
        """What is new (SLOT records of its own memory, perhaps none); None if the writer overtook this reader."""
        count = _read(self._words, self._slots, self.cursor, self._buffer)
        if count == LAPPED:
            self.lapped += 1
            self._words[_ROWS_AT + self._row * _ROW_WORDS + _ROW_LAPPED] = self.lapped
            return None
        self.cursor += count
        return np.frombuffer(self._buffer[:count].copy(), SLOT)

    def fall_asleep(self) -> bool:
        """Ask to be rung. False: something is there to be read already."""
        return bool(_fall_asleep(self._words, self._row, self.cursor))

    def silence(self) -> None:
        """Take one ring; event loops look again if there are more."""
        with contextlib.suppress(BlockingIOError):
            self.bell.recv(16)

    def close(self) -> None:
        self.detach()
        self.bell.close()
        Path(self._bell_path).unlink(missing_ok=True)


def ring_bytes(capacity: int) -> int:
    """The size of a ring's file."""
    return SLOTS_AT + capacity * SLOT.itemsize


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
    if words[0] != MAGIC or words[_VERSION] != LAYOUT_VERSION or words[_FINGERPRINT] != fingerprint():
        raise RingError(f"{path} was made by other code than this process runs: restart both with the same version")
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        for row in range(int(words[_ROWS])):
            mine = words[_ROWS_AT + row * _ROW_WORDS :][:_ROW_WORDS]
            if mine[_ROW_PID] == 0 or not _heard(_bell_path(path.parent, int(mine[_ROW_PID]), int(mine[_ROW_NONCE]))):
                mine[:] = 0
                mine[_ROW_GATEWAY], mine[_ROW_NONCE] = gateway, nonce
                mine[_ROW_PID] = os.getpid()
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
