"""A snapshot that code of behaviour version 1 wrote, as a state of this code: what `exchange upgrade` begins from.

A change to what a state consists of records here how it was before (`_RECORDS`, `_ARRAYS`, `OLD_CODE.capacities`), and
derives what that code did not keep (`_derive`). The data folders in tests/data/behaviour_1 hold it to that.
"""

from collections import namedtuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine_core.book.ledger.shares import recount
from engine_core.book.memory.state import (
    KEYS,
    KEYS_HELD,
    OPERATOR_REFERENCES,
    REFERENCES,
    REVOKED_NEWEST,
    REVOKED_OLDEST,
    Capacities,
    State,
    new_state,
)
from engine_core.book.resize import rebuild_nodes, rebuild_pages
from engine_core.jit.huge_pages import zeros
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.snapshot import Code, Snapshot

OLD_CODE = Code(
    behaviour=1,
    fingerprint=0x343C95D907E5FBB2,
    capacities=(
        *("accounts", "assets", "markets", "orders", "levels", "keys", "gateways", "timers"),
        *("ended", "ended_per_account", "references", "pages"),
    ),
)
_ARRAYS = (
    *("scalars", "limits", "orders", "info", "terms", "free_orders", "levels", "pages", "page_levels", "page_heads"),
    *("nodes", "books", "markets", "fees", "assets", "accounts", "balances", "open_counts", "client_heads", "ended"),
    *("keys", "key_heads", "references", "reference_heads", "timers", "timer_heap", "gateways", "walked"),
)
_LENGTHS = {"scalars": 40, "limits": len(OLD_CODE.capacities)}  # where they do not follow from the capacities as now
_RECORDS = {  # of arrays whose record has changed since: as it was, under the names that its fields have now
    "accounts": np.dtype(
        [
            *(("state", "<i4"), ("tier", "<i4"), ("first_order", "<i4"), ("last_order", "<i4"), ("open_orders", "<i4")),
            *(("ended_first", "<i4"), ("ended_last", "<i4"), ("ended", "<i4"), ("timers", "<i4"), ("pad0", "<i4")),
        ]
    ),
    "keys": np.dtype(
        [
            *(("a", "<i8"), ("b", "<i8"), ("c", "<i8"), ("d", "<i8")),
            *(("account", "<i4"), ("permissions", "<i4"), ("chain", "<i4"), ("pad0", "<i4")),
        ]
    ),
    "references": np.dtype(
        [("reference", "<i8"), ("scope", "<i4"), ("direction", "<i2"), ("pad0", "<i2"), ("chain", "<i8")]
    ),
}


def describe(path: Path) -> Snapshot:
    """What the header says, unproven; SnapshotError unless that code wrote it."""
    return snapshot.describe(path, OLD_CODE)


def read(path: Path) -> tuple[Snapshot, State]:
    """The snapshot and its state, still of behaviour 1: the next command that it may execute is UPGRADE."""
    found, old = snapshot.read_arrays(path, OLD_CODE, _old_state)
    state = new_state(found.capacities)
    for name, array in zip(_ARRAYS, old, strict=True):
        _copy(array, getattr(state, name))
    _derive(state)
    return found, state


if TYPE_CHECKING:
    _OldState: Any
else:
    _OldState = namedtuple("_OldState", _ARRAYS)


def _old_state(capacities: Capacities) -> Any:
    now = new_state(capacities._replace(pages=capacities.pages or capacities.levels // 8 + 64))

    def array(name: str) -> np.ndarray:
        same: np.ndarray = getattr(now, name)
        made: np.ndarray = zeros(_LENGTHS.get(name, len(same)), _RECORDS.get(name, same.dtype))
        return made

    return _OldState(*map(array, _ARRAYS))


def _copy(old: np.ndarray, now: np.ndarray) -> None:
    """The fields that both have; `now` keeps what it was made with in the others."""
    if old.dtype == now.dtype:
        now[: len(old)] = old
        return
    for field in set(old.dtype.names or ()) & set(now.dtype.names or ()):
        now[field][: len(old)] = old[field]


def _derive(state: State) -> None:
    """What follows from the rest, and what that code did not keep."""
    rebuild_pages(state)  # it had fewer, in a smaller table
    rebuild_nodes(state)  # its reads removed empty ones: no two engines had the same
    state.scalars[OPERATOR_REFERENCES] = state.scalars[REFERENCES]
    revoked = []
    for number in range(1, int(state.scalars[KEYS]) + 1):
        if state.keys[number]["permissions"]:
            state.accounts[state.keys[number]["account"]]["keys"] += 1
            state.scalars[KEYS_HELD] += 1
        else:
            revoked.append(number)
    for number, newer in zip(revoked, [*revoked[1:], 0], strict=False):
        state.keys[number]["newer"] = newer
    state.scalars[REVOKED_OLDEST], state.scalars[REVOKED_NEWEST] = (revoked[0], revoked[-1]) if revoked else (0, 0)
    for timer in state.timers[state.timers["kind"] != 0]:
        state.accounts[timer["account"]]["timers_armed"] += 1
    recount(state)
