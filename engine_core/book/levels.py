"""Price levels: found by hash, ordered by a hierarchical bitmap, so memory follows the levels and not the price range.

Each market has four books of levels: bids, asks, and the triggers below and above the last price. Inside one, a
level's `key` puts the best first, the lower the better, whatever the side: asks and triggers above use the price
itself, bids and triggers below its mirror image. So no kernel branches on the side.

    level_heads[hash(book, key)] -> level -> chain -> ...       64 neighbouring prices share a cache line or four
    nodes[hash(book, height, key >> 6 * (height + 1))].bits     which of the 64 children of this node hold levels

A node of height 0 covers 64 prices, of height 1 4,096 and so on up to height 5, the root: 31 bits. Nodes live in one
open hash table with linear probing; a node without children is removed by shifting back what follows, so nothing
ages.

All functions work on any state; none knows of money, accounts or events.
"""

from engine_core.book.state import BOOKS, FREE_LEVEL, LEVELS_HELD, LEVELS_USED, NODES_USED, State
from engine_core.jit import inner, trailing_zeros, wide
from engine_core.wire.limits import MAX_PRICE_TICKS

BIDS, ASKS, BELOW, ABOVE = 0, 1, 2, 3  # the books of a market; odd ones are ordered by price, even ones by its mirror
NO_KEY = MAX_PRICE_TICKS + 1  # best_key of an empty book: behind every limit
ROOT = 5

_M31 = (1 << 31) - 1
_SPREAD = 0x5F356495  # odd, 31 bits: products stay below 2**62


@inner
def book_of(market: int, side: int) -> int:
    return market * BOOKS + side


@inner
def key_of(book: int, price: int) -> int:
    """Price -> key and, the same way, key -> price."""
    return price ^ (((book & 1) - 1) & MAX_PRICE_TICKS)


@inner
def mix(value: int) -> int:
    """38 well mixed bits of a number below 2**62, without leaving int64."""
    folded = (value ^ (value >> 31)) & _M31
    folded = (folded ^ (folded >> 15)) * _SPREAD
    return folded >> 24


@inner
def _level_bucket(state: State, book: int, key: int) -> int:
    page = mix((book << 25) | (key >> 6))
    return ((page << 6) ^ (page >> 32) ^ (key & 63)) & (state.level_heads.size - 1)


@inner
def find_level(state: State, book: int, key: int) -> int:
    """The level of this key, or 0."""
    level = wide(state.level_heads[_level_bucket(state, book, key)])
    while level != 0 and (state.levels[level]["key"] != key or state.levels[level]["book"] != book):
        level = wide(state.levels[level]["chain"])
    return level


@inner
def can_add_level(state: State) -> bool:
    """Whether one more level fits, with all the nodes that it could need."""
    held = state.counters[LEVELS_HELD]
    return bool(held + 1 < state.levels.size and state.counters[NODES_USED] + ROOT + 1 <= state.nodes.size * 7 // 8)


@inner
def _node_name(book: int, height: int, prefix: int) -> int:
    return (((book << 3) | (height + 1)) << 25) | prefix


@inner
def _find_node(state: State, name: int) -> int:
    """Position of the node, or of the empty place where it belongs."""
    mask = state.nodes.size - 1
    at = mix(name) & mask
    while state.nodes[at]["name"] != name and state.nodes[at]["name"] != 0:
        at = (at + 1) & mask
    return at


@inner
def _remove_node(state: State, hole: int) -> None:
    """Close the hole: move back every later node of the run that may not stand beyond it."""
    mask = state.nodes.size - 1
    state.counters[NODES_USED] -= 1
    at = hole
    while True:
        at = (at + 1) & mask
        name = state.nodes[at]["name"]
        if name == 0:
            break
        home = mix(name) & mask
        if ((at - home) & mask) >= ((at - hole) & mask):
            state.nodes[hole]["name"] = name
            state.nodes[hole]["bits"] = state.nodes[at]["bits"]
            hole = at
    state.nodes[hole]["name"] = 0
    state.nodes[hole]["bits"] = 0


@inner
def _mark(state: State, book: int, key: int) -> None:
    child = key
    for height in range(ROOT + 1):
        prefix = child >> 6
        name = _node_name(book, height, prefix)
        at = _find_node(state, name)
        bits = state.nodes[at]["bits"]
        state.nodes[at]["bits"] = bits | (wide(1) << (child & 63))
        if bits != 0:
            return
        state.nodes[at]["name"] = name
        state.counters[NODES_USED] += 1
        child = prefix


@inner
def _unmark(state: State, book: int, key: int) -> None:
    child = key
    for height in range(ROOT + 1):
        prefix = child >> 6
        at = _find_node(state, _node_name(book, height, prefix))
        bits = state.nodes[at]["bits"] & ~(wide(1) << (child & 63))
        state.nodes[at]["bits"] = bits
        if bits != 0:
            return
        _remove_node(state, at)
        child = prefix


@inner
def next_key(state: State, book: int, key: int) -> int:
    """The smallest occupied key above `key` (which may be -1 for the first), or NO_KEY."""
    child = key
    for height in range(ROOT + 1):
        prefix = child >> 6
        if prefix >= 0:
            bits = state.nodes[_find_node(state, _node_name(book, height, prefix))]["bits"] & (wide(-2) << (child & 63))
        else:  # nothing was asked for yet: start from the root
            bits = wide(0)
            if height == ROOT:
                prefix = 0
                bits = state.nodes[_find_node(state, _node_name(book, ROOT, 0))]["bits"]
        if bits != 0:
            found = (prefix << 6) | trailing_zeros(bits)
            for below in range(height - 1, -1, -1):
                bits = state.nodes[_find_node(state, _node_name(book, below, found))]["bits"]
                found = (found << 6) | trailing_zeros(bits)
            return found
        child = prefix
    return NO_KEY


@inner
def add_level(state: State, book: int, key: int) -> int:
    """A new, empty level; the caller has asked can_add_level and puts an order in at once."""
    level = state.counters[FREE_LEVEL]
    if level != 0:
        state.counters[FREE_LEVEL] = state.levels[level]["chain"]
    else:
        state.counters[LEVELS_USED] += 1
        level = state.counters[LEVELS_USED]
    state.counters[LEVELS_HELD] += 1
    bucket = _level_bucket(state, book, key)
    record = state.levels[level]
    record["lots"] = 0
    record["key"] = key
    record["book"] = book
    record["head"] = 0
    record["tail"] = 0
    record["orders"] = 0
    record["chain"] = state.level_heads[bucket]
    state.level_heads[bucket] = level
    _mark(state, book, key)
    state.books[book]["levels"] += 1
    if key < state.books[book]["best_key"]:
        state.books[book]["best_key"] = key
        state.books[book]["best"] = level
    return wide(level)


@inner
def drop_level(state: State, level: int) -> None:
    """Forget an empty level, and find the next best one if it was the best."""
    book = wide(state.levels[level]["book"])
    key = wide(state.levels[level]["key"])
    bucket = _level_bucket(state, book, key)
    at = wide(state.level_heads[bucket])
    if at == level:
        state.level_heads[bucket] = state.levels[level]["chain"]
    else:
        while state.levels[at]["chain"] != level:
            at = wide(state.levels[at]["chain"])
        state.levels[at]["chain"] = state.levels[level]["chain"]
    state.levels[level]["chain"] = state.counters[FREE_LEVEL]
    state.counters[FREE_LEVEL] = level
    state.counters[LEVELS_HELD] -= 1
    state.books[book]["levels"] -= 1
    if key == state.books[book]["best_key"]:
        best_key = next_key(state, book, key)
        state.books[book]["best_key"] = best_key
        state.books[book]["best"] = find_level(state, book, best_key) if best_key != NO_KEY else 0
    _unmark(state, book, key)
