"""When a snapshot is taken, and what goes with it: the old ones go, and the log that only they needed.

A forked child does it: its memory is the state as of that moment, copied by the kernel only where the engine writes
meanwhile, so matching goes on. It leaves the engine's core and lowers its priority.

    engine   …───execute──fork()──execute──execute──execute──────────────…
    child                 └─ write, sync, rename ─ delete old snapshots ─ trim both streams ─ exit

A standby in the same data folder takes them, and the active engine only if there is none: the first to look finds that
the newest one is old. Non-goals: the file (snapshot.py), and up to where a stream may be trimmed (trim.py).
"""

import contextlib
import ctypes
import logging
import mmap
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine_core.book.memory.state import State
from engine_core.process.lifecycle import die_with_parent
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.snapshot import Place

ACTIVE_PATIENCE = 1.25  # the active engine waits so much longer than a standby does
HIGHEST_DESCRIPTOR = 4096
REST_EVERY_SECONDS = 0.002
_DONTNEED = 4  # MADV_DONTNEED

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    data: Path
    shard: int
    every_seconds: float
    every_commands: int
    keep: int
    trim: Callable[[], str]  # both streams behind what is kept; what it did. Called in the child


class Keeper:
    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._child = 0
        self._asked = False
        self._since = time.monotonic()
        self._commands = 0
        self._began = 0.0
        self.taken = 0
        self.failed = 0
        self.fork_seconds = 0.0  # for which matching stood still the last time
        self.write_seconds = 0.0

    def ask(self) -> None:
        """Take one as soon as possible."""
        self._asked = True

    @staticmethod
    def drain(descriptor: int) -> None:
        """A signal came (a wish, or the end of the child): empty its pipe."""
        os.read(descriptor, 512)

    def look(self, state: State, place: Callable[[], Place | None], commands: int, *, active: bool) -> None:
        """Begin one if it is time. `commands`: executed so far; `place` is asked only then, None: not now."""
        if self._child:
            self._reap()
        if self._child or not (self._asked or self._is_due(commands, active)):
            return
        where = place()
        if where is None:
            return
        self._asked, self._since, self._commands = False, time.monotonic(), commands
        self._fork(state, where)

    def newest_age(self) -> float | None:
        """Seconds since the newest snapshot was complete, whoever took it; None if there is none. From any thread."""
        paths = snapshot.found(self._rules.data, self._rules.shard)
        with contextlib.suppress(FileNotFoundError):  # an old one that just went
            return max(time.time() - max(path.stat().st_mtime for path in paths), 0.0) if paths else None
        return None

    def wait(self) -> None:
        """For the child under way, if any."""
        if self._child:
            os.waitpid(self._child, 0)
            self._child = 0

    def _is_due(self, commands: int, active: bool) -> bool:
        new, rules = commands - self._commands, self._rules
        patience = ACTIVE_PATIENCE if active else 1.0
        if not new or (new < rules.every_commands * patience and self._age() < rules.every_seconds * patience):
            return False
        return not (new < rules.every_commands and self._somebody_did(rules.every_seconds))

    def _age(self) -> float:
        return time.monotonic() - self._since

    def _somebody_did(self, seconds: float) -> bool:
        """Whether another engine took one not long ago; then it counts as ours."""
        age = self.newest_age()
        if age is None or age >= seconds:
            return False
        self._since = time.monotonic() - age
        return True

    def _fork(self, state: State, place: Place) -> None:
        began = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads only answer metrics; see _in_child
            try:
                child = os.fork()
            except OSError as error:  # too many processes, too little memory: the engine itself goes on
                self.failed += 1
                logger.error("no snapshot this time, since no process can be started for it: %s", error.strerror)
                return
        if child == 0:
            self._in_child(state, place)
        self._child, self._began = child, began
        self.fork_seconds = time.monotonic() - began

    def _in_child(self, state: State, place: Place) -> None:
        """Never returns. Only this thread exists here; the engine's connections are not ours to touch."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            os.closerange(3, HIGHEST_DESCRIPTOR)
            if sys.platform == "linux":
                _leave_the_core()
                die_with_parent(0)
            os.nice(19)
            rules = self._rules
            snapshot.sweep(rules.data, rules.shard)  # before, since it may be they that fill the disk
            path = snapshot.write(rules.data, rules.shard, state, place, _Gently().done)
            logger.info("snapshot after entry %s: %s, %d bytes", place.entry, path.name, path.stat().st_size)
            for old in snapshot.found(rules.data, rules.shard)[rules.keep :]:
                old.unlink(missing_ok=True)
            logger.info("%s", rules.trim())
            status = 0
        except BaseException as error:
            logger.error("no snapshot after entry %s: %s: %s", place.entry, type(error).__name__, error)
        finally:
            os._exit(status)

    def _reap(self) -> None:
        child, status = os.waitpid(self._child, os.WNOHANG)
        if child:
            self._child = 0
            self.taken += status == 0
            self.failed += status != 0
            self.write_seconds = time.monotonic() - self._began


class _Gently:
    """How the child goes through the state, so that matching is disturbed little.

    What it has written it gives back: a page that only the engine still has is not copied when the engine writes to it.
    And it rests as long as it works: cores share memory, and often more.
    """

    def __init__(self) -> None:
        self._give_back = ctypes.CDLL(None).madvise if sys.platform == "linux" else None
        self._page = mmap.PAGESIZE
        self._worked_since = time.monotonic()

    def done(self, chunk: np.ndarray) -> None:
        if self._give_back is not None:
            begin = -(-chunk.ctypes.data // self._page) * self._page
            size = (chunk.ctypes.data + chunk.nbytes - begin) // self._page * self._page
            if size > 0:
                self._give_back(ctypes.c_void_p(begin), ctypes.c_size_t(size), _DONTNEED)
        now = time.monotonic()
        if now - self._worked_since > REST_EVERY_SECONDS:
            time.sleep(now - self._worked_since)
            self._worked_since = time.monotonic()


def _leave_the_core() -> None:
    """Go to any core but the engine's, if it is pinned to one of several."""
    mine, all_of_them = os.sched_getaffinity(0), set(range(os.cpu_count() or 1))
    if len(mine) == 1 and len(all_of_them) > 1:
        with contextlib.suppress(OSError):  # we may be confined to this one
            os.sched_setaffinity(0, all_of_them - mine)
