"""What an order would take from a side of the book: the kernel against its slow twin, and how far it reads."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from engine_core.replica.depth import Depth
from engine_core.wire.codes import Side
from engine_core.wire.limits import MAX_PRICE_TICKS, MAX_QUANTITY_LOTS
from engine_core.wire.query_records import LEVEL

MARKET = 1
Levels = list[tuple[int, int]]  # (ticks, lots), best first


def walk_twin(side: Side, levels: Levels, furthest_ticks: int, lots: int, ticks: int | None = None) -> tuple[int, int]:
    taken_lots = cost = 0
    for price, displayed in levels:
        if price > furthest_ticks if side == Side.ASK else price < furthest_ticks:
            break
        taken = min(displayed, lots - taken_lots)
        if ticks is not None:
            taken = min(taken, (ticks - cost) // price)
        taken_lots, cost = taken_lots + taken, cost + taken * price
        if taken < displayed:
            break
    return taken_lots, cost


def depth_of(side: Side, levels: Levels) -> Depth:
    records = np.zeros(len(levels), LEVEL)
    for record, (price, lots) in zip(records, levels, strict=True):
        record["side"], record["price_ticks"], record["lots"] = side, price, lots
    depth = Depth()
    depth.add_market(MARKET, live=True)
    depth.load(MARKET, records, 1)
    return depth


PRICES = st.one_of(st.integers(1, 40), st.integers(MAX_PRICE_TICKS - 40, MAX_PRICE_TICKS))
LOTS = st.one_of(st.integers(1, 50), st.integers(1, MAX_QUANTITY_LOTS // 16))
BOUND = st.one_of(st.integers(0, 200), st.integers(0, MAX_QUANTITY_LOTS))


@given(
    st.sampled_from(list(Side)),
    st.dictionaries(PRICES, LOTS, max_size=12),
    PRICES,
    BOUND,
    st.one_of(st.none(), BOUND),
)
@example(Side.ASK, dict.fromkeys(range(MAX_PRICE_TICKS - 12, MAX_PRICE_TICKS), 2**58), MAX_PRICE_TICKS, 2**62, None)
@example(Side.BID, dict.fromkeys(range(MAX_PRICE_TICKS - 12, MAX_PRICE_TICKS), 2**58), 1, 2**62, None)
def test_a_walk_is_that_of_the_twin(
    side: Side, shown: dict[int, int], furthest: int, lots: int, ticks: int | None
) -> None:
    """Also where price times lots does not fit into 64 bits."""
    levels = sorted(shown.items(), reverse=side == Side.BID)
    assert depth_of(side, levels).walk(MARKET, side, furthest, lots, ticks) == walk_twin(
        side, levels, furthest, lots, ticks
    )
