"""Kernels of the open loop: one core matches what has arrived and publishes its reports, another reads them.

`arrivals` are the nanoseconds, from the start on, at which each message is due: drawn before the run, so that nothing
that is slow here delays what comes after it. A piece is as long as what has arrived, up to LONGEST, and is never waited
for. `words` is what both cores share, each word in a cache line of its own:

    READY       the reader: it looks
    START       the matcher: the time at which arrivals count from
    PUBLISHED   the matcher: reports written
    DONE        the matcher, after PUBLISHED: messages done
"""

import time
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from bench.kernel.entries import Place
from engine_core.jit.c_entry import call
from engine_core.jit.intrinsics import load_acquire, store_release
from engine_core.jit.kernel import entry, hot
from engine_core.jit.rows import Rows, rows

READY, START, PUBLISHED, DONE = 0, 16, 32, 48
WORDS = 64
LONGEST = 64  # messages: what is done sooner is published sooner
LEAD_NS = 100_000  # until the first message is due
CLOCK = int(time.CLOCK_MONOTONIC)


@intrinsic  # type: ignore[untyped-decorator]
def _nanoseconds(typing_context: Any) -> Any:
    """The same clock on every core."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i32, i64 = ir.IntType(32), ir.IntType(64)
        place = cgutils.alloca_once(builder, i64, size=2)  # struct timespec
        clock_gettime = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(i32, [i32, i64.as_pointer()]), "clock_gettime"
        )
        builder.call(clock_gettime, [i32(CLOCK), place])
        seconds, rest = builder.load(place), builder.load(builder.gep(place, [i64(1)]))
        return builder.add(builder.mul(seconds, i64(10**9)), rest)

    return types.int64(), codegen


@hot
def _begin(words: Any) -> int:
    while load_acquire(words, READY) == 0:
        pass
    start: int = _nanoseconds() + LEAD_NS
    store_release(words, START, start)
    return start


@hot
def _arrived(arrivals: Rows[int], at: int, now: int) -> int:
    """The end of the piece that begins at `at`."""
    end, last = at, min(at + LONGEST, arrivals.size)
    while end < last and arrivals[end] <= now:
        end += 1
    return end


@hot
def _publish(words: Any, reports: int, done: int) -> None:
    store_release(words, PUBLISHED, reports)
    store_release(words, DONE, done)


@entry
def run(function: int, table: int, messages: Place, reports: Place, arrivals: np.ndarray, words: np.ndarray) -> int:
    """Call a function of entries.py with what has arrived, until all is done. Returns the number of reports."""
    due, start = rows(arrivals), _begin(words)
    at = n = 0
    while at < due.size:
        end = _arrived(due, at, _nanoseconds() - start)
        if end == at:
            continue
        message, report = messages.address + at * messages.itemsize, reports.address + n * reports.itemsize
        n += call(function, table, message, end - at, report, reports.size - n)
        at = end
        _publish(words, n, at)
    return n


@entry
def read(reports: np.ndarray, words_a_report: int, arrivals: np.ndarray, waited: np.ndarray, words: np.ndarray) -> int:
    """Read every word of every report as it is published, and note how long its message has waited for that.

    Returns the sum of the words, which says whether all were read.
    """
    read_from, due, found = rows(reports), rows(arrivals), rows(waited)
    store_release(words, READY, 1)
    while load_acquire(words, START) == 0:
        pass
    start, done, seen, total = load_acquire(words, START), 0, 0, 0
    while done < due.size:
        reached = load_acquire(words, DONE)
        if reached == done:
            continue
        end = words_a_report * load_acquire(words, PUBLISHED)
        for at in range(seen, end):
            total += read_from[at]
        now = _nanoseconds() - start
        for at in range(done, reached):
            found[at] = now - due[at]
        done, seen = reached, end
    return total
