"""Memory fetched ahead of its use: while one message is matched, the cache lines of later ones are on their way.

Memory latency is most of the time that an order takes in a large book. Each step asks for what the one before it has
found, so they are called for messages at shrinking distances. Hints only: they change nothing, and a wrong one costs
nothing but itself.
"""

from engine_core.book.ladder.bitmap import CHILD_BITS, node_home, node_name
from engine_core.book.ladder.levels import page_bucket, page_name, place_of
from engine_core.book.memory.state import PAGE_BITS, PRICES_A_PAGE, State
from engine_core.jit.intrinsics import either
from engine_core.jit.kernel import hot
from engine_core.jit.rows import prefetch


@hot
def fetch_bucket(state: State, book: int, key: int) -> None:
    """First step: where the page of a price is looked up."""
    prefetch(state.page_heads, page_bucket(state, page_name(book, key)))


@hot
def fetch_price(state: State, book: int, key: int) -> None:
    """First step where prices lie far apart: the node above the page as well."""
    fetch_bucket(state, book, key)
    prefetch(state.nodes, node_home(state, node_name(book, 1, key >> PAGE_BITS >> CHILD_BITS)))


@hot
def fetch_page(state: State, book: int, key: int) -> None:
    """Second step: the page that most likely has the price."""
    prefetch(state.pages, state.page_heads[page_bucket(state, page_name(book, key))])


@hot
def fetch_place(state: State, book: int, key: int) -> None:
    """Third step, once the page is there: where it keeps the level, if it has several."""
    page = state.page_heads[page_bucket(state, page_name(book, key))]
    several = state.pages[page].sole == 0
    prefetch(state.page_levels, place_of(page, key) * several)


@hot
def _likely_level(state: State, book: int, key: int) -> int:
    """find_level without a branch, as far as the first page of the chain: whether a message has a price, and the price
    a level, cannot be foreseen."""
    name = page_name(book, key)
    page = state.page_heads[page_bucket(state, name)]
    sheet = state.pages[page]
    several = sheet.sole == 0
    level = either(several, state.page_levels[place_of(page, key) * several], sheet.sole)
    return level * ((sheet.name == name) & (sheet.bits >> (key & (PRICES_A_PAGE - 1))) & 1)


@hot
def fetch_level(state: State, book: int, key: int) -> None:
    """Fourth step: the level."""
    prefetch(state.levels, _likely_level(state, book, key))


@hot
def fetch_tail(state: State, book: int, key: int) -> None:
    """Fifth step: the order that a new one will stand behind."""
    prefetch(state.orders, state.levels[_likely_level(state, book, key)].tail)


@hot
def fetch_neighbours(state: State, slot: int) -> None:
    """Once the order itself is there: those before and behind it, and its level."""
    order = state.orders[slot]
    prefetch(state.orders, order.next)
    prefetch(state.orders, order.prev)
    prefetch(state.levels, order.level)


@hot
def fetch_page_of(state: State, slot: int) -> None:
    """Once the order's level is there: its page, which the level may leave."""
    prefetch(state.pages, state.levels[state.orders[slot].level].page)


@hot
def fetch_node_of(state: State, slot: int) -> None:
    """Once that page is there: the node above it, which the page may leave."""
    page = state.levels[state.orders[slot].level].page
    prefetch(state.nodes, state.pages[page].node)
