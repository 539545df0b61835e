"""The load of `bench orders_ws`: a closed loop of bench/load over connections of which several may be one account's."""

from collections.abc import Callable
from dataclasses import dataclass

import uvloop

from bench.http.load import Load
from bench.load.outcome.tally import Tally
from bench.load.plan.spelling import frame
from bench.load.targets import closed
from bench.load.targets.api import Address
from bench.load.targets.order_entry import EntryPool


@dataclass(frozen=True)
class Entry:
    """What one connection sends: the params of its logon, and JSON texts of orders."""

    logon: str
    orders: list[str]


@dataclass(frozen=True)
class Prepared:
    """Of all connections: nothing of this is left to do while the clock runs."""

    logons: list[str]
    messages: list[bytes]  # as frames
    session_of: list[int]  # which connection sends each

    @classmethod
    def of(cls, entries: list[Entry]) -> "Prepared":
        owned = [(number, order) for number, entry in enumerate(entries) for order in entry.orders]
        message = '{{"id":{},"method":"order.place","params":{}}}'
        messages = [frame(message.format(place, order).encode()) for place, (_, order) in enumerate(owned)]
        return cls([entry.logon for entry in entries], messages, [number for number, _ in owned])


def run(address: Address, prepared: Prepared, seconds: float, in_flight: int) -> Load:
    """Send for so long, or until no orders are left; every order that was sent is waited for."""

    def pool(tally: Tally, now_ns: Callable[[], int]) -> EntryPool:
        logons = prepared.logons.__getitem__
        return EntryPool(address, prepared.messages, prepared.session_of, tally, now_ns, logons)

    return Load.of(uvloop.run(closed.measure(pool, len(prepared.messages), seconds, in_flight)))
