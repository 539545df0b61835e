"""How full the tables of the book are: for metrics and `exchange status`, and said in the log before one is full.

Of a table that accounts share, what counts is its pool (book/ledger/shares.py): an account's own share is always there.
"""

import logging
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from engine_core.book.memory.state import (
    ACCOUNTS,
    ASSETS,
    DIVIDED,
    KEYS_HELD,
    LEVELS_HELD,
    MARKETS,
    OPEN_ORDERS,
    ORDERS_MADE,
    REFERENCES,
    SHARD,
    SHARED_KEYS,
    SHARED_ORDERS,
    SHARED_TIMERS,
    TIMERS,
    State,
    capacities_of,
)
from engine_core.wire.limits import ORDERS_OF_A_SHARD

logger = logging.getLogger(__name__)

IN_USE = {
    "accounts": ACCOUNTS,
    "assets": ASSETS,
    "markets": MARKETS,
    "orders": OPEN_ORDERS,
    "levels": LEVELS_HELD,
    "keys": KEYS_HELD,
    "timers": TIMERS,
    "references": REFERENCES,
}
_SHARED = {"orders": SHARED_ORDERS, "keys": SHARED_KEYS, "timers": SHARED_TIMERS}  # those that refuse somebody
WARN_AT, CALM_AT = 0.8, 0.7  # full to this part
LOOK_SECONDS = 1.0
_IDS = "order ids"


class Table(NamedTuple):
    name: str
    used: int
    size: int
    pool_used: int  # by accounts that hold more than their own share
    pool: int  # 0: it is not divided

    @property
    def fullness(self) -> float:
        return max(self.used / self.size, self.pool_used / self.pool if self.pool else 0.0)


def tables(state: State) -> Iterator[Table]:
    capacities = capacities_of(state)._asdict()
    divided = bool(state.scalars[DIVIDED])
    for name, counter in IN_USE.items():
        pool_used = pool = 0
        if divided and name in _SHARED:
            share = state.shares[_SHARED[name]]
            pool_used, pool = int(share["taken"]), int(share["pool"])
        yield Table(name, int(state.scalars[counter]), capacities[name], pool_used, pool)


class Fullness:
    """Says once in the log that a table fills, and again after it had room."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._looked = now, 0.0
        self._told: set[str] = set()

    def look(self, state: State) -> None:
        if self._now() - self._looked < LOOK_SECONDS:
            return
        self._looked = self._now()
        for table in tables(state):
            if table.name in ("assets", "markets"):  # as many as the configuration names
                continue
            if table.fullness >= WARN_AT and table.name not in self._told:
                self._told.add(table.name)
                logger.warning("%s", describe(table))
            elif table.fullness < CALM_AT:
                self._told.discard(table.name)
        given = ids_given(state)
        if given >= WARN_AT * ORDERS_OF_A_SHARD and _IDS not in self._told:
            self._told.add(_IDS)
            logger.warning(
                "%d of this shard's %d order ids are given; move its markets to another shard before it refuses orders",
                *(given, ORDERS_OF_A_SHARD - 1),
            )


def ids_given(state: State) -> int:
    """Of the order ids that a shard has for all of its life."""
    return int(state.scalars[ORDERS_MADE]) - int(state.scalars[SHARD]) * ORDERS_OF_A_SHARD


def describe(table: Table) -> str:
    pool = f", {table.pool_used} of {table.pool} beyond the accounts' own shares" if table.pool else ""
    return (
        f"{table.name} are filling: {table.used} of {table.size}{pool}; raise [capacity] {table.name} and restart, or "
        "commands that need one more are refused"
    )
