"""A state with larger capacities: what CAPACITY in the log does, after [capacity] was raised.

Records keep their numbers, so most arrays only get longer. Tables of two dimensions are laid out again, and hash tables
filled again in the order of the old chains, whose entries stay together because sizes are powers of two. Slow and
plain, because it is rare. Non-goals: making anything smaller, which could have to throw something away.
"""

from collections import defaultdict
from collections.abc import Iterable
from operator import le
from typing import Any

import numpy as np

from engine_core.book.ladder.bitmap import CHILD_BITS, PAGE_NUMBERS, ROOT, find_node, node_name
from engine_core.book.ladder.levels import page_bucket
from engine_core.book.ledger.client_ids import client_bucket
from engine_core.book.ledger.keys import key_bucket
from engine_core.book.ledger.references import reference_bucket
from engine_core.book.ledger.shares import recount
from engine_core.book.memory.records import LINK_RECORD
from engine_core.book.memory.state import (
    FREE_ORDERS,
    NODES_USED,
    PAGES_USED,
    Capacities,
    State,
    capacities_of,
    new_state,
)
from engine_core.jit.by_reference import by_reference
from engine_core.jit.huge_pages import zeros
from engine_core.jit.kernel import entry
from engine_core.jit.rows import rows

_node_name: Any = getattr(node_name, "py_func", node_name)
_LONGER = (
    *("orders", "info", "terms", "levels", "pages", "page_levels", "books", "markets", "fees", "assets", "accounts"),
    *("ended", "keys", "references", "links", "timers", "timer_heap", "gateways", "walked", "scalars"),
)


def resized(state: State, new: Capacities) -> State:
    """The state itself if its capacities are these, else a larger copy of it. None may be smaller."""
    old = capacities_of(state)
    if old == new:
        return state
    if old._replace(links=new.links) == new:
        return _with_links(state, new)
    result = new_state(new)
    assert all(map(le, old[:-1], new[:-1])) and len(result.pages) >= len(state.pages), "capacities can only be raised"
    for name in _LONGER:
        getattr(result, name)[: len(getattr(state, name))] = getattr(state, name)
    more = new.orders - old.orders
    height = int(state.scalars[FREE_ORDERS])
    result.free_orders[more : more + height] = state.free_orders[:height]
    result.scalars[FREE_ORDERS] = more + height
    for name, wide in (("balances", "assets"), ("open_counts", "markets")):
        source = getattr(state, name).reshape(len(state.accounts), len(getattr(state, wide)))
        target = getattr(result, name).reshape(len(result.accounts), len(getattr(result, wide)))
        target[: source.shape[0], : source.shape[1]] = source
    _nodes(state, result)
    _pages(state, result)
    _clients(state, result)
    _keys(state, result)
    _references(state, result)
    recount(result)
    return result


def _with_links(state: State, new: Capacities) -> State:
    """A shard was added: what can be made larger without a copy of everything else, while the market goes on."""
    limits, links = zeros(len(new), np.int64), zeros(new.links + 1, LINK_RECORD)
    assert len(links) >= len(state.links), "capacities can only be raised"
    limits[:] = new
    links[: len(state.links)] = state.links
    return state._replace(limits=limits, links=links)


@entry
def _put_nodes(state: State, nodes: np.ndarray) -> None:
    """Nodes that the table does not have yet."""
    state, new = by_reference(state), rows(nodes)
    for number in range(new.size):
        node = state.nodes[find_node(state, new[number].name)]
        node.name = new[number].name
        node.bits = new[number].bits


def _nodes(state: State, result: State) -> None:
    _put_nodes(result, state.nodes[state.nodes["name"] != 0])


def rebuild_nodes(state: State) -> None:
    """The bitmaps above the pages from the pages alone: without nodes that are empty, and the same in every state that
    has the same prices."""
    bits: defaultdict[int, int] = defaultdict(int)
    for page in state.pages[: int(state.scalars[PAGES_USED]) + 1]:
        page["node"] = 0
        book, number = divmod(int(page["name"]), 1 << PAGE_NUMBERS)
        for height in range(1, ROOT + 1) if page["bits"] else ():
            bits[int(_node_name(book, height, number >> CHILD_BITS))] |= 1 << number % (1 << CHILD_BITS)
            number >>= CHILD_BITS
    nodes = np.zeros(len(bits), state.nodes.dtype)
    nodes["name"] = sorted(bits)
    nodes["bits"] = [bits[name] - (bits[name] >> 63 << 64) for name in nodes["name"].tolist()]  # as int64
    state.nodes[state.nodes["name"] != 0] = np.zeros((), state.nodes.dtype)
    _put_nodes(state, nodes)
    state.scalars[NODES_USED] = len(nodes)


def rehash(state: State) -> None:
    """Of a state that another hash function made: pages and nodes go where this code looks for them."""
    nodes = state.nodes[state.nodes["name"] != 0]
    state.nodes[state.nodes["name"] != 0] = np.zeros((), state.nodes.dtype)
    state.pages["node"] = 0
    _put_nodes(state, nodes)
    rebuild_pages(state)


def rebuild_pages(state: State) -> None:
    """The hash table of the pages, from the pages alone."""
    state.page_heads[:] = 0
    pages = range(1, int(state.scalars[PAGES_USED]) + 1)
    _link(state.page_heads, pages, _page_buckets, state, state.pages["chain"])


@entry
def _page_buckets(state: State, pages: np.ndarray, buckets: np.ndarray) -> None:
    state, out, entries = by_reference(state), rows(buckets), rows(pages)
    for at in range(entries.size):
        out[at] = page_bucket(state, state.pages[entries[at]].name)


@entry
def _client_buckets(state: State, clients: np.ndarray, buckets: np.ndarray) -> None:
    """Of slots of open orders, and of ended orders as negative numbers."""
    state, out, entries = by_reference(state), rows(buckets), rows(clients)
    for at in range(entries.size):
        number = entries[at]
        if number > 0:
            out[at] = client_bucket(state, state.orders[number].account, state.info[number].client_id)
        else:
            out[at] = client_bucket(state, state.ended[-number].account, state.ended[-number].client_id)


@entry
def _key_buckets(state: State, keys: np.ndarray, buckets: np.ndarray) -> None:
    state, out, entries = by_reference(state), rows(buckets), rows(keys)
    for at in range(entries.size):
        key = state.keys[entries[at]]
        out[at] = key_bucket(state, key.a, key.c)


@entry
def _reference_buckets(state: State, references: np.ndarray, buckets: np.ndarray) -> None:
    state, out, entries = by_reference(state), rows(buckets), rows(references)
    for at in range(entries.size):
        known = state.references[entries[at]]
        out[at] = reference_bucket(state, known.scope, known.direction, known.reference)


def _link(heads: np.ndarray, entries: Iterable[int], buckets_of: Any, state: State, chain: Any) -> None:
    """Put entries, given from the end of their chains, at the head of their buckets; `chain[entry]` is who follows."""
    numbers = np.array(list(entries), np.int64)
    buckets = np.zeros(len(numbers), np.int64)
    buckets_of(state, numbers, buckets)
    for number, bucket in zip(numbers.tolist(), buckets.tolist(), strict=True):
        chain[number] = int(heads[bucket])
        heads[bucket] = number


def _entries(heads: np.ndarray, following: "dict[int, int] | np.ndarray") -> list[int]:
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
    pages = _entries(state.page_heads, state.pages["chain"])
    _link(result.page_heads, pages, _page_buckets, result, result.pages["chain"])


def _keys(state: State, result: State) -> None:
    keys = _entries(state.key_heads, state.keys["chain"])
    _link(result.key_heads, keys, _key_buckets, result, result.keys["chain"])


def _references(state: State, result: State) -> None:
    references = _entries(state.reference_heads, state.references["chain"])
    _link(result.reference_heads, references, _reference_buckets, result, result.references["chain"])


def _clients(state: State, result: State) -> None:
    """Positive entries are slots of open orders, negative ones ended orders."""
    following = {slot: int(chain) for slot, chain in enumerate(state.info["client_chain"].tolist())}
    following |= {-number: int(chain) for number, chain in enumerate(state.ended["client_chain"].tolist()) if number}
    chains: dict[int, int] = {}
    _link(result.client_heads, _entries(state.client_heads, following), _client_buckets, result, chains)
    for number, after in chains.items():
        if number > 0:
            result.info[number]["client_chain"] = after
        else:
            result.ended[-number]["client_chain"] = after
