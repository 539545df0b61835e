"""The writer, as far as the log sees it: the real source, and rows made by the real code; the database is a list."""

import contextlib
from typing import Any

import numpy as np
import redis

from engine_core.wire.streams import keys
from persistence.balances import FeeBalances
from persistence.numbering import Numbering
from persistence.rows import Books, make_rows
from persistence.setup import Setup
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

    def go_back(self, batches: int) -> None:
        """The database is one that was restored from a copy: without the last so many transactions."""
        del self.events[-batches:], self.times[-batches:], self.positions[-batches:]

    @property
    def position(self) -> Position:
        return self.positions[-1]

    def run(self) -> None:
        """Any life of it: from what is stored."""
        world = self._host.world
        while True:
            with contextlib.suppress(redis.RedisError, SourceError):
                self._connected()
            world.wait(seconds=0.2)

    def _connected(self) -> None:
        world = self._host.world
        source = EventSource.__new__(EventSource)
        client: Any = SimClient(self._host.server)
        source._client, source._stream, source._stored, source._entries = client, NAMES.events, NAMES.stored, 0
        source.check(self.position)
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
        for change in rows.balance_changes:
            kept = balances.setdefault((int(change["account"]), int(change["asset"])), [0, 0])
            kept[0] = int(change["available"])
            kept[1] = int(change["locked"]) if change["locked"] >= 0 else kept[1]
    for order in orders.values():
        order.pop("updated", None)
    return tables
