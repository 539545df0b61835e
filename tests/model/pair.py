"""The book and its twin side by side: the same commands to both, the same bytes expected of both."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from engine_core.book import queries
from engine_core.book.commands import apply_batch
from engine_core.book.memory.state import Capacities, State, new_state
from engine_core.wire.codes import CommandKind, EventKind, Reason, Side
from engine_core.wire.layout import ADMIN, COMMAND, EVENT
from engine_core.wire.limits import MAX_EVENTS_PER_COMMAND
from tests.model.admin import AdminTwin
from tests.model.questions import ask_everything

SMALL = Capacities(
    accounts=6,
    assets=6,
    markets=6,
    orders=12,
    levels=64,
    keys=8,
    gateways=4,
    timers=16,
    ended=6,
    ended_per_account=3,
    references=256,
    links=4,
)
START_MS = 1_000
_events = np.zeros(2 * MAX_EVENTS_PER_COMMAND, EVENT)  # kernels write every field of every event


def copy_state(state: State) -> State:
    """An independent copy."""
    copied = State(*(np.zeros(array.size, array.dtype) for array in state))
    for ours, theirs in zip(copied, state, strict=True):
        ours[:] = theirs
    return copied


def command(kind: CommandKind, /, **fields: Any) -> np.ndarray:
    """One COMMAND or ADMIN record, by its kind, as COMMAND."""
    record = np.zeros(1, ADMIN if kind >= CommandKind.GENESIS else COMMAND)
    record["kind"] = kind
    for name, value in fields.items():
        record[name] = value
    return record.view(COMMAND)


def run_book(state: State, commands: np.ndarray, time_ms: int, first: int = 0) -> np.ndarray:
    """All events of the commands from `first` on."""
    parts = []
    while first < len(commands):
        first, count = apply_batch(state, commands, first, len(commands), time_ms, _events)
        parts.append(_events[:count].tobytes())
    return np.frombuffer(b"".join(parts), EVENT)


def describe(events: np.ndarray) -> str:
    return "\n".join(
        f"{EventKind(event['kind']).name} {Reason(event['reason']).name} "
        + " ".join(f"{name}={event[name]}" for name in EVENT.names or () if name not in ("kind", "reason"))
        for event in events
    )


class Pair:
    def __init__(self, capacities: Capacities = SMALL) -> None:
        self.state = new_state(capacities)
        self.twin = AdminTwin(capacities, min(capacities.accounts, 6))

    def run(self, commands: Iterable[np.ndarray], time_ms: int = START_MS) -> np.ndarray:
        """Execute on both, one block; the events, which must be equal byte for byte."""
        block = np.frombuffer(bytearray(b"".join(one.tobytes() for one in commands)), COMMAND)
        ours = run_book(self.state, block, time_ms)
        self.twin.begin_block(len(block))
        expected: list[np.ndarray] = []
        for index in range(len(block)):
            if block[index]["kind"] >= CommandKind.GENESIS:
                expected += self.twin.administer(block.view(ADMIN)[index], index, time_ms)
            else:
                expected += self.twin.execute(block[index], index, time_ms)
        theirs = np.frombuffer(b"".join(event.tobytes() for event in expected), EVENT)
        if ours.tobytes() != theirs.tobytes():
            raise AssertionError(f"book:\n{describe(ours)}\n\ntwin:\n{describe(theirs)}")
        return ours

    def check_state(self) -> None:
        """Every invariant of the book, and its state equal to the twin's; to look changes nothing."""
        ask_everything(self.state)
        twin = self.twin
        for number, market in twin.markets.items():
            row = self.state.markets[number]
            assert (int(row["moves"]), int(row["goes_to"])) == (market.moves, market.goes_to)
            levels, update_id = queries.levels(self.state, number)
            assert update_id == market.updates
            expected = [
                (side.value, price, sum(order.shown for order in queue), len(queue))
                for side in (Side.BID, Side.ASK)
                for price, queue in sorted(market.levels[side].items(), reverse=side == Side.BID)
            ]
            ours = [tuple(int(level[n]) for n in ("side", "price_ticks", "lots", "orders")) for level in levels]
            assert ours == expected
            resting = [
                order.order_id
                for side in (Side.BID, Side.ASK)
                for _, queue in sorted(market.levels[side].items(), reverse=side == Side.BID)
                for order in queue
            ]
            assert queries.market_orders(self.state, number)["order_id"].tolist() == resting
        expected_links = {
            (account, shard, link.sent, link.asset, link.atoms, link.reference, link.arrived)
            for (account, shard), link in twin.links.items()
        }
        names = ("account", "shard", "out_sequence", "out_asset", "out_atoms", "out_reference", "in_sequence")
        assert {tuple(int(link[name]) for name in names) for link in queries.links(self.state, 0)} == expected_links
        for number, account in twin.accounts.items():
            orders = queries.open_orders(self.state, number)
            assert orders["order_id"].tolist() == [order.order_id for order in account.orders]
            assert orders["executed_lots"].tolist() == [order.executed for order in account.orders]
            balances = queries.balances(self.state, number)
            expected_balances = [tuple(twin.balance(number, asset)) for asset in sorted(twin.assets)]
            assert list(zip(balances["available"].tolist(), balances["locked"].tolist(), strict=True)) == (
                expected_balances
            )
