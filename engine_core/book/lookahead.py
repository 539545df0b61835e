"""Memory fetched ahead of its use: while one command executes, the cache lines of later ones are on their way.

Memory latency is most of the time that an order takes. A command far ahead names its account and its order: these are
asked for first. Nearer, what those point to: the order's level and neighbours, the page of the price. Hints only: they
change nothing, and a wrong one costs nothing but itself.
"""

import numpy as np

from engine_core.book.accounts import balance_of, open_count_of
from engine_core.book.clients import client_bucket
from engine_core.book.levels import book_of, key_of, page_bucket, page_name
from engine_core.book.records import HAS_CLIENT_ID
from engine_core.book.state import State
from engine_core.jit import hot, index, prefetch, wide
from engine_core.wire.codes import CommandKind
from engine_core.wire.limits import SLOT_BITS

FAR, NEAR = 16, 8  # commands ahead
_SLOT_MASK = (1 << SLOT_BITS) - 1


@hot
def _far(state: State, commands: np.ndarray, i: int) -> None:
    command = commands[index(i)]
    account, market = wide(command["account"]), wide(command["market"])
    if account >= state.accounts.size or market >= state.markets.size:
        return
    prefetch(state.accounts, account)
    prefetch(state.balances, wide(balance_of(state, account, wide(state.markets[index(market)]["base"]))))
    prefetch(state.balances, wide(balance_of(state, account, wide(state.markets[index(market)]["quote"]))))
    prefetch(state.open_counts, wide(open_count_of(state, account, market)))
    if command["flags"] & HAS_CLIENT_ID:
        prefetch(state.client_heads, client_bucket(state, account, wide(command["client_id"])))
    if command["kind"] != CommandKind.PLACE:
        slot = command["order_id"] & _SLOT_MASK
        prefetch(state.orders, slot)
        prefetch(state.info, slot)
        prefetch(state.info, slot + 1)  # a record may lie across two lines


@hot
def _near(state: State, commands: np.ndarray, i: int) -> None:
    command = commands[index(i)]
    account = wide(command["account"])
    if account < state.accounts.size:
        prefetch(state.info, wide(state.accounts[index(account)]["last_order"]))
    if command["kind"] == CommandKind.PLACE:
        book = book_of(wide(command["market"]), wide(command["side"]) - 1)
        if command["price_ticks"] > 0:
            bucket = page_bucket(state, page_name(book, key_of(book, command["price_ticks"])))
            prefetch(state.page_heads, bucket)
        if command["flags"] & HAS_CLIENT_ID:
            entry = wide(state.client_heads[index(client_bucket(state, account, wide(command["client_id"])))])
            prefetch(state.info, max(entry, wide(0)))
            prefetch(state.ended, max(-entry, wide(0)))
        return
    slot = command["order_id"] & _SLOT_MASK
    if slot < state.orders.size:
        order, info = state.orders[index(slot)], state.info[index(slot)]
        prefetch(state.levels, wide(order["level"]))
        prefetch(state.orders, wide(order["next"]))
        prefetch(state.orders, wide(order["prev"]))
        prefetch(state.info, wide(info["account_next"]))
        prefetch(state.info, wide(info["account_prev"]))


@hot
def look_ahead(state: State, commands: np.ndarray, i: int, count: int) -> None:
    """Ask for what the commands after number `i` will touch."""
    if i + FAR < count:
        _far(state, commands, i + FAR)
        _near(state, commands, i + NEAR)
