"""Records of the book's memory, each declared once. Not wire formats: only snapshots hold them, with a fingerprint.

Indexes are 32-bit and start at 1; 0 means none. Units end the names. The three records of an order share its slot:

    ORDER, 32 bytes, what matching touches          INFO, 64 bytes, one cache line: what fills, cancels, events touch
     0 order_id        i8  0: the slot is free       0 quantity_lots   i8   32 its codes (see order_codes.py)
     8 remaining_lots  i8  shown part if iceberg     8 executed_lots   i8   40 client_id u4  44 price_ticks i4
    16 level           u4  0: a fired trigger       16 executed_atoms  i8   48 market u2
    20 next, 24 prev   u4  neighbours in the queue  24 created_ms      i8   52 account_next, 56 account_prev i4
    28 account         i4                                                   60 client_chain i4

    TERMS, 24 bytes, what few orders have: stale, and not to be looked at, without the flag
     0 amount_atoms    i8  with BY_QUOTE; with ICEBERG display_lots
     8 economics       i8  with HAS_CLIENT_ID (see clients.py)
    16 trigger_ticks   i8  with TRIGGER

Slot 0 is the scratch of an order that can never rest. `account_prev` is -1 while an order is not in its account's list.
"""

import numpy as np

from engine_core.wire.codes import OrderFlag
from engine_core.wire.limits import MAX_SYMBOL_BYTES

ORDER = np.dtype(
    [
        ("order_id", "<i8"),
        ("remaining_lots", "<i8"),
        ("level", "<u4"),
        ("next", "<u4"),
        ("prev", "<u4"),
        ("account", "<i4"),
    ]
)

_CODES = [
    ("pad0", "u1"),
    ("side", "u1"),
    ("order_type", "u1"),
    ("time_in_force", "u1"),
    ("self_trade", "u1"),
    ("flags", "u1"),
    ("status", "u1"),
    ("pad1", "u1"),
]

_ORDER_DATA = [
    ("quantity_lots", "<i8"),
    ("executed_lots", "<i8"),
    ("executed_atoms", "<i8"),
    ("created_ms", "<i8"),
    *_CODES,
    ("client_id", "<u4"),
    ("price_ticks", "<i4"),
    ("market", "<u2"),
    ("pad2", "<u2"),
]

_TERMS = [("amount_atoms", "<i8"), ("economics", "<i8"), ("trigger_ticks", "<i8")]

INFO = np.dtype([*_ORDER_DATA, ("account_next", "<i4"), ("account_prev", "<i4"), ("client_chain", "<i4")])
TERMS = np.dtype(_TERMS)

# An ended order with a client id, remembered for idempotent retries: global FIFO (older, newer), account's FIFO (next).
ENDED = np.dtype(
    [
        *_ORDER_DATA,
        ("account", "<i4"),
        *_TERMS,
        ("order_id", "<i8"),
        ("older", "<i4"),
        ("newer", "<i4"),
        ("account_next", "<i4"),
        ("client_chain", "<i4"),
    ]
)

# `key` orders the levels of one book: the lower the better, whatever the side (see levels.py).
LEVEL_RECORD = np.dtype(
    [
        ("lots", "<i8"),  # shown
        ("key", "<i4"),
        ("book", "<u4"),
        ("head", "<u4"),
        ("tail", "<u4"),
        ("orders", "<i4"),
        ("page", "<u4"),  # or next free level
    ]
)
PAGE = np.dtype(
    [
        ("name", "<i8"),  # book and number; see levels.py
        ("bits", "<i8"),  # which prices hold a level
        ("chain", "<u4"),  # next page in its hash chain
        ("spare", "<u4"),  # on the stack of pages that were empty once: the one below it, NO_PAGE_BELOW at the bottom
        ("node", "<u4"),  # where its node was last seen
        ("sole", "<u4"),  # its level, if it holds but one; else 0 (see levels.py)
    ]
)
NO_PAGE_BELOW = (1 << 32) - 1
NODE = np.dtype([("name", "<i8"), ("bits", "<i8")])
BOOK = np.dtype(
    [
        ("best_key", "<i8"),
        ("second_key", "<i8"),  # -1: not known
        ("best", "<u4"),
        ("second", "<u4"),  # the level that becomes the best when the best one goes; 0: not known
        ("levels", "<i4"),
        ("pad0", "<i4"),
    ]
)

MARKET_RECORD = np.dtype(
    [
        ("lot_atoms", "<i8"),
        ("tick_atoms", "<i8"),
        ("min_lots", "<i8"),
        ("max_lots", "<i8"),  # what stands in the definition; 0: none
        ("limit_lots", "<i8"),  # the bound in force
        ("last_ticks", "<i8"),
        ("low_ticks", "<i8"),  # trades since triggers were last looked at
        ("high_ticks", "<i8"),
        ("trades", "<i8"),
        ("updates", "<i8"),
        ("band_up_ppm", "<i8"),
        ("band_down_ppm", "<i8"),
        ("impact_ppm", "<i8"),
        ("max_open_orders", "<i8"),
        ("base", "<i4"),
        ("quote", "<i4"),
        ("state", "<i4"),
        ("open_orders", "<i4"),
    ]
)
FEE = np.dtype([("maker_ppm", "<i8"), ("taker_ppm", "<i8"), ("own", "<i8")])  # own: set for this tier itself
ASSET_RECORD = np.dtype(
    [("symbol", f"S{MAX_SYMBOL_BYTES}"), ("decimals", "<i8"), ("deposited", "<i8"), ("withdrawn", "<i8")]
)
ACCOUNT_RECORD = np.dtype(
    [
        ("state", "<i4"),
        ("tier", "<i4"),
        ("first_order", "<i4"),
        ("last_order", "<i4"),
        ("open_orders", "<i4"),
        ("ended_first", "<i4"),
        ("ended_last", "<i4"),
        ("ended", "<i4"),
        ("timers", "<i4"),
        ("timers_armed", "<i4"),
        ("keys", "<i4"),  # that are not revoked
        ("withdrawals", "<i4"),  # references of its own that are remembered, oldest first
        ("withdrawal_first", "<i4"),
        ("withdrawal_last", "<i4"),
    ]
)
BALANCE_RECORD = np.dtype([("available", "<i8"), ("locked", "<i8")])
KEY_RECORD = np.dtype(
    [
        ("a", "<i8"),
        ("b", "<i8"),
        ("c", "<i8"),
        ("d", "<i8"),
        ("account", "<i4"),
        ("permissions", "<i4"),  # 0: revoked
        ("chain", "<i4"),
        ("newer", "<i4"),  # of a revoked one: the one revoked after it
    ]
)
REFERENCE = np.dtype(
    [
        ("reference", "<i8"),
        ("content", "<i8"),  # of one that an account made: a mark of all that a repeat repeats
        ("scope", "<i4"),  # the asset; of one that an account made, the account
        ("direction", "<i4"),
        ("chain", "<i4"),
        ("newer", "<i4"),  # of one that an account made: its next one
    ]
)
# How one table is divided among the accounts that share it (see shares.py).
SHARE = np.dtype(
    [
        ("own", "<i8"),  # entries that each account has for itself
        ("pool", "<i8"),  # entries for all, beyond those
        ("most", "<i8"),  # of them for one account
        ("taken", "<i8"),  # of them now
    ]
)
TIMER = np.dtype(
    [
        ("due_ms", "<i8"),
        ("number", "<i8"),
        ("gateway", "<i8"),
        ("account", "<i4"),
        ("market", "<i4"),  # 0: all
        ("kind", "<i4"),
        ("next", "<i4"),  # of its account, or next free
        ("place", "<i4"),  # in the heap
        ("pad0", "<i4"),
    ]
)
GATEWAY = np.dtype([("gateway", "<i8"), ("incarnation", "<i8"), ("sequence", "<i8"), ("used", "<i8")])

# Numba compares IntEnum members, but knows no IntFlag: the flags as plain integers.
POST_ONLY = int(OrderFlag.POST_ONLY)
HAS_CLIENT_ID = int(OrderFlag.HAS_CLIENT_ID)
BY_QUOTE = int(OrderFlag.BY_QUOTE)
TRIGGER = int(OrderFlag.TRIGGER)
TRIGGER_ABOVE = int(OrderFlag.TRIGGER_ABOVE)
ICEBERG = int(OrderFlag.ICEBERG)
TAKER = int(OrderFlag.TAKER)
HAS_BOUND = int(OrderFlag.HAS_BOUND)
HAS_AMOUNT = BY_QUOTE | ICEBERG  # TERMS.amount_atoms holds
HAS_TERMS = HAS_AMOUNT | TRIGGER | HAS_CLIENT_ID
COMMAND_FLAGS = POST_ONLY | HAS_CLIENT_ID | BY_QUOTE | TRIGGER | ICEBERG | HAS_BOUND

UNLISTED = -1  # INFO.account_prev of an order outside its account's list

assert ORDER.itemsize == 32
assert INFO.itemsize == 64
assert LEVEL_RECORD.itemsize == 32
assert TERMS.itemsize == 24
assert NODE.itemsize == BALANCE_RECORD.itemsize == 16
assert INFO.fields is not None and INFO.fields["pad0"][1] == 32 and INFO.fields["client_id"][1] == 40
