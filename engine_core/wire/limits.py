"""Bounds that the formats and the processes agree on, and how they relate.

Capacities of one deployment (accounts, orders, markets) are configuration; what stands here is fixed by the formats.
"""

MAX_PRICE_TICKS = 2**31 - 1
MAX_SUPPLY_ATOMS = 2**62  # of one asset, all accounts together: sums of balances cannot overflow
MAX_QUANTITY_LOTS = 2**62
MAX_INT64 = 2**63 - 1

MAX_MARKETS = 2**16 - 1  # EVENT.market is 16 bits wide
MAX_ASSETS = 2**16 - 1
MAX_DECIMALS = 9
MAX_TICK_DECIMALS = 18  # enough for any tick of two assets of at most MAX_DECIMALS
MAX_SYMBOL_BYTES = 8
MAX_ACCOUNT = 2**32 - 1
MAX_CLIENT_ID = 2**32 - 1

KEYS_OF_ONE_ACCOUNT = 50  # API keys that are not revoked
MAX_TIMER_MS = 24 * 3600 * 1000  # of a dead-man switch (CANCEL_AFTER) and of a gateway's lease

MAX_BLOCK_COMMANDS = 1024
MAX_EVENTS_PER_COMMAND = 4096  # fills, triggers and cancel-all of one command; the rest continues or expires
MAX_ICEBERG_PARTS = 2000  # of its quantity, each as large as what it shows: a part costs its taker three events
MAX_BLOCK_EVENTS = 65_536  # the kernel yields between commands before its buffer could overflow
PPM = 1_000_000
LAST_TIER = 15  # of fees; the fees of tier 0 are those of exchange.toml
MAX_FEE_PPM = PPM // 10  # that anybody may set

FEE_ACCOUNT = 1  # receives the fees; GENESIS makes it
ALL_MARKETS = 0xFFFF_FFFF
SLOT_BITS = 24  # order id = counter << SLOT_BITS | slot; slot 0 = never rested
SHARD_BITS = 4  # of the counter, its highest: whose order it is
MOST_SHARDS = 1 << SHARD_BITS  # numbered from 0, which is where money comes and goes
MAX_MARKET_MOVES = 2**16 - 1  # of one market from shard to shard, ever
ORDERS_OF_A_SHARD = 1 << (63 - SHARD_BITS - SLOT_BITS)  # that it may ever make
SHARD_OF_NUMBER_AT = 48  # bit of a running number of an account's rows in all markets from which on the shard stands


def shard_of_order(order_id: int) -> int:
    """The shard that made it, wherever its market trades now."""
    return order_id >> (63 - SHARD_BITS)


assert MAX_EVENTS_PER_COMMAND <= MAX_BLOCK_EVENTS
assert MAX_BLOCK_COMMANDS <= 2**16 - 1  # EVENT.index is 16 bits wide, 0xFFFF = the whole block
assert 2 * MAX_SUPPLY_ATOMS <= MAX_INT64 + 1
