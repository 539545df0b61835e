"""Reads whole tables and compares them, row for row, with the slow twin."""

from collections.abc import Sequence
from typing import Any

import psycopg

from engine_core.wire.codes import CommandKind
from engine_core.wire.intervals import INTERVALS
from tests.persistence import slow
from tests.persistence.blocks import Block
from tests.persistence.flow import MARKETS

ORDER_COLUMNS = (
    "order_id", "account", "market", "number", "market_number", "client_id", "side", "order_type", "time_in_force",
    "self_trade", "flags", "status", "reason", "price_ticks", "quantity_lots", "amount_atoms", "trigger_ticks",
    "display_lots", "executed_lots", "executed_atoms", "created", "updated",
)  # fmt: skip
MOVE_COLUMNS = (
    "account", "from_shard", "to_shard", "sequence", "asset", "amount_atoms", "reference", "sent", "arrived"
)  # fmt: skip


def select(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        return connection.execute(query.encode()).fetchall()


def _same(found: Sequence[tuple[Any, ...]], expected: Sequence[tuple[Any, ...]], what: str) -> None:
    assert len(found) == len(expected), f"{what}: {len(found)} rows stored, {len(expected)} in the log"
    for stored, computed in zip(sorted(found), sorted(expected), strict=True):
        assert stored == computed, what


def assert_equals_log(url: str, blocks: list[Block], markets: slow.Markets = MARKETS) -> slow.Tables:
    expected = slow.tables(blocks, markets)
    _same(select(url, "select * from trades"), expected.trades, "trades")
    _same(select(url, "select * from fills"), expected.fills, "fills")
    orders = [tuple(order[name] for name in ORDER_COLUMNS) for order in expected.orders.values()]
    _same(select(url, f"select {', '.join(ORDER_COLUMNS)} from orders"), orders, "orders")
    balances = [(*key, *values) for key, values in expected.balances.items()]
    _same(select(url, "select account, asset, shard, available, locked from balances"), balances, "balances")
    _same(select(url, "select * from deposits"), expected.transfers[CommandKind.DEPOSIT], "deposits")
    _same(select(url, "select * from withdrawals"), expected.transfers[CommandKind.WITHDRAW], "withdrawals")
    accounts = [(account, *values) for account, values in expected.accounts.items()]
    _same(select(url, "select account, state, fee_tier from accounts"), accounts, "accounts")
    states = [(market, state, expected.market_shards[market]) for market, state in expected.market_states.items()]
    _same(select(url, "select market, state, shard from markets"), states, "market states")
    moves = [(*key, *values) for key, values in expected.moves.items()]
    _same(select(url, f"select {', '.join(MOVE_COLUMNS)} from moves"), moves, "moves")
    keys = [(key, *values) for key, values in expected.keys.items()]
    _same(select(url, "select public_key, account, permissions, created, revoked from api_keys"), keys, "keys")
    last = {block.shard: (block.shard, *block.entry) for block in blocks} or {0: (0, 0, 0)}
    found = select(url, "select shard, entry_ms, entry_seq from log_position order by shard")
    assert found == [last[shard] for shard in sorted(last)]
    return expected


def assert_candles_equal_log(url: str, expected: slow.Tables) -> None:
    columns = "open_ticks, high_ticks, low_ticks, close_ticks, volume_lots, quote_atoms, trades"
    for name in INTERVALS:
        candles = [(*key, *map(int, values)) for key, values in slow.candles(expected.trades, name).items()]
        rows = select(url, f"select market, start, {columns} from candles where interval = {INTERVALS[name].number}")
        found = [(market, start, *map(int, values)) for market, start, *values in rows]
        _same(found, candles, f"candles_{name}")
