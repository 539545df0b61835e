"""Records of the book's memory, each declared once. Not wire formats: only snapshots hold them, with a fingerprint.

Indexes are 32-bit and start at 1; 0 means none. Units end the names. The three records of an order share its slot:

    ORDER, 32 bytes, what matching touches          INFO, 64 bytes, one cache line: what fills, cancels, events touch
     0 order_id        i8  0: the slot is free       0 quantity_lots   i8   32 its codes (see packed_codes.py)
     8 remaining_lots  i8  shown part if iceberg     8 executed_lots   i8   40 client_id u4  44 price_ticks i4
    16 level           u4  0: a fired trigger       16 executed_atoms  i8   48 market u2
    20 next, 24 prev   u4  neighbours in the queue  24 created_ms      i8   52 account_next, 56 account_prev i4
    28 account         i4                                                   60 client_chain i4

    TERMS, 24 bytes, what few orders have: valid only with the flag
     0 amount_atoms    i8  if has_amount (packed_codes.py); of an iceberg by its other name, display_lots
     8 economics       i8  with HAS_CLIENT_ID (see ledger/client_ids.py)
    16 trigger_ticks   i8  with TRIGGER

Slot 0 is the scratch of an order that can never rest. `account_prev` is -1 while an order is not in its account's list.
"""

from typing import Annotated

from engine_core.jit.records import I4, I8, U1, U2, U4, Record, Text8, dtype_of
from engine_core.wire.codes import OrderFlag


class Order(Record):
    order_id: I8
    remaining_lots: I8
    level: U4
    next: U4
    prev: U4
    account: I4


ORDER = dtype_of(Order)


class _OrderData(Record):
    quantity_lots: I8
    executed_lots: I8
    executed_atoms: I8
    created_ms: I8
    pad0: U1
    side: U1
    order_type: U1
    time_in_force: U1
    self_trade: U1
    flags: U1
    status: U1
    pad1: U1
    client_id: U4
    price_ticks: I4
    market: U2
    pad2: U2


class Info(_OrderData):
    account_next: I4
    account_prev: I4
    client_chain: I4


class Terms(Record):
    amount_atoms: I8
    display_lots: Annotated[I8, "amount_atoms"]
    economics: I8
    trigger_ticks: I8


INFO = dtype_of(Info)
TERMS = dtype_of(Terms)


class Ended(_OrderData):
    """With a client id, remembered for idempotent retries: global FIFO (older, newer), account's FIFO (next)."""

    account: I4
    amount_atoms: I8
    display_lots: Annotated[I8, "amount_atoms"]
    economics: I8
    trigger_ticks: I8
    order_id: I8
    older: I4
    newer: I4
    account_next: I4
    client_chain: I4


ENDED = dtype_of(Ended)


class Level(Record):
    """`key` orders the levels of one book: the lower the better, whatever the side (see ladder/levels.py)."""

    lots: I8  # shown
    key: I4
    book: U4
    head: U4
    tail: U4
    orders: I4
    page: U4  # or next free level


LEVEL_RECORD = dtype_of(Level)


class Page(Record):
    name: I8  # book and number; see ladder/levels.py
    bits: I8  # which prices hold a level
    chain: U4  # next page in its hash chain
    spare: U4  # on the stack of pages that were empty once: the one below it, NO_PAGE_BELOW at the bottom
    node: U4  # where its node was last seen
    sole: U4  # its level, if it holds but one; else 0 (see ladder/levels.py)


PAGE = dtype_of(Page)
NO_PAGE_BELOW = (1 << 32) - 1


class Node(Record):
    name: I8
    bits: I8


NODE = dtype_of(Node)


class Book(Record):
    best_key: I8
    second_key: I8  # -1: not known
    best: U4
    second: U4  # the level that becomes the best when the best one goes; 0: not known
    levels: I4
    pad0: I4


BOOK = dtype_of(Book)


class Market(Record):
    lot_atoms: I8
    tick_atoms: I8
    min_lots: I8
    max_lots: I8  # what stands in the definition; 0: none
    limit_lots: I8  # the bound in force
    last_ticks: I8
    low_ticks: I8  # lowest and highest trade since triggers were last collected
    high_ticks: I8
    trades: I8
    updates: I8
    band_up_ppm: I8
    band_down_ppm: I8
    impact_ppm: I8
    max_open_orders: I8
    base: I4
    quote: I4
    state: U1
    goes_to: U1  # of one that is ELSEWHERE: the shard that it has left for, + 1; 0: not said
    moves: U2  # from shard to shard, up to where this one has heard of them
    open_orders: I4


MARKET_RECORD = dtype_of(Market)


class Fee(Record):
    maker_ppm: I8
    taker_ppm: I8
    own: I8


FEE = dtype_of(Fee)  # own: set for this tier itself


class Asset(Record):
    symbol: Text8
    decimals: I8
    deposited: I8
    withdrawn: I8
    moved_out: I8  # to other shards, in all; these two as sums modulo 2**64 (see moves.py)
    moved_in: I8


ASSET_RECORD = dtype_of(Asset)


class Account(Record):
    state: I4
    tier: I4
    first_order: I4
    last_order: I4
    open_orders: I4
    ended_first: I4
    ended_last: I4
    ended: I4
    timers: I4
    timers_armed: I4
    keys: I4  # that are not revoked
    withdrawals: I4  # references of its own that are remembered, oldest first
    withdrawal_first: I4
    withdrawal_last: I4
    options: I4
    link: I4  # its first one


ACCOUNT_RECORD = dtype_of(Account)


class Balance(Record):
    available: I8
    locked: I8


BALANCE_RECORD = dtype_of(Balance)


class Key(Record):
    a: I8
    b: I8
    c: I8
    d: I8
    account: I4
    permissions: I4  # 0: revoked
    chain: I4
    newer: I4  # of a revoked one: the one revoked after it


KEY_RECORD = dtype_of(Key)


class Reference(Record):
    reference: I8
    content: I8  # of one that an account made: a mark of all that a repeat repeats
    scope: I4  # the asset; of one that an account made, the account
    direction: I4
    chain: I4
    newer: I4  # of one that an account made: its next one


REFERENCE = dtype_of(Reference)


class Link(Record):
    """What an account has moved between this shard and another one (see moves.py)."""

    out_sequence: I8  # of the last move to the other one, whose asset, atoms and reference these are
    out_atoms: I8
    out_reference: I8
    in_sequence: I8  # of the last one that has arrived from there
    out_asset: I4
    account: I4
    shard: I4
    next: I4  # of its account


LINK_RECORD = dtype_of(Link)


class Share(Record):
    """How one table is divided among the accounts that share it (see ledger/shares.py)."""

    own: I8  # entries that each account has for itself
    pool: I8  # entries for all, beyond those
    most: I8  # of them for one account
    taken: I8  # of them now


SHARE = dtype_of(Share)


class Timer(Record):
    due_ms: I8
    number: I8
    gateway: I8
    account: I4
    market: I4  # 0: all
    kind: I4
    next: I4  # of its account, or next free
    place: I4  # in the heap
    pad0: I4


TIMER = dtype_of(Timer)


class Gateway(Record):
    gateway: I8
    incarnation: I8
    sequence: I8
    used: I8


GATEWAY = dtype_of(Gateway)

# Numba compares IntEnum members, but knows no IntFlag: the flags as plain integers.
POST_ONLY = int(OrderFlag.POST_ONLY)
HAS_CLIENT_ID = int(OrderFlag.HAS_CLIENT_ID)
BY_QUOTE = int(OrderFlag.BY_QUOTE)
TRIGGER = int(OrderFlag.TRIGGER)
TRIGGER_ABOVE = int(OrderFlag.TRIGGER_ABOVE)
ICEBERG = int(OrderFlag.ICEBERG)
TAKER = int(OrderFlag.TAKER)
HAS_BOUND = int(OrderFlag.HAS_BOUND)
COMMAND_FLAGS = POST_ONLY | HAS_CLIENT_ID | BY_QUOTE | TRIGGER | ICEBERG | HAS_BOUND

UNLISTED = -1  # INFO.account_prev of an order outside its account's list

assert ORDER.itemsize == 32
assert INFO.itemsize == 64
assert LEVEL_RECORD.itemsize == 32
assert TERMS.itemsize == 24
assert NODE.itemsize == BALANCE_RECORD.itemsize == 16
assert INFO.fields is not None and INFO.fields["pad0"][1] == 32 and INFO.fields["client_id"][1] == 40
