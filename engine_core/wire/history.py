"""How rows of the history follow from events: one rule for what the tables have and for what they have not yet.

Non-goals: the rows themselves (persistence/projection/rows.py, ingress/history/fresh.py), candles (candles.py).
"""

from typing import NamedTuple

import numpy as np

from engine_core.wire.codes import OVER, CommandKind, EventKind, OrderFlag, Reason

NO_CLIENT_ID = -1
_ORDER_FLAGS = 0xFF & ~OrderFlag.TAKER  # that one is of an event


def _table(codes: tuple[int, ...]) -> np.ndarray:
    table = np.zeros(256, bool)
    table[[*codes]] = True
    return table


_BEGINS = _table((EventKind.ACCEPTED, EventKind.TRIGGER_PLACED))
# Events whose price is the order's own; that of a FILL is the trade's, that of an UNRESTED the level left behind.
_HAS_OWN_PRICE = _table((EventKind.ACCEPTED, EventKind.AMENDED, EventKind.TRIGGER_PLACED))
_IS_OVER = _table(OVER)


class Lives(NamedTuple):
    """Of each order that events are of, by ascending id: places among the events."""

    first: np.ndarray
    last: np.ndarray
    priced: np.ndarray  # the last that has the order's price; -1: none, so the price is what it was before
    is_begun: np.ndarray  # whether the order began with the first of them


def lives_of(events: np.ndarray) -> Lives:
    """Of order events (EVENT, in log order)."""
    if len(events) == 0:
        none = np.empty(0, np.int64)
        return Lives(none, none, none, none.astype(bool))
    by_order = np.argsort(events["order_id"], kind="stable")
    ids, kinds = events["order_id"][by_order], events["kind"][by_order]
    first = np.concatenate(([0], np.flatnonzero(ids[1:] != ids[:-1]) + 1))
    last = np.append(first[1:], len(ids)) - 1
    # Within an order, places among the events ascend as those among the sorted ones do.
    priced = np.maximum.reduceat(np.where(_HAS_OWN_PRICE[kinds], by_order, -1), first)
    return Lives(by_order[first], by_order[last], priced, _BEGINS[kinds[first]])


def client_ids(events: np.ndarray) -> np.ndarray:
    has_one = events["flags"] & OrderFlag.HAS_CLIENT_ID != 0
    return np.where(has_one, events["client_id"].astype(np.int64), NO_CLIENT_ID)


def order_flags(events: np.ndarray) -> np.ndarray:
    return np.asarray(events["flags"] & _ORDER_FLAGS)


def reasons(events: np.ndarray) -> np.ndarray:
    """Why orders ended, of the last events of each; that of one that goes on is of the event, not of the order."""
    return np.where(_IS_OVER[events["status"]], events["reason"], Reason.NONE)


def counterparties(applied: np.ndarray) -> np.ndarray:
    """The account at the other end of deposits, withdrawals and transfers (ADMIN_EVENT); 0: none of this exchange."""
    commands = applied["command"]
    parties = commands["account"].astype(np.int64) + commands["to_account"]
    return np.where(commands["kind"] == CommandKind.TRANSFER, parties - applied["account"], 0)
