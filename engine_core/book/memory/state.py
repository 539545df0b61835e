"""The whole state of one shard: preallocated arrays, and nothing else. Allocated once; `full` is a reject reason.

Every array is written by the kernels of this package alone. Single numbers stand in `scalars`, named below. A copy of
all arrays is a snapshot: the state holds no address, clock or random number.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from engine_core.book.memory.records import (
    ACCOUNT_RECORD,
    ASSET_RECORD,
    BALANCE_RECORD,
    BOOK,
    ENDED,
    FEE,
    GATEWAY,
    INFO,
    KEY_RECORD,
    LEVEL_RECORD,
    LINK_RECORD,
    MARKET_RECORD,
    NODE,
    ORDER,
    PAGE,
    REFERENCE,
    SHARE,
    TERMS,
    TIMER,
    UNLISTED,
    Account,
    Asset,
    Balance,
    Book,
    Ended,
    Fee,
    Gateway,
    Info,
    Key,
    Level,
    Link,
    Market,
    Node,
    Order,
    Page,
    Reference,
    Share,
    Terms,
    Timer,
)
from engine_core.jit.huge_pages import zeros
from engine_core.jit.rows import Rows
from engine_core.wire.limits import LAST_TIER, MAX_ASSETS, MAX_MARKETS, MAX_PRICE_TICKS, SLOT_BITS

BOOKS = 4  # of one market: bids, asks, triggers below the last price, triggers above it
TIERS = LAST_TIER + 1  # of fees
FIRED = 0  # the level that is no level: the queue of what goes on before the next command (see orders/triggers.py)
PAGE_BITS = 6
PRICES_A_PAGE = 1 << PAGE_BITS
NO_KEY = MAX_PRICE_TICKS + 1  # best_key of an empty book: behind every limit

# scalars: what each int64 holds
TIME_MS = 0  # engine time
ORDERS_MADE = 1  # of the last order id
FREE_ORDERS = 2  # height of the stack free_orders
FREE_LEVEL = 3  # first of the chain of free levels, 0: take a fresh one
LEVELS_USED = 4  # fresh levels taken so far
NODES_USED = 5
ASSETS = 6
MARKETS = 7
ACCOUNTS = 8
ENDED_FREE = 9  # first free ENDED record, 0: take a fresh one
ENDED_USED = 10
ENDED_OLDEST = 11
ENDED_NEWEST = 12
KEYS = 13
REFERENCES = 14
TIMERS = 15  # in the heap
TIMER_FREE = 16
TIMERS_USED = 17
TIMERS_MADE = 18
BLOCKS = 19  # executed: the age in the table of gateways
COMMANDS = 20
EVENTS = 21
OPEN_ORDERS = 22
LOG_ID = 23
BEHAVIOUR = 24
CREATED_MS = 25
GENESIS = 26  # 0 before it was applied; then READY, and at the very end SPENT
TAKER_LOCKED = 27  # what the order being matched still has locked
INDEX = 28  # of the command being executed, in its block; 0 between batches
EVENTS_END = 29  # events may be written below this position; 0 between batches
TRIGGERS_DUE = 30  # markets whose last price moved may have triggers to fire
LEVELS_HELD = 31
SPARE_PAGE = 32  # top of the stack of pages that were empty once
PAGES_USED = 33
PAGES_LIVE = 34  # that hold levels
SKIPS = 35  # entries of the command log that were skipped on an operator's word
GROWS = 36  # CAPACITY was applied, and the state is to be made larger
DIVIDED = 37  # 1: what all accounts share is divided among them (see ledger/shares.py)
KEYS_HELD = 38  # not revoked
REVOKED_OLDEST = 39  # keys, by the time they were revoked
REVOKED_NEWEST = 40
OPERATOR_REFERENCES = 41  # of deposits and withdrawals that no account asked for itself
SHARD = 42  # whose state this is
LINKS = 43
SCALARS = 64

READY, SPENT = 1, 2  # of GENESIS; SPENT: no order id is left in the range of the shard

# tables that accounts share: rows of State.shares
SHARED_ORDERS, SHARED_KEYS, SHARED_TIMERS, SHARED_WITHDRAWALS, SHARED_ENDED = 0, 1, 2, 3, 4
SHARED_TABLES = 5


class Capacities(NamedTuple):
    """How much of everything is allocated at start."""

    accounts: int = 16_384
    assets: int = 64
    markets: int = 64
    orders: int = 1 << 20  # open orders: resting, pending and in the act of matching
    levels: int = 1 << 19
    keys: int = 16_384
    gateways: int = 256
    timers: int = 16_384
    ended: int = 1 << 16  # ended orders whose client ids are remembered, all accounts together
    ended_per_account: int = 1024
    references: int = 1 << 20  # deposits and withdrawals
    links: int = 0  # most_links() is enough for ever; 0: money never leaves this shard
    pages: int = (
        0  # of PRICES_A_PAGE neighbouring prices that hold levels; 0: one for each level, the most there can be
    )


def most_links(accounts: int, shards: int) -> int:
    """In a venue of so many shards: one of each account with each other shard."""
    return accounts * (shards - 1)


ENDED_PER_ACCOUNT = Capacities._fields.index("ended_per_account")  # in State.limits
MOST = Capacities(
    accounts=1 << 30,
    assets=MAX_ASSETS - 1,
    markets=MAX_MARKETS - 1,
    orders=(1 << SLOT_BITS) - 1,
    levels=1 << 30,
    keys=1 << 30,
    gateways=1 << 30,
    timers=1 << 30,
    ended=1 << 30,
    ended_per_account=1 << 30,
    references=1 << 30,
    links=1 << 30,
)


class State(NamedTuple):
    """See the records for the fields. Index 0 of everything numbered from 1 is unused, unless a comment says
    otherwise."""

    scalars: Rows[int]
    limits: Rows[int]  # the Capacities, as int64
    orders: Rows[Order]  # by slot; slot 0 is scratch
    info: Rows[Info]  # by slot
    terms: Rows[Terms]  # by slot
    free_orders: Rows[int]  # stack of free slots: last in, first out keeps the live ones in cache
    levels: Rows[Level]  # level 0 is the queue FIRED
    pages: Rows[Page]  # of neighbouring prices
    page_levels: Rows[int]  # by page and price
    page_heads: Rows[int]  # hash (book, page number) -> first page of the chain
    nodes: Rows[Node]  # hash table of the occupancy bitmaps
    books: Rows[Book]  # by market * BOOKS + side
    markets: Rows[Market]
    fees: Rows[Fee]  # by market * TIERS + tier
    assets: Rows[Asset]
    accounts: Rows[Account]
    balances: Rows[Balance]  # by account * assets + asset
    open_counts: Rows[int]  # by account * markets + market: open orders
    client_heads: Rows[int]  # hash (account, client id) -> slot, or minus an ENDED number
    ended: Rows[Ended]
    keys: Rows[Key]
    key_heads: Rows[int]
    references: Rows[Reference]
    reference_heads: Rows[int]
    links: Rows[Link]
    timers: Rows[Timer]
    timer_heap: Rows[int]  # timer numbers, earliest first; position 0 unused
    gateways: Rows[Gateway]
    shares: Rows[Share]  # by shared table
    walked: Rows[int]  # scratch of orders/planning.py


def _power_of_two(least: int) -> int:
    return 1 << max(6, (least - 1).bit_length())


def _most_nodes(pages: int, books: int) -> int:
    """Of the bitmaps above so many pages (see ladder/levels.py): one each at height 1, above it few, so they are never
    full."""
    numbers = 1 << (31 - PAGE_BITS)
    return sum(min(pages, books * -(-numbers >> 6 * height)) for height in range(1, 6))


def new_state(capacities: Capacities) -> State:
    """An empty state, before GENESIS. Memory is touched only as it comes into use."""
    c = capacities
    if not 1 <= c.orders < 1 << SLOT_BITS:
        raise ValueError(f"capacity orders = {c.orders}: must lie between 1 and {(1 << SLOT_BITS) - 1}")
    if c.markets >= MAX_MARKETS or c.assets >= MAX_ASSETS:
        raise ValueError(f"capacity of {c.markets} markets, {c.assets} assets: must stay below {MAX_MARKETS}")
    if min(c._replace(links=1, pages=1)) < 1 or min(c.links, c.pages) < 0:
        raise ValueError(f"every capacity but that of links must be at least 1: {c}")
    pages = c.pages or c.levels
    state = State(
        scalars=zeros(SCALARS, np.int64),
        limits=zeros(len(c), np.int64),
        orders=zeros(c.orders + 1, ORDER),
        info=zeros(c.orders + 1, INFO),
        terms=zeros(c.orders + 1, TERMS),
        free_orders=zeros(c.orders, np.uint32),
        levels=zeros(c.levels + 1, LEVEL_RECORD),
        pages=zeros(pages + 1, PAGE),
        page_levels=zeros((pages + 1) << PAGE_BITS, np.uint32),
        page_heads=zeros(_power_of_two(pages), np.uint32),
        nodes=zeros(_power_of_two(_most_nodes(pages, (c.markets + 1) * BOOKS) * 5 // 4), NODE),
        books=zeros((c.markets + 1) * BOOKS, BOOK),
        markets=zeros(c.markets + 1, MARKET_RECORD),
        fees=zeros((c.markets + 1) * TIERS, FEE),
        assets=zeros(c.assets + 1, ASSET_RECORD),
        accounts=zeros(c.accounts + 1, ACCOUNT_RECORD),
        balances=zeros((c.accounts + 1) * (c.assets + 1), BALANCE_RECORD),
        open_counts=zeros((c.accounts + 1) * (c.markets + 1), np.int32),
        client_heads=zeros(_power_of_two(c.orders + c.ended), np.int32),
        ended=zeros(c.ended + 1, ENDED),
        keys=zeros(c.keys + 1, KEY_RECORD),
        key_heads=zeros(_power_of_two(c.keys), np.int32),
        references=zeros(c.references + 1, REFERENCE),
        reference_heads=zeros(_power_of_two(c.references), np.int32),
        links=zeros(c.links + 1, LINK_RECORD),
        timers=zeros(c.timers + 1, TIMER),
        timer_heap=zeros(c.timers + 1, np.int32),
        gateways=zeros(c.gateways, GATEWAY),
        shares=zeros(SHARED_TABLES, SHARE),
        walked=zeros(8, np.int64),
    )
    sizes = c.orders, c.keys, c.timers, c.references, c.ended
    state.shares["pool"] = state.shares["most"] = sizes  # not divided
    state.free_orders[:] = np.arange(c.orders, 0, -1, dtype=np.uint32)
    state.scalars[FREE_ORDERS] = c.orders
    state.limits[:] = c
    state.info["account_prev"] = UNLISTED
    state.books["best_key"] = NO_KEY
    state.books["second_key"] = -1
    return state


def read_only(state: State) -> State:
    """The same memory, for those who only look: NumPy refuses to write to it, and Numba to compile what would."""
    arrays: Iterable[Any] = (array.view() for array in state)
    views = State(*arrays)
    for view in views:
        view.flags.writeable = False
    return views


def capacities_of(state: State) -> Capacities:
    return Capacities(*(int(value) for value in state.limits))


def engine_time(state: State) -> int:
    """Milliseconds; never goes back."""
    return int(state.scalars[TIME_MS])
