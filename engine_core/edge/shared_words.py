"""Memory that the servers of one host share: 64-bit words in a file of the runtime folder, behind a header.

    word 0  magic            word 1  number of words after the header
         2  layout, given by its user                      3-7  zero
         8  ... the words, zero in a new file

Loading and storing one aligned word is atomic, and for anything more there are kernels (claims.py). The file outlives
its processes, so a worker that restarts forgets nothing. Non-goals: what the words mean (expiring_set.py;
ingress/access/rate_limits.py), and other hosts.
"""

import fcntl
import mmap
import os
from pathlib import Path
from typing import Final

from engine_core.transport.reserved_file import NoRoom, reserve

WORD: Final = 8
_HEADER_WORDS: Final = 8
_MAGIC: Final = 0x5344524F57485358  # "XSHWORDS" in memory


def file_bytes(count: int) -> int:
    """The size of the file of `count` words."""
    return (_HEADER_WORDS + count) * WORD


class SharedWords:
    """`words[0]` is the first word after the header."""

    def __init__(self, path: Path, count: int, layout: int) -> None:
        header = [_MAGIC, count, layout]
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = file_bytes(count)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # another process may be making it
        try:
            if os.fstat(self._descriptor).st_size != size or not self._has(header, size):
                os.ftruncate(self._descriptor, 0)  # new, or of another version of this code
                os.ftruncate(self._descriptor, size)
                os.pwrite(self._descriptor, b"".join(word.to_bytes(WORD, "little") for word in header), 0)
            # also where it was there: an exchange that ended kept only the pages in use
            reserve(self._descriptor, size, path, "what the servers share")
        except NoRoom:
            os.close(self._descriptor)
            raise
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._memory = mmap.mmap(self._descriptor, size)
        self._view = memoryview(self._memory)
        self.bytes = self._view[_HEADER_WORDS * WORD :]
        self.words = self.bytes.cast("q")

    def _has(self, header: list[int], size: int) -> bool:
        found = os.pread(self._descriptor, len(header) * WORD, 0)
        return [int.from_bytes(found[at : at + WORD], "little") for at in range(0, len(found), WORD)] == header

    def close(self) -> None:
        self.words.release()
        self.bytes.release()
        self._view.release()
        self._memory.close()
        os.close(self._descriptor)
