"""Zeroed memory for large arrays, in huge pages where the system has them.

An order touches a dozen lines scattered over hundreds of megabytes. In pages of 4 KB the processor cannot remember
where all of these are, and looks up an address as often as it misses a cache. Private memory, touched only as it comes
into use, so a forked child shares it until one of the two writes.
"""

import mmap
from contextlib import suppress
from typing import Any

import numpy as np

HUGE_PAGE = 1 << 21
_LEAST = HUGE_PAGE // 4  # smaller arrays would leave most of a huge page unused


def zeros(count: int, dtype: np.dtype | type) -> Any:
    """np.zeros(count, dtype); large ones in memory of their own, aligned to huge pages."""
    size = count * np.dtype(dtype).itemsize
    if size < _LEAST or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.zeros(count, dtype)
    region = mmap.mmap(-1, -(-size // HUGE_PAGE) * HUGE_PAGE + HUGE_PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel without huge pages
        region.madvise(mmap.MADV_HUGEPAGE)
    address = np.frombuffer(region, np.uint8).ctypes.data
    return np.frombuffer(region, dtype, count, -address % HUGE_PAGE)
