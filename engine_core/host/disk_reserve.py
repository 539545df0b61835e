"""A file that keeps some of the disk for the log: when everything else is used up it goes, and cancels still pass.

New orders are refused long before ([bounds] disk_bytes, transport/backlog.py), so what it gives is for cancels,
withdrawals and whatever else does not fill the book. The supervisor tends it, which needs no disk for that.
"""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

RESERVE_BYTES = 64 * 2**20
LOW_BYTES = 16 * 2**20  # left of the disk: it is given up
ENOUGH_BYTES = 256 * 2**20  # besides the reserve itself: it is made again
LOOK_EVERY_S = 0.5


class DiskReserve:
    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._path = folder / "reserve"
        self._say = say
        self._look_at = 0.0

    def look(self) -> None:
        """Give it up, make it again, or neither."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        with contextlib.suppress(OSError):  # the folder is not there yet, or the disk does not answer: the next time
            found = os.statvfs(self._path.parent)
            free, is_there = found.f_bavail * found.f_frsize, self._path.exists()
            if is_there and free < LOW_BYTES:
                self._path.unlink()
                self._say(
                    f"  the disk of {self._path.parent} is full: {RESERVE_BYTES >> 20} MB that were kept for it are "
                    "given to cancels; make room"
                )
            elif not is_there and free > RESERVE_BYTES + ENOUGH_BYTES:
                self._make()

    def _make(self) -> None:
        beside = self._path.with_name(".reserve")
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            beside.rename(self._path)
        except OSError:
            beside.unlink()
        finally:
            os.close(descriptor)
