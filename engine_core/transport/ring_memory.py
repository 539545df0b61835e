"""The memory of the event ring: its layout, and the kernels that write and read it.

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

Non-goals: files, bells and processes (ring.py).
"""

import mmap

import numpy as np

from engine_core.jit.intrinsics import fence_acquire, fence_release, fence_seq_cst, load_acquire, store_release
from engine_core.jit.kernel import kernel
from engine_core.jit.records import I8, Record, dtype_of
from engine_core.jit.rows import rows
from engine_core.wire.layout import EVENT, SLOT

MAGIC = 0x31474E4952484358  # "XCHRING1"
LAYOUT_VERSION = 1
READER_ROWS = 64
SLOTS_AT = 8192

VERSION, FINGERPRINT, LOG_ID, EPOCH, INCARNATION, PID, STARTED_NS, CAPACITY, ROWS = range(1, 10)
BASE_MS, BASE_SEQ = 10, 11
INTENT, PUBLISHED = 16, 32
ROWS_AT, ROW_WORDS = 64, 8
ROW_PID, ROW_SLEEPING, ROW_GATEWAY, ROW_CURSOR, ROW_LAPPED, ROW_NONCE = range(6)
SLOT_WORDS, EVENT_WORDS = SLOT.itemsize // 8, EVENT.itemsize // 8

LAPPED = -1
TOO_OLD = -1


class StampRow(Record):
    """Of a block whose events are written: what they have in common, and where they end behind those before it."""

    entry_ms: I8
    entry_seq: I8
    gateway: I8
    incarnation: I8
    sequence: I8
    time_ms: I8
    events_end: I8


STAMP = dtype_of(StampRow)

assert SLOTS_AT >= 8 * (ROWS_AT + READER_ROWS * ROW_WORDS)
assert SLOT.fields is not None
assert [SLOT.fields[name][1] for name in ("entry_ms", "gateway", "incarnation", "block_events")] == [128, 144, 152, 184]


@kernel
def write_slots(
    words: np.ndarray, slots: np.ndarray, events: np.ndarray, stamps: np.ndarray, most: int, published_ns: int
) -> None:
    """Append the events (int64 rows) of blocks, one behind the other, and publish them: at most so many at once."""
    queue, mask = rows(stamps), words[CAPACITY] - 1
    begin = 0
    for number in range(queue.size):
        stamp = queue[number]
        end = stamp.events_end
        for first in range(begin, end, most):
            last = min(first + most, end)
            cursor = words[PUBLISHED]
            store_release(words, INTENT, cursor + last - first)
            fence_release()
            for at in range(first, last):
                slot = slots[(cursor + at - first) & mask]
                for word in range(EVENT_WORDS):
                    slot[word] = events[at, word]
                slot[16] = stamp.entry_ms
                slot[17] = stamp.entry_seq
                slot[18] = stamp.gateway | ((at - begin) << 32)
                slot[19] = stamp.incarnation
                slot[20] = stamp.sequence
                slot[21] = stamp.time_ms
                slot[22] = published_ns
                slot[23] = end - begin
            store_release(words, PUBLISHED, cursor + last - first)
        begin = end


@kernel
def wake_list(words: np.ndarray, gateways: np.ndarray, sleepers: np.ndarray) -> int:
    """Clear the flags of sleeping readers that the gateways concern; their row numbers go to `sleepers`."""
    fence_seq_cst()
    found = 0
    for row in range(words[ROWS]):
        at = ROWS_AT + row * ROW_WORDS
        if words[at + ROW_PID] == 0 or words[at + ROW_SLEEPING] == 0:
            continue
        wanted = words[at + ROW_GATEWAY]
        concerned = wanted == 0
        for index in range(gateways.size):
            concerned |= wanted == gateways[index]
        if concerned:
            words[at + ROW_SLEEPING] = 0
            sleepers[found] = row
            found += 1
    return found


@kernel
def read_slots(words: np.ndarray, slots: np.ndarray, cursor: int, out: np.ndarray) -> int:
    """Copy what is published from `cursor` on, as far as `out` has room. The number of slots, or LAPPED."""
    capacity = words[CAPACITY]
    published = load_acquire(words, PUBLISHED)
    if published - cursor > capacity:
        return LAPPED
    count = min(published - cursor, out.shape[0])
    for index in range(count):
        slot = slots[(cursor + index) & (capacity - 1)]
        for word in range(SLOT_WORDS):
            out[index, word] = slot[word]
    fence_acquire()
    if load_acquire(words, INTENT) - cursor > capacity:
        return LAPPED
    return int(count)


@kernel
def locate(words: np.ndarray, slots: np.ndarray, after_ms: int, after_seq: int) -> int:
    """The cursor of the first slot whose entry is above `after`, or TOO_OLD if slots before it may be gone."""
    capacity = words[CAPACITY]
    high = load_acquire(words, PUBLISHED)
    low = max(0, high - capacity + capacity // 4)  # some distance from what is overwritten next
    oldest = low
    if low == 0:
        if (after_ms, after_seq) < (words[BASE_MS], words[BASE_SEQ]):
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
    if load_acquire(words, INTENT) - oldest > capacity:
        return TOO_OLD
    return int(low)


@kernel
def fall_asleep(words: np.ndarray, row: int, cursor: int) -> bool:
    """Set the sleeping flag; False, and awake again, if something was published meanwhile."""
    at = ROWS_AT + row * ROW_WORDS
    words[at + ROW_CURSOR] = cursor
    words[at + ROW_SLEEPING] = 1
    fence_seq_cst()
    if load_acquire(words, PUBLISHED) == cursor:
        return True
    words[at + ROW_SLEEPING] = 0
    return False


def arrays(memory: mmap.mmap, capacity: int) -> tuple[np.ndarray, np.ndarray]:
    words = np.frombuffer(memory, np.int64, SLOTS_AT // 8)
    slots = np.frombuffer(memory, np.int64, capacity * SLOT_WORDS, SLOTS_AT).reshape(capacity, SLOT_WORDS)
    return words, slots


def ring_bytes(capacity: int) -> int:
    """The size of a ring's file."""
    return SLOTS_AT + capacity * SLOT.itemsize
