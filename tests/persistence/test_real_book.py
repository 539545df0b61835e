"""What the real book does, stored: the tables equal the slow twin, and the book itself."""

import numpy as np
import redis

from bench import workloads
from engine_core.book import queries
from engine_core.book.commands import apply_batch
from engine_core.book.memory.state import State, new_state
from engine_core.wire.codes import OrderStatus
from engine_core.wire.layout import EVENT
from engine_core.wire.limits import MAX_BLOCK_EVENTS
from engine_core.wire.streams import EntryId
from tests.persistence.blocks import Block, append
from tests.persistence.database import assert_candles_equal_log, assert_equals_log, select
from tests.persistence.test_writer import config, count, store_all

MARKETS, ACCOUNTS = 3, 20
DEFINED = {
    number: (number + 1, workloads.QUOTE_ASSET, workloads.LOT_ATOMS, workloads.TICK_ATOMS)
    for number in range(1, MARKETS + 1)
}
OPEN = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.TRIGGER_PENDING)


def execute(flow: workloads.Flow) -> tuple[State, list[Block]]:
    """The book after the flow, and the events, in blocks as the engine would publish them."""
    state, events = new_state(flow.capacities), np.zeros(MAX_BLOCK_EVENTS, EVENT)
    blocks: list[Block] = []
    for records in (flow.setup, *np.array_split(flow.commands, len(flow.commands) // 100)):
        time_ms = workloads.TIME_MS + 700 * len(blocks)
        first, commands = 0, records.view(flow.commands.dtype)
        while first < len(records):
            first, made = apply_batch(state, commands, first, len(records), time_ms, events)
            blocks.append(Block(EntryId(time_ms, len(blocks)), time_ms, events[:made].copy()))
    return state, blocks


def test_tables_equal_the_book(valkey: str, postgres: str) -> None:
    flow = workloads.mixed_flow(5, 12_000, MARKETS, ACCOUNTS)
    state, blocks = execute(flow)
    with redis.Redis.from_url(valkey) as client:
        append(client, blocks, workloads.LOG_ID)
    store_all(config(valkey, postgres, 300_000), count(blocks))
    expected = assert_equals_log(postgres, blocks, DEFINED)
    assert_candles_equal_log(postgres, expected)
    assert len(expected.trades) > 1000

    stored = {row[:2]: row[2:] for row in select(postgres, "select account, asset, available, locked from balances")}
    for account in range(1, ACCOUNTS + 2):
        for balance in queries.balances(state, account):
            found = stored.get((account, int(balance["asset"])), (0, 0))
            assert found == (balance["available"], balance["locked"]), (account, balance)

    columns = ("order_id", "account", "market", "side", "status", "price_ticks", "quantity_lots", "executed_lots")
    states = ", ".join(str(int(status)) for status in OPEN)
    in_book = [
        tuple(int(order[name]) for name in columns)
        for account in range(2, ACCOUNTS + 2)
        for order in queries.open_orders(state, account)
    ]
    found_open = select(postgres, f"select {', '.join(columns)} from orders where status in ({states})")
    assert sorted(found_open) == sorted(in_book)
    assert len(in_book) > 100
