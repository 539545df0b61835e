"""A snapshot that code of an earlier behaviour version wrote, as a state of this code: what `exchange upgrade` begins
from.

A change to what a state consists of records here how it was before (an `Old`), and derives what that code did not keep
(`derive`). The data in tests/data/behaviour_1 and behaviour_2 hold it to that.
"""

from collections import namedtuple
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
from engine_core.book.resize import rebuild_nodes, rebuild_pages, rehash
from engine_core.jit.huge_pages import zeros
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.snapshot import Code, OldSnapshot, Snapshot

_SIZES = (
    *("accounts", "assets", "markets", "orders", "levels", "keys", "gateways", "timers"),
    *("ended", "ended_per_account", "references", "pages"),
)
_ARRAYS = (
    *("scalars", "limits", "orders", "info", "terms", "free_orders", "levels", "pages", "page_levels", "page_heads"),
    *("nodes", "books", "markets", "fees", "assets", "accounts", "balances", "open_counts", "client_heads", "ended"),
    *("keys", "key_heads", "references", "reference_heads", "timers", "timer_heap", "gateways"),
)
_ASSETS = np.dtype([("symbol", "S8"), ("decimals", "<i8"), ("deposited", "<i8"), ("withdrawn", "<i8")])
_FIRST_OF_ACCOUNTS = (
    *(("state", "<i4"), ("tier", "<i4"), ("first_order", "<i4"), ("last_order", "<i4"), ("open_orders", "<i4")),
    *(("ended_first", "<i4"), ("ended_last", "<i4"), ("ended", "<i4"), ("timers", "<i4")),
)


class Old(NamedTuple):
    """How one code laid out its states."""

    code: Code
    arrays: tuple[str, ...]
    lengths: dict[str, int]  # where they do not follow from the capacities as now
    records: dict[str, np.dtype]  # of arrays whose record has changed since, under the names that its fields have now
    pages: Callable[[Capacities], int]  # how many it made for a capacity of 0
    derive: Callable[[State], None]  # what follows from the rest, and what that code did not keep


def describe(path: Path) -> Snapshot:
    """What the header says, unproven; SnapshotError unless code of an earlier behaviour version wrote it."""
    return snapshot.describe(path, _written_by(path).code)


def read(path: Path) -> tuple[Snapshot, State]:
    """The snapshot and its state, still of its own behaviour: the next command that it may execute is UPGRADE."""
    old = _written_by(path)
    found, arrays = snapshot.read_arrays(path, old.code, lambda capacities: _old_state(old, capacities))
    state = new_state(found.capacities)
    for name, array in zip(old.arrays, arrays, strict=True):
        if name != "limits":  # from the header, under their names
            _copy(array, getattr(state, name))
    if found.format < snapshot.HASHED_AS_NOW:
        rehash(state)
    old.derive(state)
    return found, state


def _written_by(path: Path) -> Old:
    for old in EARLIER[:-1]:
        with suppress(OldSnapshot):
            snapshot.describe(path, old.code)
            return old
    return EARLIER[-1]


if TYPE_CHECKING:
    _Arrays: Any
else:
    _Arrays = cache(lambda names: namedtuple("_Arrays", names))


def _old_state(old: Old, capacities: Capacities) -> Any:
    now = new_state(capacities._replace(pages=capacities.pages or old.pages(capacities)))

    def array(name: str) -> np.ndarray:
        same: np.ndarray = getattr(now, name)
        made: np.ndarray = zeros(old.lengths.get(name, len(same)), old.records.get(name, same.dtype))
        return made

    return _Arrays(old.arrays)(*map(array, old.arrays))


def _copy(old: np.ndarray, now: np.ndarray) -> None:
    """The fields that both have; `now` keeps what it was made with in the others."""
    if old.dtype == now.dtype:
        now[: len(old)] = old
        return
    for field in set(old.dtype.names or ()) & set(now.dtype.names or ()):
        now[field][: len(old)] = old[field]


def _count_shares(state: State) -> None:
    """Version 1 knew of no shares."""
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


_V1 = Old(
    code=Code(1, 0x343C95D907E5FBB2, _SIZES),
    arrays=(*_ARRAYS, "walked"),
    lengths={"scalars": 40, "limits": len(_SIZES)},
    records={
        "assets": _ASSETS,
        "accounts": np.dtype([*_FIRST_OF_ACCOUNTS, ("pad0", "<i4")]),
        "keys": np.dtype(
            [
                *(("a", "<i8"), ("b", "<i8"), ("c", "<i8"), ("d", "<i8")),
                *(("account", "<i4"), ("permissions", "<i4"), ("chain", "<i4"), ("pad0", "<i4")),
            ]
        ),
        "references": np.dtype(
            [("reference", "<i8"), ("scope", "<i4"), ("direction", "<i2"), ("pad0", "<i2"), ("chain", "<i8")]
        ),
    },
    pages=lambda capacities: capacities.levels // 8 + 64,
    derive=_count_shares,
)
_V2 = Old(
    code=Code(2, 0x08849A38E5D0365B, _SIZES),
    arrays=(*_ARRAYS, "shares", "walked"),
    lengths={"limits": len(_SIZES)},
    records={
        "assets": _ASSETS,
        "accounts": np.dtype(
            [
                *_FIRST_OF_ACCOUNTS,
                *(("timers_armed", "<i4"), ("keys", "<i4")),
                *(("withdrawals", "<i4"), ("withdrawal_first", "<i4"), ("withdrawal_last", "<i4")),
            ]
        ),
    },
    pages=lambda capacities: capacities.levels,
    derive=lambda state: None,  # it had no shards, and lacks nothing else
)
EARLIER = (_V2, _V1)
