"""The writer, as far as the log sees it: the real source, and rows made by the real code; the database is a list."""

import contextlib
from typing import Any

import numpy as np
import redis

from engine_core.transport.replicated import EventReader
from engine_core.wire.streams import keys
from persistence.projection.balances import FeeBalances
from persistence.projection.definitions import Setup
from persistence.projection.numbering import Numbering
from persistence.projection.rows import Books, make_rows
from persistence.source import EventSource, SourceError
from persistence.store import Position
from tests.simulated.actors import Host
from tests.simulated.client import SimClient

NAMES = keys(0)


class Writer:
    def __init__(self, host: Host) -> None:
        self._host = host
        self.events: list[np.ndarray] = []
        self.times: list[np.ndarray] = []
        self.positions = [Position()]
        self.complaint = ""  # why it does not go on

    def go_back(self, batches: int) -> None:
        """The database is one that was restored from a copy: without the last so many transactions."""
        del self.events[-batches:], self.times[-batches:], self.positions[-batches:]

    def follow(self, client: Any) -> bool:
        """As persistence.refill does it, but from the newest copy that fits the log; False if there is none."""
        while True:
            with contextlib.suppress(SourceError):
                self._source(client).check(self.position)
                return True
            if len(self.positions) == 1:
                return False
            self.go_back(1)

    @property
    def position(self) -> Position:
        return self.positions[-1]

    def run(self) -> None:
        """Any life of it: from what is stored."""
        world = self._host.world
        while True:
            try:
                self._connected()
            except redis.RedisError:
                pass
            except SourceError as error:
                self.complaint = str(error)
            world.wait(seconds=0.2)

    def _connected(self) -> None:
        world = self._host.world
        source = self._source(SimClient(self._host.server))
        source.check(self.position)
        self.complaint = ""
        while True:
            batch = source.read(self.position, 4096)
            if batch is None:
                continue
            world.pause()  # the transaction begins, and perhaps never ends
            self.events.append(batch.events.copy())
            self.times.append(batch.times_ms)
            self.positions.append(batch.position)
            world.pause()  # stored, but nobody was told
            source.tell_stored(batch)

    @staticmethod
    def _source(client: Any) -> EventSource:
        source = EventSource.__new__(EventSource)
        source._client, source._stream, source._stored, source._entries = client, NAMES.events, NAMES.stored, 0
        source._reader = EventReader(NAMES)
        return source


def rows_of(batches: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """The tables after these batches, each turned into rows as the writer does it."""
    setup = Setup()
    orders_made, fills_made = (Numbering(lambda pairs: [0] * len(pairs)) for _ in range(2))
    books = Books(orders_made, fills_made, FeeBalances(lambda asset: 0), 0, 0)
    orders: dict[int, Any] = {}
    balances: dict[tuple[int, int], list[int]] = {}
    tables: dict[str, Any] = {"trades": [], "fills": [], "orders": orders, "balances": balances}
    for events, times_ms in batches:
        rows = make_rows(events, times_ms, setup, books)
        tables["trades"] += rows.trades.tolist()
        tables["fills"] += rows.fills.tolist()
        for row in rows.new_orders:
            orders[int(row["order_id"])] = {name: row[name].item() for name in row.dtype.names}
        for change in rows.order_changes:
            order = orders[int(change["order_id"])]
            for name in ("status", "reason", "quantity_lots", "executed_lots", "executed_atoms"):
                order[name] = change[name].item()
            if change["price_ticks"] >= 0:
                order["price_ticks"] = change["price_ticks"].item()
        for change in rows.balance_changes:
            kept = balances.setdefault((int(change["account"]), int(change["asset"])), [0, 0])
            kept[0] = int(change["available"])
            kept[1] = int(change["locked"]) if change["locked"] >= 0 else kept[1]
    tables["fills"].sort()  # rows of a table have no order: within a batch an account's are stored side by side
    for order in orders.values():
        order.pop("updated", None)
    return tables
