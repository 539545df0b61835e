"""Price levels: paged, so that memory follows the levels in use and not the price range.

Each market has four books of levels: bids, asks, and the triggers below and above the last price. Inside one, a level's
`key` puts the best first, the lower the better, whatever the side: asks and triggers above use the price itself, bids
and triggers below its mirror image. So no kernel branches on the side.

    page_heads[hash(book, key >> PAGE_BITS)] -> page -> chain -> ...
        pages[page].bits          which of its neighbouring prices hold a level
        page_levels[page, price]  that level (stale where the bit is clear)
    nodes[hash(book, height, page number >> 6 * height)].bits   which of 64 pages, or of 64 nodes below, are in use

A level knows its page, so a cancel looks nothing up. When the best level goes, the one that was best before it came
is next, if nothing has come between (`second`); else the next price on the same page; else the nodes are climbed:
height 1 covers 64 pages, height 2 64 of these, and so on to the root. They live in one open hash table with linear
probing, where a node is removed by shifting back what follows, so nothing ages.

Most prices come back. So a page that empties stays where it is, until its memory is wanted for other prices; and a node
that loses its last child stays until a search runs into it, or until a page of its prices goes. A price that walks far
takes its pages along, and each step costs the same.

All functions work on any state; none knows of money, accounts or events.
"""

from engine_core.book.records import NO_PAGE_BELOW
from engine_core.book.state import (
    BOOKS,
    FREE_LEVEL,
    LEVELS_HELD,
    LEVELS_USED,
    NODES_USED,
    PAGE_BITS,
    PAGES_LIVE,
    PAGES_USED,
    SPARE_PAGE,
    State,
)
from engine_core.jit import hot, index, inner, trailing_zeros, wide
from engine_core.wire.limits import MAX_PRICE_TICKS

BIDS, ASKS, BELOW, ABOVE = 0, 1, 2, 3  # the books of a market; odd ones are ordered by price, even ones by its mirror
NO_KEY = MAX_PRICE_TICKS + 1  # best_key of an empty book: behind every limit
ROOT = (31 - PAGE_BITS + 5) // 6  # height of the topmost node

_M31 = (1 << 31) - 1
_SPREAD = 0x5F356495  # odd, 31 bits: products stay below 2**62
_IN_PAGE = (1 << PAGE_BITS) - 1
_PAGE_NUMBERS = 31 - PAGE_BITS  # bits of a page's number


@hot
def book_of(market: int, side: int) -> int:
    return market * BOOKS + side


@hot
def key_of(book: int, price: int) -> int:
    """Price -> key and, the same way, key -> price."""
    return price ^ (((book & 1) - 1) & MAX_PRICE_TICKS)


@hot
def mix(value: int) -> int:
    """38 well mixed bits of a number below 2**62, without leaving int64."""
    folded = (value ^ (value >> 31)) & _M31
    folded = (folded ^ (folded >> 15)) * _SPREAD
    return folded >> 24


@hot
def page_bucket(state: State, name: int) -> int:
    return mix(name) & (state.page_heads.size - 1)


@hot
def page_name(book: int, key: int) -> int:
    return (book << _PAGE_NUMBERS) | (key >> PAGE_BITS)


@hot
def place_of(page: int, key: int) -> int:
    """Position in state.page_levels."""
    return index((page << PAGE_BITS) | (key & _IN_PAGE))


@hot
def _find_page(state: State, name: int) -> int:
    page = state.page_heads[index(page_bucket(state, name))]
    while page != 0 and state.pages[page]["name"] != name:
        page = state.pages[page]["chain"]
    return wide(page)


@hot
def find_level(state: State, book: int, key: int) -> int:
    """The level of this key, or 0."""
    page = _find_page(state, page_name(book, key))
    if page == 0 or (state.pages[index(page)]["bits"] >> (key & _IN_PAGE)) & 1 == 0:
        return wide(0)
    return wide(state.page_levels[place_of(page, key)])


@hot
def can_add_level(state: State) -> bool:
    """Whether one more level fits, with the page that it could need."""
    return bool(
        state.counters[LEVELS_HELD] + 1 < state.levels.size and state.counters[PAGES_LIVE] + 1 < state.pages.size
    )


@hot
def _node_name(book: int, height: int, prefix: int) -> int:
    return (((book << 3) | height) << 25) | prefix


@hot
def node_home(state: State, book: int, number: int) -> int:
    """Where the search for the node above a page begins."""
    return mix(_node_name(book, 1, number >> 6)) & (state.nodes.size - 1)


@hot
def _find_node(state: State, name: int) -> int:
    """Position of the node, or of the empty place where it belongs."""
    mask = state.nodes.size - 1
    at = mix(name) & mask
    while state.nodes[index(at)]["name"] != name and state.nodes[index(at)]["name"] != 0:
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


@hot
def _node_above(state: State, page: int, book: int, number: int) -> int:
    """Position of the node above a page, or of the empty place where it belongs: mostly where it was last seen."""
    name = _node_name(book, 1, number >> 6)
    at = wide(state.pages[index(page)]["node"])
    if state.nodes[index(at)]["name"] != name:
        at = _find_node(state, name)
        state.pages[index(page)]["node"] = at
    return at


@hot
def _mark_page(state: State, page: int, book: int, number: int) -> None:
    """The page holds levels. (A node that exists, even an empty one, is known to the node above it.)"""
    at = index(_node_above(state, page, book, number))
    state.nodes[at]["bits"] |= wide(1) << (number & 63)
    if state.nodes[at]["name"] == 0:
        state.nodes[at]["name"] = _node_name(book, 1, number >> 6)
        state.counters[NODES_USED] += 1
        _mark(state, book, number >> 6)


@hot
def _unmark_page(state: State, page: int, book: int, number: int) -> None:
    """The page holds no levels any more. Its node stays."""
    state.nodes[index(_node_above(state, page, book, number))]["bits"] &= ~(wide(1) << (number & 63))


@inner
def _mark(state: State, book: int, number: int) -> None:
    """Node `number` of height 1 exists."""
    for height in range(2, ROOT + 1):
        name = _node_name(book, height, number >> 6)
        at = index(_find_node(state, name))
        state.nodes[at]["bits"] |= wide(1) << (number & 63)
        if state.nodes[at]["name"] != 0:
            return
        state.nodes[at]["name"] = name
        state.counters[NODES_USED] += 1
        number >>= 6


@inner
def _unmark(state: State, book: int, height: int, number: int) -> int:
    """Child `number` of a node of this height is not in use any more. The node stays. Returns the node's position."""
    at = _find_node(state, _node_name(book, height, number >> 6))
    state.nodes[index(at)]["bits"] &= ~(wide(1) << (number & 63))
    return at


@inner
def _remove_if_empty(state: State, book: int, height: int, prefix: int) -> None:
    """Remove this node if it has no children, and then those above it that it leaves without any."""
    while height <= ROOT:
        at = _find_node(state, _node_name(book, height, prefix))
        if state.nodes[at]["name"] == 0 or state.nodes[at]["bits"] != 0:
            return
        _remove_node(state, at)
        height += 1
        if height <= ROOT:
            _unmark(state, book, height, prefix)
            prefix >>= 6


@inner
def _descend(state: State, book: int, height: int, number: int) -> int:
    """The first page below child `number` of a node of this height, or -1: then that child was empty, and is
    removed."""
    for below in range(height - 1, 0, -1):
        bits = state.nodes[_find_node(state, _node_name(book, below, number))]["bits"]
        if bits == 0:
            _remove_if_empty(state, book, below, number)
            return wide(-1)
        number = (number << 6) | trailing_zeros(bits)
    return number


@inner
def _next_page(state: State, page: int, book: int, number: int) -> int:
    """The number of the next page that holds levels, or -1."""
    bits = state.nodes[index(_node_above(state, page, book, number))]["bits"] & (wide(-2) << (number & 63))
    if bits != 0:
        return ((number >> 6) << 6) | trailing_zeros(bits)
    number >>= 6
    height = 2
    while height <= ROOT:
        at = _find_node(state, _node_name(book, height, number >> 6))
        bits = state.nodes[index(at)]["bits"] & (wide(-2) << (number & 63))
        if bits == 0:
            number >>= 6
            height += 1
            continue
        found = _descend(state, book, height, ((number >> 6) << 6) | trailing_zeros(bits))
        if found >= 0:
            return found
    return wide(-1)


@hot
def next_level(state: State, level: int) -> int:
    """The level that comes after this one in its book, or 0. (The level itself may be empty already.)"""
    record = state.levels[index(level)]
    page, key = wide(record["page"]), wide(record["key"])
    bits = state.pages[index(page)]["bits"] & (wide(-2) << (key & _IN_PAGE))
    if bits == 0:
        book = wide(record["book"])
        number = _next_page(state, page, book, key >> PAGE_BITS)
        if number < 0:
            return wide(0)
        page = _find_page(state, (book << _PAGE_NUMBERS) | number)
        bits = state.pages[index(page)]["bits"]
    return wide(state.page_levels[place_of(page, trailing_zeros(bits))])


@inner
def _reclaim_page(state: State) -> int:
    """A page that is empty, taken from its prices. The caller knows that there is one."""
    while True:
        page = state.counters[SPARE_PAGE]
        record = state.pages[page]
        below = wide(record["spare"])
        state.counters[SPARE_PAGE] = below if below != NO_PAGE_BELOW else 0
        record["spare"] = 0
        if record["bits"] == 0:
            break
    name = wide(record["name"])
    bucket = page_bucket(state, name)
    at = wide(state.page_heads[bucket])
    if at == page:
        state.page_heads[bucket] = record["chain"]
    else:
        while state.pages[at]["chain"] != page:
            at = wide(state.pages[at]["chain"])
        state.pages[at]["chain"] = record["chain"]
    _remove_if_empty(state, name >> _PAGE_NUMBERS, wide(1), (name & ((1 << _PAGE_NUMBERS) - 1)) >> 6)
    return wide(page)


@inner
def _add_page(state: State, name: int) -> int:
    """An empty page for these prices."""
    if state.counters[PAGES_USED] + 1 < state.pages.size:
        state.counters[PAGES_USED] += 1
        page = wide(state.counters[PAGES_USED])
    else:
        page = _reclaim_page(state)
    bucket = page_bucket(state, name)
    record = state.pages[page]
    record["name"] = name
    record["chain"] = state.page_heads[bucket]
    state.page_heads[bucket] = page
    return page


@inner
def _spare_page(state: State, page: int) -> None:
    """Remember that the page is empty, for when pages run out."""
    top = state.counters[SPARE_PAGE]
    state.pages[page]["spare"] = top if top != 0 else NO_PAGE_BELOW
    state.counters[SPARE_PAGE] = page


@hot
def _add_level(state: State, book: int, key: int, page: int) -> int:
    level = state.counters[FREE_LEVEL]
    if level != 0:
        state.counters[FREE_LEVEL] = state.levels[index(level)]["page"]
    else:
        state.counters[LEVELS_USED] += 1
        level = state.counters[LEVELS_USED]
    state.counters[LEVELS_HELD] += 1
    record = state.levels[index(level)]
    record["lots"] = 0
    record["key"] = key
    record["book"] = book
    record["head"] = 0
    record["tail"] = 0
    record["orders"] = 0
    record["page"] = page
    sheet = state.pages[index(page)]
    if sheet["bits"] == 0:
        state.counters[PAGES_LIVE] += 1
        _mark_page(state, page, book, key >> PAGE_BITS)
    sheet["bits"] |= wide(1) << (key & _IN_PAGE)
    state.page_levels[place_of(page, key)] = level
    side = state.books[index(book)]
    side["levels"] += 1
    if key < side["best_key"]:
        side["second_key"] = side["best_key"] if side["best"] != 0 else -1
        side["second"] = side["best"]
        side["best_key"] = key
        side["best"] = level
    elif key < side["second_key"]:
        side["second_key"] = key
        side["second"] = level
    return wide(level)


@hot
def level_at(state: State, book: int, key: int) -> int:
    """The level of this key, new if need be: the caller has asked can_add_level, and puts an order in at once."""
    name = page_name(book, key)
    page = _find_page(state, name)
    if page == 0:
        page = _add_page(state, name)
    elif (state.pages[index(page)]["bits"] >> (key & _IN_PAGE)) & 1:
        return wide(state.page_levels[place_of(page, key)])
    return _add_level(state, book, key, page)


@hot
def drop_level(state: State, level: int) -> None:
    """Forget an empty level, and find the next best one if it was the best."""
    record = state.levels[index(level)]
    book, key, page = wide(record["book"]), wide(record["key"]), wide(record["page"])
    side, sheet = state.books[index(book)], state.pages[index(page)]
    side["levels"] -= 1
    if key == side["best_key"]:
        if side["second"] != 0:
            side["best"] = side["second"]
            side["best_key"] = side["second_key"]
            side["second"] = 0
            side["second_key"] = -1
        elif side["levels"] == 0:
            side["best"] = 0
            side["best_key"] = NO_KEY
        else:
            best = next_level(state, level)
            side["best"] = best
            side["best_key"] = state.levels[index(best)]["key"]
    elif key == side["second_key"]:
        side["second"] = 0
        side["second_key"] = -1
    bits = sheet["bits"] & ~(wide(1) << (key & _IN_PAGE))
    sheet["bits"] = bits
    if bits == 0:
        state.counters[PAGES_LIVE] -= 1
        _unmark_page(state, page, book, key >> PAGE_BITS)
        if sheet["spare"] == 0:
            _spare_page(state, page)
    record["page"] = state.counters[FREE_LEVEL]
    state.counters[FREE_LEVEL] = level
    state.counters[LEVELS_HELD] -= 1
