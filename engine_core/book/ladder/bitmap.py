"""The bitmaps above the pages of prices: which pages of a book hold levels, and which comes next. See levels.py.

    nodes[hash(book, height, page number >> 6 * height)].bits   which of 64 pages, or of 64 nodes below, are in use

All books' nodes live in one open hash table with linear probing, where a node is removed by shifting back what follows,
so nothing ages. A node that loses its last child stays until a search runs into it, or until a page of its prices goes.
"""

from engine_core.book.memory.state import NODES_USED, PAGE_BITS, State
from engine_core.jit.intrinsics import cold, mixed, noinline, trailing_zeros
from engine_core.jit.kernel import hot, inner, wide

PAGE_NUMBERS = 31 - PAGE_BITS  # bits of a page's number
CHILD_BITS = 6  # a node has 64 children
ROOT = -(-PAGE_NUMBERS // CHILD_BITS)  # height of the topmost node

_CHILD = (1 << CHILD_BITS) - 1

_M31 = (1 << 31) - 1
_SPREAD = 0x5F356495  # odd, 31 bits: products stay below 2**62


@hot
def mix(value: int) -> int:
    """38 bits of a number below 2**62. Not for names of pages and nodes, where a small number stands above another: two
    that differ in the upper and in the lower 31 bits alike give the same."""
    folded = (value ^ (value >> 31)) & _M31
    folded = (folded ^ (folded >> 15)) * _SPREAD
    return folded >> 24


@hot
def node_name(book: int, height: int, prefix: int) -> int:
    return (((book << 3) | height) << 25) | prefix


@hot
def node_home(state: State, name: int) -> int:
    """Where the search for a node begins."""
    return mixed(name) & (state.nodes.size - 1)


@inner
def find_node(state: State, name: int) -> int:
    """Position of the node, or of the empty place where it belongs."""
    noinline()
    mask = state.nodes.size - 1
    at = node_home(state, name)
    while state.nodes[at].name != name and state.nodes[at].name != 0:
        at = (at + 1) & mask
    return at


@inner
def _remove_node(state: State, hole: int) -> None:
    """Close the hole: move back every later node of the run that may not stand beyond it."""
    cold()
    mask = state.nodes.size - 1
    state.scalars[NODES_USED] -= 1
    at = hole
    while True:
        at = (at + 1) & mask
        name = state.nodes[at].name
        if name == 0:
            break
        home = node_home(state, name)
        if ((at - home) & mask) >= ((at - hole) & mask):
            state.nodes[hole].name = name
            state.nodes[hole].bits = state.nodes[at].bits
            hole = at
    state.nodes[hole].name = 0
    state.nodes[hole].bits = 0


@hot
def _node_above(state: State, page: int, book: int, number: int) -> int:
    """Position of the node above a page, or of the empty place where it belongs: mostly where it was last seen."""
    name = node_name(book, 1, number >> CHILD_BITS)
    at = state.pages[page].node
    if state.nodes[at].name != name:
        at = find_node(state, name)
        state.pages[page].node = at
    return at


@hot
def mark_page(state: State, page: int, book: int, number: int) -> None:
    """The page holds levels. (A node that exists, even an empty one, is known to the node above it.)"""
    at = _node_above(state, page, book, number)
    state.nodes[at].bits |= wide(1) << (number & _CHILD)
    if state.nodes[at].name == 0:
        state.nodes[at].name = node_name(book, 1, number >> CHILD_BITS)
        state.scalars[NODES_USED] += 1
        _mark(state, book, number >> CHILD_BITS)


@hot
def unmark_page(state: State, page: int, book: int, number: int) -> None:
    """The page holds no levels any more. Its node stays."""
    state.nodes[_node_above(state, page, book, number)].bits &= ~(wide(1) << (number & _CHILD))


@inner
def _mark(state: State, book: int, number: int) -> None:
    """Node `number` of height 1 exists."""
    cold()
    for height in range(2, ROOT + 1):
        name = node_name(book, height, number >> CHILD_BITS)
        at = find_node(state, name)
        state.nodes[at].bits |= wide(1) << (number & _CHILD)
        if state.nodes[at].name != 0:
            return
        state.nodes[at].name = name
        state.scalars[NODES_USED] += 1
        number >>= CHILD_BITS


@inner
def _unmark(state: State, book: int, height: int, number: int) -> int:
    """Child `number` of a node of this height is not in use any more. The node stays. Returns the node's position."""
    cold()
    at = find_node(state, node_name(book, height, number >> CHILD_BITS))
    state.nodes[at].bits &= ~(wide(1) << (number & _CHILD))
    return at


@inner
def remove_if_empty(state: State, book: int, height: int, prefix: int) -> None:
    """Remove this node if it has no children, and then those above it that it leaves without any."""
    cold()
    while height <= ROOT:
        at = find_node(state, node_name(book, height, prefix))
        if state.nodes[at].name == 0 or state.nodes[at].bits != 0:
            return
        _remove_node(state, at)
        height += 1
        if height <= ROOT:
            _unmark(state, book, height, prefix)
            prefix >>= CHILD_BITS


@inner
def _descend(state: State, book: int, height: int, number: int) -> int:
    """The first page below child `number` of a node of this height, or -1: then that child was empty, and is
    removed."""
    cold()
    for below in range(height - 1, 0, -1):
        bits = state.nodes[find_node(state, node_name(book, below, number))].bits
        if bits == 0:
            remove_if_empty(state, book, below, number)
            return -1
        number = (number << CHILD_BITS) | trailing_zeros(bits)
    return number


@inner
def page_after(state: State, book: int, number: int) -> int:
    """next_page for those who only look: what they find empty stays, and no page remembers what they saw."""
    cold()
    height = 1
    while height <= ROOT:
        at = find_node(state, node_name(book, height, number >> CHILD_BITS))
        bits = state.nodes[at].bits & (wide(-2) << (number & _CHILD))
        if bits == 0:
            number >>= CHILD_BITS
            height += 1
            continue
        number = ((number >> CHILD_BITS) << CHILD_BITS) | trailing_zeros(bits)
        while height > 1:
            bits = state.nodes[find_node(state, node_name(book, height - 1, number))].bits
            if bits == 0:  # an empty node: look behind it
                break
            number = (number << CHILD_BITS) | trailing_zeros(bits)
            height -= 1
        if height == 1:
            return number
    return -1


@inner
def next_page(state: State, page: int, book: int, number: int) -> int:
    """The number of the next page that holds levels, or -1."""
    cold()
    bits = state.nodes[_node_above(state, page, book, number)].bits & (wide(-2) << (number & _CHILD))
    if bits != 0:
        return ((number >> CHILD_BITS) << CHILD_BITS) | trailing_zeros(bits)
    number >>= CHILD_BITS
    height = 2
    while height <= ROOT:
        at = find_node(state, node_name(book, height, number >> CHILD_BITS))
        bits = state.nodes[at].bits & (wide(-2) << (number & _CHILD))
        if bits == 0:
            number >>= CHILD_BITS
            height += 1
            continue
        found = _descend(state, book, height, ((number >> CHILD_BITS) << CHILD_BITS) | trailing_zeros(bits))
        if found >= 0:
            return found
    return -1
