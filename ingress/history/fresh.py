"""Rows of events that are not stored yet, each made when it is looked at: a page shows a few of what may be 100,000.

Orders are served by the loop that reads history, so nothing here is done for each event in Python. How rows follow from
events: engine_core/wire/history.py, as for the writer. Non-goals: which events (unstored.py), stored rows (queries.py).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, overload

import numpy as np

from engine_core.wire.codes import OrderFlag, Side
from engine_core.wire.events import events_of
from engine_core.wire.history import client_ids, counterparties, lives_of, order_flags, reasons
from engine_core.wire.layout import ADMIN_EVENT
from ingress.history.rows import FillRow, TradeRow, TransferRow
from ingress.history.unstored import pick
from ingress.schemas.order_answers import OrderRow

T = TypeVar("T")
# Plain integers: the operators of enum members take microseconds.
_TAKER, _ASK = OrderFlag.TAKER.value, Side.ASK.value


class Fresh(Sequence[T]):
    """`make`: the rows of some places, of 0 to `places`; oldest first."""

    def __init__(self, places: np.ndarray, make: Callable[[np.ndarray], list[T]]) -> None:
        self._places, self._make = places, make

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> "Fresh[T]": ...
    def __getitem__(self, at: int | slice) -> "T | Fresh[T]":
        if isinstance(at, slice):
            return Fresh(self._places[at], self._make)
        return self._make(self._places[[at]])[0]

    def __iter__(self) -> Iterator[T]:
        return iter(self._make(self._places))


class FreshOrders:
    """What order events (SLOT, in log order) say: orders that began in them, and what became of older ones."""

    def __init__(self, slots: np.ndarray) -> None:
        self._slots, self._lives = slots, lives_of(slots["event"])
        is_begun, first = self._lives.is_begun, self._lives.first
        begun = np.flatnonzero(is_begun)
        self._begun = begun[np.argsort(first[begun])]
        self._ids = slots["event"]["order_id"][first]

    @property
    def begun(self) -> Fresh[OrderRow]:
        """By creation."""
        return Fresh(self._begun, self._rows)

    def place(self, order_id: int) -> int | None:
        """Of an order among those that began."""
        found = np.flatnonzero(self._ids[self._begun] == order_id)
        return int(found[0]) if len(found) else None

    def newest_of_client(self, client_id: int, since_ms: int) -> OrderRow | None:
        events = pick(self._slots, self._lives.first[self._begun])["event"]
        found = np.flatnonzero((client_ids(events) == client_id) & (events["created_ms"] >= since_ms))
        return self.begun[int(found[-1])] if len(found) else None

    def apply(self, rows: Sequence[OrderRow]) -> None:
        """Bring orders that are stored up to date."""
        ids = np.array([row.order_id for row in rows], np.int64)
        at = np.searchsorted(self._ids, ids)
        known = np.flatnonzero(np.append(self._ids, -1)[at] == ids)
        self._advance([rows[place] for place in known.tolist()], at[known])

    def _advance(self, rows: Sequence[OrderRow], orders: np.ndarray) -> None:
        last, priced = pick(self._slots, self._lives.last[orders])["event"], self._lives.priced[orders]
        prices = self._slots["event"]["price_ticks"][priced]  # of the last event where none has the order's own
        states = zip(events_of(last), reasons(last).tolist(), priced.tolist(), prices.tolist(), strict=True)
        for row, (state, reason, place, price_ticks) in zip(rows, states, strict=True):
            row.status, row.reason, row.quantity_lots = state.status, reason, state.quantity_lots
            row.executed_lots, row.executed_atoms = state.executed_lots, state.executed_atoms
            if place >= 0:
                row.price_ticks = price_ticks

    def _rows(self, orders: np.ndarray) -> list[OrderRow]:
        begun = pick(self._slots, self._lives.first[orders])["event"]
        numbers = zip(events_of(begun), client_ids(begun).tolist(), order_flags(begun).tolist(), strict=True)
        rows = [
            OrderRow(
                *(event.order_id, event.market, client_id, event.side, event.order_type, event.time_in_force),
                *(event.self_trade, flags, event.status, event.reason, event.price_ticks, event.quantity_lots),
                *(event.amount_atoms, event.trigger_ticks, event.display_lots),
                *(event.executed_lots, event.executed_atoms, event.created_ms),
            )
            for event, client_id, flags in numbers
        ]
        self._advance(rows, orders)
        return rows


def fresh_fills(slots: np.ndarray) -> Fresh[FillRow]:
    """Of FILL events, in log order."""
    return Fresh(np.arange(len(slots)), lambda places: _fill_rows(pick(slots, places)))


def fresh_trades(slots: np.ndarray) -> Fresh[TradeRow]:
    """Of takers' FILL events, in log order."""

    def make(places: np.ndarray) -> list[TradeRow]:
        return [
            TradeRow(fill.trade_id, fill.price_ticks, fill.quantity_lots, fill.side == _ASK, fill.time_ms)
            for fill in _fill_rows(pick(slots, places))
        ]

    return Fresh(np.arange(len(slots)), make)


def _fill_rows(slots: np.ndarray) -> list[FillRow]:
    events = slots["event"]
    return [
        FillRow(
            trade_id=event.trade_id,
            order_id=event.order_id,
            client_id=client_id,
            market=event.market,
            side=event.side,
            is_maker=not event.flags & _TAKER,
            price_ticks=event.price_ticks,
            quantity_lots=event.fill_lots,
            fee_atoms=event.fee_atoms,
            time_ms=time_ms,
        )
        for event, client_id, time_ms in zip(
            events_of(events), client_ids(events).tolist(), slots["time_ms"].tolist(), strict=True
        )
    ]


def transfer_rows(slots: np.ndarray, last_id: int, account: int) -> list[TransferRow]:
    """The account's among all deposits, or all withdrawals; these are numbered on from `last_id`."""
    own = np.flatnonzero(slots["event"].view(ADMIN_EVENT)["account"] == account)
    slots = pick(slots, own)
    applied = np.frombuffer(slots["event"].tobytes(), ADMIN_EVENT)
    others, result = counterparties(applied).tolist(), []
    for place, command, time_ms, other in zip(
        own.tolist(), applied["command"], slots["time_ms"].tolist(), others, strict=True
    ):
        moved = int(command["asset"]), int(command["amount_atoms"]), int(command["reference"])
        words = int(command["asked_address"]), int(command["asked"])
        result.append(TransferRow(last_id + 1 + place, *moved, time_ms, other, words))
    return result
