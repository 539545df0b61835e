"""Flows of one thing at a time, whose statistics are known."""

from dataclasses import replace

import numpy as np

from bench.flow.fields import nested
from bench.flow.laws import Law
from bench.flow.parameters import (
    DEFAULT,
    SOURCES,
    TYPES,
    Flow,
    Hawkes,
    Market,
    Options,
    OrderClass,
    QueueReactive,
    ZeroIntelligence,
)

ONE_LOT = (Law("atom", 1, 1),)
AT_BEST = (Law("atom", 1, 0),)
FOR_EVER = (Law("atom", 1, 1e7),)
PLAIN = Options(post_only=0, iceberg=0, stop=0)
PLACE_BID, PLACE_ASK, PROBE_BID = 0, 1, 4
CANCEL_BID = 8


def rates(**per_s: float) -> tuple[float, ...]:
    names = [name.replace("-", "_") for name in ("place_bid", "place_ask", "take_bid", "take_ask", "probe_bid")]
    found = dict.fromkeys(range(TYPES), 0.0) | {names.index(name): rate for name, rate in per_s.items()}
    return tuple(found.values())


def plain(orders: int = 1, lifetime: Law | None = None) -> Flow:
    """A market with a few orders that stay for ever, and orders of one lot at the best price."""
    last = (lifetime,) if lifetime else FOR_EVER
    return replace(
        DEFAULT,
        market=Market(spread_ticks=1, orders=orders),
        opening=(OrderClass(distance=AT_BEST, size=ONE_LOT, lifetime=FOR_EVER),),
        options=PLAIN,
        orders=(OrderClass(distance=AT_BEST, size=ONE_LOT, lifetime=last),),
    )


def poisson(flow: Flow, *, cancel_per_s: tuple[tuple[float, float], ...] = ((1e6, 0.0),), **per_s: float) -> Flow:
    return replace(flow, zero_intelligence=ZeroIntelligence(per_s=rates(**per_s), cancel_per_s=cancel_per_s))


def hawkes(flow: Flow, decays: tuple[float, ...], children: dict[tuple[int, int, int], float], **per_s: float) -> Flow:
    """`children`: {(scale, excited type, source): mean number}."""
    excitation = np.zeros((len(decays), TYPES, len(SOURCES)))
    for place, mean in children.items():
        excitation[place] = mean
    model = Hawkes(base_per_s=rates(**per_s), decay_per_s=decays, excitation=nested(excitation))
    return replace(flow, hawkes=model)


def one_queue(flow: Flow, place: float, cancel_each: float, most: int) -> Flow:
    """One level a side, to which orders come at a fixed rate, and which each leaves at a fixed rate."""
    model = QueueReactive(
        average_lots=1,
        place_per_s=((place,) * (most + 1),),
        cancel_per_s=(tuple(cancel_each * size for size in range(most + 1)),),
        take_per_s=(0.0,) * (most + 1),
        other_per_s=rates(),
    )
    return replace(flow, queue_reactive=model)
