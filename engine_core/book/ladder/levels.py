"""Price levels: paged, so that memory follows the levels in use and not the price range.

Each market has four books of levels: bids, asks, and the triggers below and above the last price. Inside one, a level's
`key` puts the best first, the lower the better, whatever the side: asks and triggers above use the price itself, bids
and triggers below its mirror image. So no kernel branches on the side.

    page_heads[hash(book, key >> PAGE_BITS)] -> page -> chain -> ...
        pages[page].bits          which of its neighbouring prices hold a level
        pages[page].sole          the level of a page that was empty when it came: most pages where prices lie far apart
        page_levels[page, price]  the levels of a page that has, or had, several (stale where the bit is clear)
    nodes[hash(book, height, page number >> 6 * height)].bits   which of 64 pages, or of 64 nodes below, are in use

A level knows its page, so a cancel looks nothing up. When the best level goes, the one that was best before it came
is next, if nothing has come between (`second`); else the next price on the same page; else the nodes are climbed:
height 1 covers 64 pages, height 2 64 of these, and so on to the root (see bitmap.py).

Most prices come back. So a page that empties stays where it is, until its memory is wanted for other prices. A price
that walks far takes its pages along, and each step costs the same.

All functions work on any state; none knows of money, accounts or events.
"""

from engine_core.book.ladder.bitmap import (
    CHILD_BITS,
    PAGE_NUMBERS,
    mark_page,
    next_page,
    page_after,
    remove_if_empty,
    unmark_page,
)
from engine_core.book.memory.records import NO_PAGE_BELOW
from engine_core.book.memory.state import (
    BOOKS,
    FREE_LEVEL,
    LEVELS_HELD,
    LEVELS_USED,
    NO_KEY,
    PAGE_BITS,
    PAGES_LIVE,
    PAGES_USED,
    SPARE_PAGE,
    State,
)
from engine_core.jit.intrinsics import cold, mixed, noinline, trailing_zeros
from engine_core.jit.kernel import hot, inner, wide
from engine_core.wire.limits import MAX_PRICE_TICKS

BIDS, ASKS, BELOW, ABOVE = 0, 1, 2, 3  # the books of a market; odd ones are ordered by price, even ones by its mirror

_IN_PAGE = (1 << PAGE_BITS) - 1


@hot
def book_of(market: int, side: int) -> int:
    return market * BOOKS + side


@hot
def key_of(book: int, price: int) -> int:
    """Price -> key and, the same way, key -> price."""
    return price ^ (((book & 1) - 1) & MAX_PRICE_TICKS)


@hot
def page_bucket(state: State, name: int) -> int:
    return mixed(name) & (state.page_heads.size - 1)


@hot
def page_name(book: int, key: int) -> int:
    return (book << PAGE_NUMBERS) | (key >> PAGE_BITS)


@hot
def place_of(page: int, key: int) -> int:
    """Position in state.page_levels."""
    return (page << PAGE_BITS) | (key & _IN_PAGE)


@hot
def _find_page(state: State, name: int) -> int:
    page = state.page_heads[page_bucket(state, name)]
    while page != 0 and state.pages[page].name != name:
        page = state.pages[page].chain
    return page


@hot
def _level_of(state: State, page: int, key: int) -> int:
    """The level of a price whose bit is set."""
    sole = state.pages[page].sole
    return sole if sole != 0 else state.page_levels[place_of(page, key)]


@hot
def find_level(state: State, book: int, key: int) -> int:
    """The level of this key, or 0."""
    page = _find_page(state, page_name(book, key))
    if page == 0 or (state.pages[page].bits >> (key & _IN_PAGE)) & 1 == 0:
        return 0
    return _level_of(state, page, key)


@hot
def can_add_level(state: State) -> bool:
    """Whether one more level fits, with the page that it could need."""
    return bool(state.scalars[LEVELS_HELD] + 1 < state.levels.size and state.scalars[PAGES_LIVE] + 1 < state.pages.size)


@hot
def next_level(state: State, level: int) -> int:
    """The level that comes after this one in its book, or 0. (The level itself may be empty already.)"""
    record = state.levels[level]
    page, key = record.page, record.key
    bits = state.pages[page].bits & (wide(-2) << (key & _IN_PAGE))
    if bits == 0:
        book = record.book
        number = next_page(state, page, book, key >> PAGE_BITS)
        if number < 0:
            return 0
        page = _find_page(state, (book << PAGE_NUMBERS) | number)
        bits = state.pages[page].bits
    return _level_of(state, page, trailing_zeros(bits))


@inner
def level_after(state: State, level: int) -> int:
    """The same for those who only look: it changes nothing, not even what the index of prices remembers."""
    record = state.levels[level]
    page, key, book = record.page, record.key, record.book
    bits = state.pages[page].bits & (wide(-2) << (key & _IN_PAGE))
    if bits == 0:
        number = page_after(state, book, key >> PAGE_BITS)
        if number < 0:
            return 0
        page = _find_page(state, (book << PAGE_NUMBERS) | number)
        bits = state.pages[page].bits
    return _level_of(state, page, trailing_zeros(bits))


@inner
def _reclaim_page(state: State) -> int:
    """A page that is empty, taken from its prices. The caller knows that there is one."""
    cold()
    while True:
        page = state.scalars[SPARE_PAGE]
        record = state.pages[page]
        below = record.spare
        state.scalars[SPARE_PAGE] = below if below != NO_PAGE_BELOW else 0
        record.spare = 0
        if record.bits == 0:
            break
    name = record.name
    bucket = page_bucket(state, name)
    at = state.page_heads[bucket]
    if at == page:
        state.page_heads[bucket] = record.chain
    else:
        while state.pages[at].chain != page:
            at = state.pages[at].chain
        state.pages[at].chain = record.chain
    remove_if_empty(state, name >> PAGE_NUMBERS, 1, (name & ((1 << PAGE_NUMBERS) - 1)) >> CHILD_BITS)
    return page


@inner
def _add_page(state: State, name: int) -> int:
    """An empty page for these prices."""
    noinline()
    if state.scalars[PAGES_USED] + 1 < state.pages.size:
        state.scalars[PAGES_USED] += 1
        page = state.scalars[PAGES_USED]
    else:
        page = _reclaim_page(state)
    bucket = page_bucket(state, name)
    record = state.pages[page]
    record.name = name
    record.chain = state.page_heads[bucket]
    state.page_heads[bucket] = page
    return page


@inner
def _spare_page(state: State, page: int) -> None:
    """Remember that the page is empty, for when pages run out."""
    noinline()
    top = state.scalars[SPARE_PAGE]
    state.pages[page].spare = top if top != 0 else NO_PAGE_BELOW
    state.scalars[SPARE_PAGE] = page


@hot
def _put_on_page(state: State, page: int, book: int, key: int, level: int) -> None:
    """The price has a level now: on an empty page the only one, on any other one of several."""
    sheet = state.pages[page]
    bits = sheet.bits
    if bits == 0:
        state.scalars[PAGES_LIVE] += 1
        mark_page(state, page, book, key >> PAGE_BITS)
        sheet.sole = level
    else:
        if sheet.sole != 0:
            state.page_levels[place_of(page, trailing_zeros(bits))] = sheet.sole
            sheet.sole = 0
        state.page_levels[place_of(page, key)] = level
    sheet.bits = bits | (wide(1) << (key & _IN_PAGE))


@hot
def _add_level(state: State, book: int, key: int, page: int) -> int:
    level = state.scalars[FREE_LEVEL]
    if level != 0:
        state.scalars[FREE_LEVEL] = state.levels[level].page
    else:
        state.scalars[LEVELS_USED] += 1
        level = state.scalars[LEVELS_USED]
    state.scalars[LEVELS_HELD] += 1
    record = state.levels[level]
    record.lots = 0
    record.key = key
    record.book = book
    record.head = 0
    record.tail = 0
    record.orders = 0
    record.page = page
    _put_on_page(state, page, book, key, level)
    side = state.books[book]
    side.levels += 1
    if key < side.best_key:
        side.second_key = side.best_key if side.best != 0 else -1
        side.second = side.best
        side.best_key = key
        side.best = level
    elif key < side.second_key:
        side.second_key = key
        side.second = level
    return level


@hot
def level_at(state: State, book: int, key: int) -> int:
    """The level of this key, new if need be: the caller has asked can_add_level, and puts an order in at once."""
    name = page_name(book, key)
    page = _find_page(state, name)
    if page == 0:
        page = _add_page(state, name)
    elif (state.pages[page].bits >> (key & _IN_PAGE)) & 1:
        return _level_of(state, page, key)
    return _add_level(state, book, key, page)


@hot
def drop_level(state: State, level: int) -> None:
    """Forget an empty level, and find the next best one if it was the best."""
    record = state.levels[level]
    book, key, page = record.book, record.key, record.page
    side, sheet = state.books[book], state.pages[page]
    side.levels -= 1
    if key == side.best_key:
        if side.second != 0:
            side.best = side.second
            side.best_key = side.second_key
            side.second = 0
            side.second_key = -1
        elif side.levels == 0:
            side.best = 0
            side.best_key = NO_KEY
        else:
            best = next_level(state, level)
            side.best = best
            side.best_key = state.levels[best].key
    elif key == side.second_key:
        side.second = 0
        side.second_key = -1
    bits = sheet.bits & ~(wide(1) << (key & _IN_PAGE))
    sheet.bits = bits
    if bits == 0:
        state.scalars[PAGES_LIVE] -= 1
        unmark_page(state, page, book, key >> PAGE_BITS)
        if sheet.spare == 0:
            _spare_page(state, page)
    record.page = state.scalars[FREE_LEVEL]
    state.scalars[FREE_LEVEL] = level
    state.scalars[LEVELS_HELD] -= 1
