"""The records of the exchange, each declared once. Little-endian, explicit padding, sizes and offsets asserted here.

COMMAND and ADMIN are two shapes of the same 64 bytes (kind < 32: COMMAND, else ADMIN); EVENT and ADMIN_EVENT are two
shapes of the same 128 bytes. Arithmetic fields are int64; narrower fields hold codes and identifiers, and prices in
EVENT (which are only stored and widened). Units end the names: ticks, lots, atoms, ms, ns.

    COMMAND, 64 bytes                               ADMIN, 64 bytes
     0 kind side order_type time_in_force            0 kind code decimals flags   (u1 each)
       self_trade flags pad pad     (u1 each)        4 market            u4
     8 market            u4                          8 account           u4
    12 account           u4                         12 asset             u4   (base asset of a market)
    16 order_id          i8                         16 quote_asset       u4
    24 client_id         u4  (HAS_CLIENT_ID)        20 to_account        u4   (of a TRANSFER)
    28 pad               u4                         24 symbol            S8   (of an asset)
    32 price_ticks       i8                         32 a  i8 ┐ or by the names below
    40 quantity_lots     i8                         40 b  i8 │ or public_key, 32 bytes (KEY, KEY_REVOKE):
    48 trigger_ticks     i8                         48 c  i8 │ key_word_0 to key_word_3
    56 amount_atoms      i8  or display_lots        56 d  i8 ┘

`amount_atoms`: quote amount of a BY_QUOTE market order, milliseconds of CANCEL_AFTER; `display_lots` (same bytes): an
iceberg's shown part.

What a, b, c, d (each a field by these names, too) and code of an ADMIN record mean:

    kind          identifies          code         a               b              c             d
    GENESIS       market: the shard   schema       log_id          behaviour      created_ms    -
    UPGRADE                           -            new_behaviour   -              -             -
    ASSET         asset, symbol       -            (decimals: its own field)
    MARKET        market, asset,      MarketState  lot_atoms       tick_atoms     min_lots      max_lots
                  quote_asset
    MARKET_STATE  market, move,       MarketState  trades          update_id      last_ticks    -
                  goes_to             (flags:      (where it traded before; else 0)
                                      MarketFlag)
    MARKET_BANDS  market              -            band_up_ppm     band_down_ppm  impact_ppm    max_open_orders
                                                   (0: no band)    (0: none)      (0: none)     (an account; 0: none)
    FEES          market              tier         maker_ppm       taker_ppm      -             -
    FEE_TIER      account             tier         -               -              -             -
    ACCOUNT       account             AccountOrigin -              -              -             -
    ACCOUNT_STATE account             AccountState -               -              -             -
    KEY           account, public_key permissions
    KEY_REVOKE    account, public_key -
    DEPOSIT       account, asset      -            amount_atoms    reference      -             -
    WITHDRAW      account, asset      -            amount_atoms    reference      asked_address asked
    TRANSFER      account,            -            amount_atoms    reference      asked_address asked
                  to_account, asset                               (see wire/destinations.py; 0, 0: by an operator)
    LEASE         account             LeaseAction  gateway         ttl_ms         -             -
    SKIP          -                   -            entry_ms        entry_seq      -             -
    CAPACITY      -                   of state.    capacity, at
                                      Capacities   least as now
    SHARES        -                   1 divided    -               -              -             -
                                      0 not
    MOVE_OUT,     account, asset      the other    amount_atoms    sequence       move_         -
    MOVE_IN                           shard                                       reference
    ACCOUNT_      account             AccountOption -              -              -             -
    OPTIONS

`lot_atoms`: base atoms of one lot. `tick_atoms`: quote atoms of one lot at one tick; the price of one tick in whole
units is tick_atoms/10^quote_decimals divided by lot_atoms/10^base_decimals. `reference`: unique per asset and
direction, so a repeated deposit is refused; of what an account asks for itself (asked is not 0), per account.
`sequence`: 1, 2, 3, ... of an account's moves from one shard to another; both halves of a move have the same one, and
the same reference, which is not 0. `move`: 1, 2, 3, ... of a market's moves from shard to shard; `goes_to`: where to,
the number of that shard + 1; 0: not said (book/markets.py). Accounts, assets and markets are numbered 1, 2, 3, ...
without gaps (0 = unset); account 1 is the fee account, created by GENESIS.
A TRANSFER has two APPLIED: the first with `account`, the second with `to_account` and its balance.

    EVENT, 128 bytes                                ADMIN_EVENT, 128 bytes
      0 kind side order_type time_in_force            0 kind pad.. reason at 7
        self_trade flags status reason (u1 each)
      8 market           u2                           8 pad
     10 index            u2  command in its block    10 index            u2  (0xFFFF: the block)
     12 account          u4                          12 account          u4
     16 order_id         i8                          16 pad
     24 client_id        u4                          24 pad
     28 price_ticks      i4  (FILL: of the trade)    28 pad
     32 given_available  i8  atoms, after            32 given_available  i8  (money moved)
     40 given_locked     i8  atoms, after            40 given_locked     i8
     48 update_id        i8  depth sequence, 0: no   48 pad
                             level changed
     56 level_lots       i8  shown at price_ticks    56 pad
                             after; taker's FILL:
                             limit_ticks instead
     64 quantity_lots    i8                          64 command          64 bytes, as ADMIN
     72 executed_lots    i8  cumulative
     80 executed_atoms   i8  cumulative quote
     88 received_available i8 atoms, after
     96 counter_order_id i8  or trigger_ticks
    104 trade_id         i8  or amount_atoms
    112 fill_lots        i8  or display_lots
    120 fee_atoms        i8  or created_ms

The second names of 96-127 hold in every EVENT that is not a FILL. A Bid gives the quote asset and receives the base
asset, an Ask the other way round; `given_*` and `received_available` are the account's balances after this event.
`update_id` counts the level changes of a market; `level_lots` is what the level (side, price_ticks) shows after it,
0 = the level is gone. In a FILL of the maker side/price are the maker's own, so they name the level. REJECTED carries
the fields of the command as far as they were known, and no balances.
"""

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import numpy as np

from engine_core.jit.records import I4, I8, U1, U2, U4, Record, Text8, dtype_of

SCHEMA_VERSION = 1
BEHAVIOUR_VERSION = 3  # of what commands give; raised with `exchange upgrade` only (see runtime/upgrade.py)


def record(size: int, fields: list[tuple[str, str, int]]) -> np.dtype:
    """A packed record dtype from (name, format, offset); the same bytes may have two names."""
    names, formats, offsets = zip(*fields, strict=True)
    dtype = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})
    covered = bytearray(size)
    for name, _, offset in fields:
        for byte in range(offset, offset + dtype[name].itemsize):
            covered[byte] = 1
    assert all(covered), f"undeclared padding at byte {covered.index(0)}"
    return dtype


Bytes2: TypeAlias = Annotated[Any, "(2,)u1"]
Bytes3: TypeAlias = Annotated[Any, "(3,)u1"]
Bytes4: TypeAlias = Annotated[Any, "(4,)u1"]
Bytes6: TypeAlias = Annotated[Any, "(6,)u1"]
Bytes16: TypeAlias = Annotated[Any, "(16,)u1"]
Bytes32: TypeAlias = Annotated[Any, "(32,)u1"]


class _OrderCodes(Record):
    kind: U1
    side: U1
    order_type: U1
    time_in_force: U1
    self_trade: U1
    flags: U1


class CommandRow(_OrderCodes):
    pad0: Bytes2
    market: U4
    account: U4
    order_id: I8
    client_id: U4
    pad1: Bytes4
    price_ticks: I8
    quantity_lots: I8
    trigger_ticks: I8
    amount_atoms: I8
    display_lots: Annotated[I8, "amount_atoms"]


class AdminWords(Record):
    kind: U1
    code: U1
    decimals: U1
    flags: U1
    market: U4
    account: U4
    asset: U4
    quote_asset: U4
    to_account: U4
    symbol: Text8
    a: I8
    b: I8
    c: I8
    d: I8
    public_key: Annotated[Bytes32, "a"]


A: TypeAlias = Annotated[I8, "a"]
B: TypeAlias = Annotated[I8, "b"]
C: TypeAlias = Annotated[I8, "c"]
D: TypeAlias = Annotated[I8, "d"]


class AdminRow(AdminWords):
    """a, b, c, d and others under the names of the table above."""

    move: Annotated[U4, "quote_asset"]
    goes_to: Annotated[U4, "to_account"]
    log_id: A
    new_behaviour: A
    lot_atoms: A
    band_up_ppm: A
    maker_ppm: A
    amount_atoms: A
    gateway: A
    entry_ms: A
    capacity: A
    key_word_0: A
    trades: A
    behaviour: B
    tick_atoms: B
    band_down_ppm: B
    taker_ppm: B
    reference: B
    ttl_ms: B
    entry_seq: B
    key_word_1: B
    update_id: B
    sequence: B
    created_ms: C
    min_lots: C
    impact_ppm: C
    asked_address: C
    key_word_2: C
    last_ticks: C
    move_reference: C
    max_lots: D
    max_open_orders: D
    asked: D
    key_word_3: D


COMMAND, ADMIN = dtype_of(CommandRow), dtype_of(AdminRow)


class EventRow(_OrderCodes):
    status: U1
    reason: U1
    market: U2
    index: U2
    account: U4
    order_id: I8
    client_id: U4
    price_ticks: I4
    given_available: I8
    given_locked: I8
    update_id: I8
    level_lots: I8
    limit_ticks: Annotated[I8, "level_lots"]
    quantity_lots: I8
    executed_lots: I8
    executed_atoms: I8
    received_available: I8
    counter_order_id: I8
    trigger_ticks: Annotated[I8, "counter_order_id"]
    trade_id: I8
    amount_atoms: Annotated[I8, "trade_id"]
    fill_lots: I8
    display_lots: Annotated[I8, "fill_lots"]
    fee_atoms: I8
    created_ms: Annotated[I8, "fee_atoms"]


class AdminEventRow(Record):
    kind: U1
    pad0: Bytes6
    reason: U1
    pad1: Bytes2
    index: U2
    account: U4
    pad2: Bytes16
    given_available: I8
    given_locked: I8
    pad3: Bytes16
    command: Annotated[AdminRow, ADMIN]


EVENT, ADMIN_EVENT = dtype_of(EventRow), dtype_of(AdminEventRow)

WHOLE_BLOCK = 0xFFFF  # EVENT.index of BLOCK_REFUSED

# The header of a block, of either log. A COMMAND block's own fields come from the gateway; an EVENT block repeats the
# gateway fields of the entry that it mirrors, so answers are matched by (gateway, incarnation, sequence, index).
#
#     0 magic u4 · 4 schema u2 · 6 record_bytes u2 · 8 log_id i8 · 16 epoch i8 · 24 gateway u4 · 28 count u4
#    32 incarnation i8 · 40 sequence i8 (1, 2, 3, ... of this incarnation) · 48 time_ms i8 · 56 commands u4 · 60 crc u4
#
# time_ms: of a COMMAND block the gateway's stamp, of an EVENT block the engine time. commands: of an EVENT block the
# number of commands that it answers. crc: CRC-32 of the header with crc = 0, then of the records.
BLOCK_HEADER = record(
    64,
    [
        ("magic", "<u4", 0),
        ("schema", "<u2", 4),
        ("record_bytes", "<u2", 6),
        ("log_id", "<i8", 8),
        ("epoch", "<i8", 16),
        ("gateway", "<u4", 24),
        ("count", "<u4", 28),
        ("incarnation", "<i8", 32),
        ("sequence", "<i8", 40),
        ("time_ms", "<i8", 48),
        ("commands", "<u4", 56),
        ("crc", "<u4", 60),
    ],
)
COMMAND_MAGIC = 0x444D4345  # "ECMD"
EVENT_MAGIC = 0x54564545  # "EEVT"

# One event as it travels in the ring, and as every feed hands it on, whether it came from the ring or the stream:
# EVENT, then where and when. position: of the event in its block; block_events: how many the block has.
SLOT = record(
    192,
    [
        ("event", EVENT, 0),  # type: ignore[list-item]
        ("entry_ms", "<i8", 128),
        ("entry_seq", "<i8", 136),
        ("gateway", "<u4", 144),
        ("position", "<u4", 148),
        ("incarnation", "<i8", 152),
        ("sequence", "<i8", 160),
        ("time_ms", "<i8", 168),  # engine time
        ("published_ns", "<i8", 176),  # wall clock of the publishing engine, 0 when read from the stream
        ("block_events", "<u4", 184),
        ("pad0", "(4,)u1", 188),
    ],
)


def join(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The records of at least one array, one after the other, as they are.

    np.concatenate alone would lay the dtype out again, with a place of its own for each of two names of the same bytes.
    """
    record = parts[0].dtype
    opaque = np.dtype((np.void, record.itemsize))
    return np.concatenate([np.ascontiguousarray(part).view(opaque) for part in parts]).view(record)


assert COMMAND.itemsize == ADMIN.itemsize == 64
assert EVENT.itemsize == ADMIN_EVENT.itemsize == 128
