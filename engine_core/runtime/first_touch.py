"""Memory for the first orders, before they come.

The system gives a page when it is first written to. An order writes to a dozen arrays, of hash tables at a place by
chance, so the first few hundred orders of a new engine would each wait for pages: 165 ms in all, of huge pages on a
virtual machine. Arrays that fill from their beginning need one page now, and another one after thousands of orders.
"""

from typing import Final

import numpy as np

from engine_core.book.memory.state import State
from engine_core.jit.huge_pages import HUGE_PAGE

_ANYWHERE: Final = frozenset(
    ("page_heads", "nodes", "balances", "open_counts", "client_heads", "key_heads", "reference_heads")
)


def touch(state: State) -> None:
    """Write what is there already: to every huge page of tables, to the first one of the others."""
    for name, array in zip(state._fields, state, strict=True):
        memory = array.view(np.uint8)
        pages = memory[::HUGE_PAGE] if name in _ANYWHERE else memory[:1]
        np.bitwise_or(pages, 0, out=pages)
