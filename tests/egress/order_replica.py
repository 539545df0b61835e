"""A client of the market-by-order feed: the book order by order, from messages and a snapshot."""

from dataclasses import dataclass, field
from typing import Any

Row = tuple[str, str, str]  # order, price, quantity shown


@dataclass
class OrderReplica:
    last_id: int = 0
    queues: dict[str, dict[str, Row]] = field(default_factory=lambda: {"Bid": {}, "Ask": {}})  # by order, in time order

    def load(self, snapshot: dict[str, Any]) -> None:
        self.last_id = int(snapshot["lastUpdateId"])
        for side, name in (("Bid", "bids"), ("Ask", "asks")):
            self.queues[side] = {row[0]: (row[0], row[1], row[2]) for row in snapshot[name]}

    def take(self, data: dict[str, Any]) -> None:
        """One message; what the snapshot contains already is left out."""
        if data["u"] <= self.last_id:
            return
        assert data["U"] <= self.last_id + 1, f"{data['U']} follows {self.last_id}"
        contained = self.last_id + 1 - data["U"]
        assert not contained or len(data["o"]) == data["u"] - data["U"] + 1, "one row a number"
        self.last_id = data["u"]
        for order, side, price, quantity in data["o"][contained:]:
            held = self.queues[side].get(order)
            if quantity == "0":
                del self.queues[side][order]
            else:
                assert held is None or held[1] == price, "an order that moves is gone first"
                self.queues[side][order] = order, price, quantity

    def rows(self, side: str) -> list[Row]:
        """Best price first, then first come first: as in the snapshot."""
        sign = -1 if side == "Bid" else 1
        return sorted(self.queues[side].values(), key=lambda row: sign * float(row[1]))  # sorting keeps equal ones
