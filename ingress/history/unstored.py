"""The events that the writer has not committed yet, kept so that history reads can be merged with them.

    log:  ───────────── stored in the database ─────────────┤ position ├──── the tail: observed, not stored ────▶ now

Only what history shows is kept: events of orders, deposits, withdrawals. Many are looked at together, because the
answer to an order waits meanwhile. What a query saw as stored is dropped when the tail has grown; a query whose
snapshot is older than that is made again. Non-goals: reading the database (reader.py).
"""

from collections.abc import Sequence

import numpy as np

from engine_core.wire.codes import CommandKind, EventKind, OrderFlag
from engine_core.wire.layout import ADMIN_EVENT, EVENT, SLOT
from engine_core.wire.streams import EntryId

MAX_EVENTS = 400_000  # 77 MB; more than that unstored, and history waits for the writer
_TRIM_EVENTS = 8_192
_SIFT_EVENTS = 1_024  # are taken as they come, before it is looked which of them are kept
_OPAQUE = np.dtype((np.void, SLOT.itemsize))  # NumPy joins and picks records with overlapping fields very slowly

_KEPT = np.zeros(256, bool)
_KEPT[
    [
        EventKind.ACCEPTED,
        EventKind.FILL,
        EventKind.RESTED,
        EventKind.CANCELLED,
        EventKind.EXPIRED,
        EventKind.AMENDED,
        EventKind.TRIGGER_PLACED,
        EventKind.TRIGGERED,
        EventKind.TRIGGER_FAILED,
        EventKind.APPLIED,
    ]
] = True
_MOVES = (CommandKind.MOVE_OUT, CommandKind.MOVE_IN)
_TRANSFERS = (CommandKind.DEPOSIT, CommandKind.WITHDRAW, CommandKind.TRANSFER, *_MOVES)
_COMMAND_KIND = EVENT.itemsize - ADMIN_EVENT["command"].itemsize  # byte of an ADMIN_EVENT where its command begins


class Tail:
    """`since`: the log position at which observation begins; everything up to it must come from the database."""

    def __init__(self, since: EntryId) -> None:
        self.complete_after = since  # of events above it, the tail has every one
        self._parts: list[np.ndarray] = []
        self._size = 0
        self._unstored = 0  # of these, when it was last looked what is stored
        self._raw: list[np.ndarray] = []  # taken, and not looked at yet
        self._raw_size = 0
        self._is_new = True

    def __len__(self) -> int:
        self._sift()
        return self._size

    def observe(self, slots: np.ndarray) -> None:
        """Take a batch of the feed, in log order; nobody may change the array any more."""
        if self._is_new and len(slots):
            self._is_new = False
            if slots["position"][0] != 0:  # observation began in the middle of an entry
                self.complete_after = EntryId(int(slots["entry_ms"][0]), int(slots["entry_seq"][0]))
        self._raw.append(slots)
        self._raw_size += len(slots)
        if self._raw_size >= _SIFT_EVENTS:
            self._sift()

    def _sift(self) -> None:
        """Copy what is kept of what was taken."""
        if not self._raw_size:
            return
        slots = _join(self._raw)
        self._raw, self._raw_size = [], 0
        kinds = slots["event"]["kind"]
        wanted = _KEPT[kinds]
        if (kinds == EventKind.APPLIED).any():
            commands = slots.view(np.uint8).reshape(len(slots), SLOT.itemsize)[:, _COMMAND_KIND]
            wanted &= (kinds != EventKind.APPLIED) | np.isin(commands, _TRANSFERS)
        places = np.flatnonzero(wanted)
        if len(places) == 0:
            return
        self._parts.append(pick(slots, places))
        self._size += len(places)
        if self._size > MAX_EVENTS:
            self._forget_half()

    def after(self, position: EntryId) -> np.ndarray | None:
        """The kept events above `position` as SLOT records; None if the tail does not reach back so far."""
        self._sift()
        if position < self.complete_after:
            return None
        slots = self._joined()
        first = _first_above(slots, position)
        if first > _TRIM_EVENTS:
            self._parts, self._size = [slots[first:].copy()], len(slots) - first
            self.complete_after = position
        self._unstored = len(slots) - first
        return slots[first:]

    @property
    def is_long(self) -> bool:
        """Whether it is worth asking what is stored: half of the tail may be. It is copied then, and asking costs
        milliseconds; on a busy exchange thousands of events are on their way to the database all the time."""
        return self._size > 2 * max(_TRIM_EVENTS, min(self._unstored, MAX_EVENTS // 4))

    def _joined(self) -> np.ndarray:
        self._parts = [_join(self._parts)]
        return self._parts[0]

    def _forget_half(self) -> None:
        slots = self._joined()
        last = slots[len(slots) // 2]
        self.complete_after = EntryId(int(last["entry_ms"]), int(last["entry_seq"]))
        kept = slots[_first_above(slots, self.complete_after) :].copy()
        self._parts, self._size = [kept], len(kept)


def _join(parts: list[np.ndarray]) -> np.ndarray:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([part.view(_OPAQUE) for part in parts]).view(SLOT) if parts else np.empty(0, SLOT)


def pick(slots: np.ndarray, places: np.ndarray) -> np.ndarray:
    """`slots[places]`."""
    return np.take(slots.view(_OPAQUE), places).view(SLOT)


def together(parts: Sequence[np.ndarray]) -> np.ndarray:
    """What several shards have, in the order of their entries' times."""
    if len(parts) == 1:
        return parts[0]
    slots = _join(list(parts))
    return pick(slots, np.lexsort((slots["entry_seq"], slots["entry_ms"])))


def _first_above(slots: np.ndarray, position: EntryId) -> int:
    low = int(np.searchsorted(slots["entry_ms"], position.ms, side="left"))
    high = int(np.searchsorted(slots["entry_ms"], position.ms, side="right"))
    return low + int(np.searchsorted(slots["entry_seq"][low:high], position.seq, side="right"))


def orders_of(tail: np.ndarray, account: int, market: int | None, order_id: int | None = None) -> np.ndarray:
    """The events of an account's orders."""
    events = tail["event"]
    wanted = (events["account"] == account) & (events["kind"] < EventKind.APPLIED)
    if market is not None:
        wanted &= events["market"] == market
    if order_id is not None:
        wanted &= events["order_id"] == order_id
    return pick(tail, np.flatnonzero(wanted))


def fills_of(
    tail: np.ndarray, account: int, market: int | None, order_id: int | None, first_ms: int, end_ms: int
) -> np.ndarray:
    events = orders_of(tail, account, market, order_id)
    times = events["time_ms"]
    wanted = (events["event"]["kind"] == EventKind.FILL) & (times >= first_ms) & (times < end_ms)
    return pick(events, np.flatnonzero(wanted))


def trades_of(tail: np.ndarray, market: int) -> np.ndarray:
    """The takers' FILL events of a market: one for each trade."""
    events = tail["event"]
    is_taker = events["flags"] & OrderFlag.TAKER != 0
    return pick(tail, np.flatnonzero((events["kind"] == EventKind.FILL) & is_taker & (events["market"] == market)))


def transfers_of(tail: np.ndarray, kind: CommandKind) -> np.ndarray:
    """The deposits or withdrawals of all accounts; a transfer is one for its sender, the other for its receiver."""
    kinds = tail.view(np.uint8).reshape(len(tail), SLOT.itemsize)[:, _COMMAND_KIND]
    applied = tail["event"].view(ADMIN_EVENT)
    receives = applied["account"] != applied["command"]["account"]
    ends = (kinds == CommandKind.TRANSFER) & (receives if kind == CommandKind.DEPOSIT else ~receives)
    return pick(tail, np.flatnonzero((tail["event"]["kind"] == EventKind.APPLIED) & ((kinds == kind) | ends)))


def moves_of(tail: np.ndarray, account: int) -> np.ndarray:
    """Both halves of the account's moves between shards."""
    kinds = tail.view(np.uint8).reshape(len(tail), SLOT.itemsize)[:, _COMMAND_KIND]
    wanted = (tail["event"]["kind"] == EventKind.APPLIED) & np.isin(kinds, _MOVES)
    return pick(tail, np.flatnonzero(wanted & (tail["event"]["account"] == account)))
