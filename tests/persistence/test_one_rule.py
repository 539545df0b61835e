"""What the writer stores and what history makes of the same events are the same rows."""

import numpy as np
import pytest

from engine_core.wire.codes import EventKind, OrderFlag, Reason, Side
from ingress.history.fresh import FreshOrders, fresh_fills
from ingress.history.unstored import fills_of, orders_of
from persistence.projection.balances import FeeBalances
from persistence.projection.definitions import Setup
from persistence.projection.numbering import Numbering
from persistence.projection.rows import Books, Rows, make_rows
from tests.persistence.blocks import Block, slots
from tests.persistence.flow import FIRST_TRADER, TRADERS, Flow

ACCOUNTS = range(FIRST_TRADER, FIRST_TRADER + TRADERS)
_ORDER = (
    *(
        "order_id",
        "market",
        "client_id",
        "side",
        "order_type",
        "time_in_force",
        "self_trade",
        "flags",
        "status",
        "reason",
    ),
    *(
        "price_ticks",
        "quantity_lots",
        "amount_atoms",
        "trigger_ticks",
        "display_lots",
        "executed_lots",
        "executed_atoms",
    ),
)
_FILL = ("trade_id", "order_id", "client_id", "market", "side", "is_maker", "price_ticks", "quantity_lots", "fee_atoms")


def stored(blocks: list[Block]) -> Rows:
    taken = slots(blocks)
    books = Books(*(Numbering(lambda pairs: [0] * len(pairs)) for _ in range(2)), FeeBalances(lambda _: 0), 0, 0)
    return make_rows(np.ascontiguousarray(taken["event"]), taken["time_ms"].astype(np.int64), Setup(), books)


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    flow = Flow(11)
    made = [flow.genesis(), *(flow.block() for _ in range(30))]
    for block in made[1:]:  # what is of an event, not of its order
        block.records = np.frombuffer(bytearray(block.records.tobytes()), block.records.dtype)
        opens = np.isin(block.records["kind"], (EventKind.ACCEPTED, EventKind.RESTED, EventKind.AMENDED))
        block.records["reason"][opens] = Reason.SELF_TRADE
        block.records["flags"][opens] |= np.uint8(OrderFlag.TAKER)
    return made


def test_an_order_that_is_not_stored_is_the_row_that_will_be(blocks: list[Block]) -> None:
    rows = stored(blocks).new_orders
    for account in ACCOUNTS:
        expected = [tuple(row[name] for name in _ORDER) for row in rows if row["account"] == account]
        fresh = FreshOrders(orders_of(slots(blocks), account, None)).begun
        assert sorted(tuple(getattr(row, name) for name in _ORDER) for row in fresh) == sorted(expected) != []


def test_an_order_that_is_stored_is_changed_to_the_row_that_will_be(blocks: list[Block]) -> None:
    """Whatever the writer has stored of its events."""
    whole = {int(row["order_id"]): row for row in stored(blocks).new_orders}
    for account in ACCOUNTS:
        orders = list(FreshOrders(orders_of(slots(blocks[:15]), account, None)).begun)
        FreshOrders(orders_of(slots(blocks[15:]), account, None)).apply(orders)
        assert orders
        for order in orders:
            assert all(getattr(order, name) == whole[order.order_id][name] for name in _ORDER)


def test_a_fill_that_is_not_stored_is_the_row_that_will_be(blocks: list[Block]) -> None:
    rows = stored(blocks).fills
    for account in ACCOUNTS:
        expected = [tuple(row[name] for name in _FILL) for row in rows if row["account"] == account]
        fresh = fresh_fills(fills_of(slots(blocks), account, None, None, 0, 2**62))
        assert [tuple(getattr(row, name) for name in _FILL) for row in fresh] == expected != []
        assert {row.side for row in fresh} == {Side.BID, Side.ASK}
