"""The first orders of a new engine do not wait for memory: what they write to, where nobody can foresee, is there."""

import ctypes
import mmap
import sys

import numpy as np
import pytest

from engine_core.book.audit import digest
from engine_core.book.memory.state import Capacities, new_state
from engine_core.jit.huge_pages import HUGE_PAGE
from engine_core.runtime.first_touch import touch

CAPACITIES = Capacities(
    accounts=20_000, assets=32, markets=32, orders=1_000_000, levels=1_000_000, keys=1_000, gateways=8, timers=64
)


def is_resident(array: np.ndarray, at: int) -> bool:
    """Whether the system has given the page at this byte of the array."""
    address = array.ctypes.data + at
    answer = (ctypes.c_ubyte * 1)()
    done = ctypes.CDLL(None, use_errno=True).mincore(ctypes.c_void_p(address & -mmap.PAGESIZE), 1, answer)
    assert done == 0, ctypes.get_errno()
    return bool(answer[0] & 1)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_tables_are_touched_all_over_and_the_rest_where_it_begins() -> None:
    state = new_state(CAPACITIES)
    places = range(0, state.nodes.nbytes, HUGE_PAGE)
    assert len(places) > 4 and not any(is_resident(state.nodes, at) for at in places)
    touch(state)
    for table in (state.nodes, state.client_heads, state.page_heads, state.balances):
        assert all(is_resident(table, at) for at in range(0, table.nbytes, HUGE_PAGE))
    assert all(is_resident(array, 0) for array in state)
    assert not is_resident(state.terms, state.terms.nbytes // 2), "memory for a million orders would be given to none"
    assert digest(state) == digest(new_state(CAPACITIES))
