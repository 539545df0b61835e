"""The load of `bench orders_ws`: a closed loop of bench/load over connections of which several may be one account's."""

from dataclasses import dataclass

import uvloop

from bench.http.load import Load
from bench.load.plan.spelling import frame
from bench.load.targets import closed
from bench.load.targets.api import Address
from bench.load.targets.order_entry import EntryPool


@dataclass(frozen=True)
class Entry:
    """What one connection sends: the params of its logon, and JSON texts of orders."""

    logon: str
    orders: list[str]


def run(address: Address, entries: list[Entry], seconds: float, in_flight: int) -> Load:
    """Send for so long, or until no orders are left; every order that was sent is waited for."""
    owned = [(number, order) for number, entry in enumerate(entries) for order in entry.orders]
    message = '{{"id":{},"method":"order.place","params":{}}}'
    messages = [frame(message.format(place, order).encode()) for place, (_, order) in enumerate(owned)]
    measured = closed.measure(
        lambda tally, now_ns: EntryPool(
            address, messages, [number for number, _ in owned], tally, now_ns, lambda number: entries[number].logon
        ),
        len(messages),
        seconds,
        in_flight,
    )
    return Load.of(uvloop.run(measured))
