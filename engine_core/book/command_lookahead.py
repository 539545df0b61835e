"""Memory fetched ahead of its use, for the whole engine: see lookahead.py.

A command far ahead names its account, its price, and its order if there is one: these are asked for first. Nearer, what
those point to, step by step: the order's neighbours and level, the page of the price, the level there. No branch
depends on what kind of command it is: one that is guessed wrong costs more than asking for a line in vain.
"""

import numpy as np

from engine_core.book.accounts import balance_of, open_count_of
from engine_core.book.clients import client_bucket
from engine_core.book.levels import book_of, key_of, page_bucket, page_name, place_of
from engine_core.book.records import HAS_CLIENT_ID
from engine_core.book.state import FREE_ORDERS, State
from engine_core.jit import hot, index, prefetch, wide
from engine_core.wire.limits import MAX_PRICE_TICKS, SLOT_BITS

FAR, NEAR, NEARER = 16, 8, 4  # commands ahead
_SLOT_MASK = (1 << SLOT_BITS) - 1


@hot
def _price_of(commands: np.ndarray, i: int) -> tuple[int, int]:
    """(book, key) of a PLACE; of anything else, some pair that is as good as another."""
    command = commands[index(i)]
    book = book_of(wide(command["market"]), wide(command["side"]) - 1)
    return book, key_of(book, command["price_ticks"] & MAX_PRICE_TICKS)


@hot
def _fetch_info(state: State, slot: int) -> None:
    prefetch(state.info, slot)
    prefetch(state.info, min(slot + 1, state.info.size - 1))  # a record may lie across two lines


@hot
def _far(state: State, commands: np.ndarray, i: int) -> None:
    command = commands[index(i)]
    account = min(wide(command["account"]), state.accounts.size - 1)
    market = min(wide(command["market"]), state.markets.size - 1)
    slot = min(command["order_id"] & _SLOT_MASK, state.orders.size - 1)
    prefetch(state.orders, slot)
    _fetch_info(state, slot)
    prefetch(state.accounts, account)
    prefetch(state.balances, wide(balance_of(state, account, wide(state.markets[index(market)]["base"]))))
    prefetch(state.balances, wide(balance_of(state, account, wide(state.markets[index(market)]["quote"]))))
    prefetch(state.open_counts, wide(open_count_of(state, account, market)))
    is_named = (wide(command["flags"]) & HAS_CLIENT_ID) // HAS_CLIENT_ID
    prefetch(state.client_heads, is_named * client_bucket(state, account, wide(command["client_id"])))
    book, key = _price_of(commands, i)
    prefetch(state.page_heads, page_bucket(state, page_name(book, key)))


@hot
def _near(state: State, commands: np.ndarray, i: int) -> None:
    command = commands[index(i)]
    account = min(wide(command["account"]), state.accounts.size - 1)
    slot = min(command["order_id"] & _SLOT_MASK, state.orders.size - 1)
    order, info = state.orders[index(slot)], state.info[index(slot)]
    prefetch(state.levels, wide(order["level"]))
    prefetch(state.orders, wide(order["next"]))
    prefetch(state.orders, wide(order["prev"]))
    prefetch(state.info, wide(info["account_next"]))
    prefetch(state.info, max(wide(info["account_prev"]), 0))
    prefetch(state.info, wide(state.accounts[index(account)]["last_order"]))
    book, key = _price_of(commands, i)
    page = wide(state.page_heads[index(page_bucket(state, page_name(book, key)))])
    prefetch(state.pages, page)
    prefetch(state.page_levels, wide(place_of(page, key)))


@hot
def _nearer(state: State, commands: np.ndarray, i: int) -> None:
    book, key = _price_of(commands, i)
    page = wide(state.page_heads[index(page_bucket(state, page_name(book, key)))])
    prefetch(state.levels, wide(state.page_levels[place_of(page, key)]))
    free = wide(state.free_orders[index(max(state.counters[FREE_ORDERS] - NEARER, 0))])  # the slots of new orders
    prefetch(state.orders, free)
    _fetch_info(state, free)


@hot
def look_ahead(state: State, commands: np.ndarray, i: int, count: int) -> None:
    """Ask for what the commands after number `i` will touch."""
    if i + FAR < count:
        _far(state, commands, i + FAR)
        _near(state, commands, i + NEAR)
        _nearer(state, commands, i + NEARER)
