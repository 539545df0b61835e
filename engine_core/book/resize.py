"""A state with larger capacities: what CAPACITY in the log does, after [capacity] was raised.

Records keep their numbers, so most arrays only get longer. Tables of two dimensions are laid out anew, hash tables are
filled anew: in the order of the old chains, whose entries stay together because sizes are powers of two. Slow and
plain, because it is rare. Non-goals: making anything smaller, which could have to throw something away.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from operator import le
from typing import Any

import numpy as np

from engine_core.book.ladder.bitmap import PAGE_NUMBERS, ROOT, mix, node_name
from engine_core.book.ledger.shares import recount
from engine_core.book.memory.state import (
    FREE_ORDERS,
    NODES_USED,
    PAGES_USED,
    Capacities,
    State,
    capacities_of,
    new_state,
)
from engine_core.jit.intrinsics import plain_mixed

_mix: Any = getattr(mix, "py_func", mix)  # for numbers, and for whole arrays of them
_node_name: Any = getattr(node_name, "py_func", node_name)
_M61 = (1 << 61) - 1
_LONGER = (
    *("orders", "info", "terms", "levels", "pages", "page_levels", "books", "markets", "fees", "assets", "accounts"),
    *("ended", "keys", "references", "timers", "timer_heap", "gateways", "walked", "counters"),
)


def resized(state: State, new: Capacities) -> State:
    """The state itself if its capacities are these, else a larger copy of it. None may be smaller."""
    old = capacities_of(state)
    if old == new:
        return state
    result = new_state(new)
    assert all(map(le, old[:-1], new[:-1])) and len(result.pages) >= len(state.pages), "capacities can only be raised"
    for name in _LONGER:
        getattr(result, name)[: len(getattr(state, name))] = getattr(state, name)
    more = new.orders - old.orders
    height = int(state.counters[FREE_ORDERS])
    result.free_orders[more : more + height] = state.free_orders[:height]
    result.counters[FREE_ORDERS] = more + height
    for name, wide in (("balances", "assets"), ("open_counts", "markets")):
        source = getattr(state, name).reshape(len(state.accounts), len(getattr(state, wide)))
        target = getattr(result, name).reshape(len(result.accounts), len(getattr(result, wide)))
        target[: source.shape[0], : source.shape[1]] = source
    _nodes(state, result)
    _pages(state, result)
    _clients(state, result)
    _numbered(state, result, "keys", "key_heads", _of_keys)
    _numbered(state, result, "references", "reference_heads", _of_references)
    recount(result)
    return result


def _nodes(state: State, result: State) -> None:
    for node in state.nodes[state.nodes["name"] != 0]:
        _put_node(result, int(node["name"]), int(node["bits"]))


def _put_node(state: State, name: int, bits: int) -> None:
    mask = len(state.nodes) - 1
    at = int(_mix(name)) & mask
    while state.nodes[at]["name"]:
        at = (at + 1) & mask
    state.nodes[at]["name"], state.nodes[at]["bits"] = name, bits


def rebuild_nodes(state: State) -> None:
    """The bitmaps above the pages from the pages alone: without nodes that are empty, and the same in every state that
    has the same prices."""
    bits: defaultdict[int, int] = defaultdict(int)
    for page in state.pages[: int(state.counters[PAGES_USED]) + 1]:
        page["node"] = 0
        book, number = divmod(int(page["name"]), 1 << PAGE_NUMBERS)
        for height in range(1, ROOT + 1) if page["bits"] else ():
            bits[int(_node_name(book, height, number >> 6))] |= 1 << (number & 63)
            number >>= 6
    state.nodes[state.nodes["name"] != 0] = np.zeros((), state.nodes.dtype)
    for name in sorted(bits):
        _put_node(state, name, bits[name] - (bits[name] >> 63 << 64))  # as int64
    state.counters[NODES_USED] = len(bits)


def rebuild_pages(state: State) -> None:
    """The hash table of the pages, from the pages alone."""
    state.page_heads[:] = 0
    mask = len(state.page_heads) - 1
    for page in range(1, int(state.counters[PAGES_USED]) + 1):
        bucket = int(_mix(int(state.pages[page]["name"]))) & mask
        state.pages[page]["chain"] = state.page_heads[bucket]
        state.page_heads[bucket] = page


def _chain(heads: np.ndarray, entries: Iterable[int], buckets: Iterable[int], link: "dict[int, int]") -> None:
    """Put entries, given from the end of their chains, at the head of their buckets; `link` notes who follows."""
    for entry, bucket in zip(entries, buckets, strict=True):
        link[entry] = int(heads[bucket])
        heads[bucket] = entry


def _walk(heads: np.ndarray, following: "dict[int, int] | np.ndarray") -> list[int]:
    """All entries of all chains, each chain from its end."""
    entries: list[int] = []
    for head in heads[heads != 0].tolist():
        chain = []
        while head:
            chain.append(head)
            head = int(following[head])
        entries += reversed(chain)
    return entries


def _pages(state: State, result: State) -> None:
    pages = _walk(state.page_heads, state.pages["chain"])
    link: dict[int, int] = {}
    mask = len(result.page_heads) - 1
    _chain(result.page_heads, pages, (int(_mix(int(state.pages[page]["name"]))) & mask for page in pages), link)
    for page, following in link.items():
        result.pages[page]["chain"] = following


def _clients(state: State, result: State) -> None:
    """Positive entries are slots of open orders, negative ones ended orders."""
    following = {slot: int(chain) for slot, chain in enumerate(state.info["client_chain"].tolist())}
    following |= {-number: int(chain) for number, chain in enumerate(state.ended["client_chain"].tolist()) if number}
    entries = _walk(state.client_heads, following)
    mask = len(result.client_heads) - 1

    def bucket(entry: int) -> int:
        if entry > 0:
            account, client = int(state.orders[entry]["account"]), int(state.info[entry]["client_id"])
        else:
            account, client = int(state.ended[-entry]["account"]), int(state.ended[-entry]["client_id"])
        return plain_mixed((account << 32) ^ client) & mask

    link: dict[int, int] = {}
    _chain(result.client_heads, entries, (bucket(entry) for entry in entries), link)
    for entry, after in link.items():
        if entry > 0:
            result.info[entry]["client_chain"] = after
        else:
            result.ended[-entry]["client_chain"] = after


def _numbered(state: State, result: State, records: str, heads: str, named: Callable[[np.ndarray], np.ndarray]) -> None:
    """A table whose records are found by what `named` says of them."""
    entries = _walk(getattr(state, heads), getattr(state, records)["chain"])
    table, link = getattr(result, records), dict[int, int]()
    new_heads = getattr(result, heads)
    buckets = np.asarray(_mix(named(table[entries]))) & (len(new_heads) - 1) if entries else np.zeros(0, np.int64)
    _chain(new_heads, entries, buckets.tolist(), link)
    for number, after in link.items():
        table[number]["chain"] = after


def _of_keys(keys: np.ndarray) -> np.ndarray:
    named: np.ndarray = (keys["a"] ^ (keys["c"] >> 3)) & _M61
    return named


def _of_references(references: np.ndarray) -> np.ndarray:
    scope, direction = references["scope"].astype(np.int64) << 33, references["direction"].astype(np.int64) << 59
    named: np.ndarray = ((references["reference"] & _M61) ^ scope ^ direction) & _M61
    return named
