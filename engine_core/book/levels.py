"""Price levels: paged, so that memory follows the levels in use and not the price range.

Each market has four books of levels: bids, asks, and the triggers below and above the last price. Inside one, a level's
`key` puts the best first, the lower the better, whatever the side: asks and triggers above use the price itself, bids
and triggers below its mirror image. So no kernel branches on the side.

    page_heads[hash(book, key >> PAGE_BITS)] -> page -> chain -> ...
        pages[page].bits          which of its neighbouring prices hold a level
        page_levels[page, price]  that level (stale where the bit is clear)
    nodes[hash(book, height, page number >> 6 * height)].bits   which of 64 pages, or of 64 nodes below, are in use

A level knows its page, so a cancel looks nothing up; the next best price is nearly always on the same page. Else the
nodes are climbed: height 1 covers 64 pages, height 2 64 of these, and so on to the root. They live in one open hash
table with linear probing; a node without children is removed by shifting back what follows, so nothing ages.

All functions work on any state; none knows of money, accounts or events.
"""

from engine_core.book.state import (
    BOOKS,
    FREE_LEVEL,
    FREE_PAGE,
    LEVELS_HELD,
    LEVELS_USED,
    NODES_USED,
    PAGE_BITS,
    PAGES_HELD,
    PAGES_USED,
    State,
)
from engine_core.jit import inner, trailing_zeros, wide
from engine_core.wire.limits import MAX_PRICE_TICKS

BIDS, ASKS, BELOW, ABOVE = 0, 1, 2, 3  # the books of a market; odd ones are ordered by price, even ones by its mirror
NO_KEY = MAX_PRICE_TICKS + 1  # best_key of an empty book: behind every limit
ROOT = (31 - PAGE_BITS + 5) // 6  # height of the topmost node

_M31 = (1 << 31) - 1
_SPREAD = 0x5F356495  # odd, 31 bits: products stay below 2**62
_IN_PAGE = (1 << PAGE_BITS) - 1
_PAGE_NUMBERS = 31 - PAGE_BITS  # bits of a page's number


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
def page_bucket(state: State, name: int) -> int:
    return mix(name) & (state.page_heads.size - 1)


@inner
def page_name(book: int, key: int) -> int:
    return (book << _PAGE_NUMBERS) | (key >> PAGE_BITS)


@inner
def _find_page(state: State, name: int) -> int:
    page = wide(state.page_heads[page_bucket(state, name)])
    while page != 0 and state.pages[page]["name"] != name:
        page = wide(state.pages[page]["chain"])
    return page


@inner
def find_level(state: State, book: int, key: int) -> int:
    """The level of this key, or 0."""
    page = _find_page(state, page_name(book, key))
    if page == 0 or (state.pages[page]["bits"] >> (key & _IN_PAGE)) & 1 == 0:
        return wide(0)
    return wide(state.page_levels[(page << PAGE_BITS) | (key & _IN_PAGE)])


@inner
def can_add_level(state: State) -> bool:
    """Whether one more level fits, with the page and all the nodes that it could need."""
    return bool(
        state.counters[LEVELS_HELD] + 1 < state.levels.size
        and state.counters[PAGES_HELD] + 1 < state.pages.size
        and state.counters[NODES_USED] + ROOT <= state.nodes.size * 7 // 8
    )


@inner
def _node_name(book: int, height: int, prefix: int) -> int:
    return (((book << 3) | height) << 25) | prefix


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
def _mark(state: State, book: int, number: int) -> None:
    """Page `number` of the book is in use."""
    for height in range(1, ROOT + 1):
        name = _node_name(book, height, number >> 6)
        at = _find_node(state, name)
        bits = state.nodes[at]["bits"]
        state.nodes[at]["bits"] = bits | (wide(1) << (number & 63))
        if bits != 0:
            return
        state.nodes[at]["name"] = name
        state.counters[NODES_USED] += 1
        number >>= 6


@inner
def _unmark(state: State, book: int, number: int) -> None:
    for height in range(1, ROOT + 1):
        at = _find_node(state, _node_name(book, height, number >> 6))
        bits = state.nodes[at]["bits"] & ~(wide(1) << (number & 63))
        state.nodes[at]["bits"] = bits
        if bits != 0:
            return
        _remove_node(state, at)
        number >>= 6


@inner
def _next_page(state: State, book: int, number: int) -> int:
    """The next used page number above `number`, or -1."""
    for height in range(1, ROOT + 1):
        prefix = number >> 6
        at = _find_node(state, _node_name(book, height, prefix))
        bits = state.nodes[at]["bits"] & (wide(-2) << (number & 63))
        if bits != 0:
            found = (prefix << 6) | trailing_zeros(bits)
            for below in range(height - 1, 0, -1):
                bits = state.nodes[_find_node(state, _node_name(book, below, found))]["bits"]
                found = (found << 6) | trailing_zeros(bits)
            return found
        number = prefix
    return wide(-1)


@inner
def next_level(state: State, level: int) -> int:
    """The level that comes after this one in its book, or 0. (The level itself may be empty already.)"""
    record = state.levels[level]
    page, key = wide(record["page"]), wide(record["key"])
    bits = state.pages[page]["bits"] & (wide(-2) << (key & _IN_PAGE))
    if bits == 0:
        book = wide(record["book"])
        number = _next_page(state, book, key >> PAGE_BITS)
        if number < 0:
            return wide(0)
        page = _find_page(state, (book << _PAGE_NUMBERS) | number)
        bits = state.pages[page]["bits"]
    return wide(state.page_levels[(page << PAGE_BITS) | trailing_zeros(bits)])


@inner
def _add_page(state: State, book: int, name: int, number: int) -> int:
    page = state.counters[FREE_PAGE]
    if page != 0:
        state.counters[FREE_PAGE] = state.pages[page]["chain"]
    else:
        state.counters[PAGES_USED] += 1
        page = state.counters[PAGES_USED]
    state.counters[PAGES_HELD] += 1
    bucket = page_bucket(state, name)
    record = state.pages[page]
    record["name"] = name
    record["bits"] = 0
    record["chain"] = state.page_heads[bucket]
    state.page_heads[bucket] = page
    _mark(state, book, number)
    return wide(page)


@inner
def _drop_page(state: State, book: int, page: int) -> None:
    name = wide(state.pages[page]["name"])
    bucket = page_bucket(state, name)
    at = wide(state.page_heads[bucket])
    if at == page:
        state.page_heads[bucket] = state.pages[page]["chain"]
    else:
        while state.pages[at]["chain"] != page:
            at = wide(state.pages[at]["chain"])
        state.pages[at]["chain"] = state.pages[page]["chain"]
    state.pages[page]["chain"] = state.counters[FREE_PAGE]
    state.counters[FREE_PAGE] = page
    state.counters[PAGES_HELD] -= 1
    _unmark(state, book, name & ((1 << _PAGE_NUMBERS) - 1))


@inner
def _add_level(state: State, book: int, key: int, page: int) -> int:
    level = state.counters[FREE_LEVEL]
    if level != 0:
        state.counters[FREE_LEVEL] = state.levels[level]["page"]
    else:
        state.counters[LEVELS_USED] += 1
        level = state.counters[LEVELS_USED]
    state.counters[LEVELS_HELD] += 1
    record = state.levels[level]
    record["lots"] = 0
    record["key"] = key
    record["book"] = book
    record["head"] = 0
    record["tail"] = 0
    record["orders"] = 0
    record["page"] = page
    state.pages[page]["bits"] |= wide(1) << (key & _IN_PAGE)
    state.page_levels[(page << PAGE_BITS) | (key & _IN_PAGE)] = level
    state.books[book]["levels"] += 1
    if key < state.books[book]["best_key"]:
        state.books[book]["best_key"] = key
        state.books[book]["best"] = level
    return wide(level)


@inner
def level_at(state: State, book: int, key: int) -> int:
    """The level of this key, new if need be: the caller has asked can_add_level, and puts an order in at once."""
    name = page_name(book, key)
    page = _find_page(state, name)
    if page == 0:
        page = _add_page(state, book, name, key >> PAGE_BITS)
    elif (state.pages[page]["bits"] >> (key & _IN_PAGE)) & 1:
        return wide(state.page_levels[(page << PAGE_BITS) | (key & _IN_PAGE)])
    return _add_level(state, book, key, page)


@inner
def drop_level(state: State, level: int) -> None:
    """Forget an empty level, and find the next best one if it was the best."""
    record = state.levels[level]
    book, key, page = wide(record["book"]), wide(record["key"]), wide(record["page"])
    if key == state.books[book]["best_key"]:
        best = next_level(state, level)
        state.books[book]["best"] = best
        state.books[book]["best_key"] = state.levels[best]["key"] if best != 0 else NO_KEY
    state.books[book]["levels"] -= 1
    bits = state.pages[page]["bits"] & ~(wide(1) << (key & _IN_PAGE))
    state.pages[page]["bits"] = bits
    if bits == 0:
        _drop_page(state, book, page)
    record["page"] = state.counters[FREE_LEVEL]
    state.counters[FREE_LEVEL] = level
    state.counters[LEVELS_HELD] -= 1
