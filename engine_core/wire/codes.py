"""Every code of the exchange: explicit numbers, 0 means unset, a number is never reused.

The numbers are the wire format of COMMAND and EVENT records and of the snapshots; names are those of the field and,
where a client sees them, those of the public API (Bid/Ask, RejectTaker, ...).
"""

from engine_core.jit.codes import Codes, Flags


class Side(Codes):
    """Bid buys the base asset, Ask sells it."""

    BID = 1
    ASK = 2


class OrderType(Codes):
    LIMIT = 1
    MARKET = 2


class TimeInForce(Codes):
    GTC = 1
    IOC = 2
    FOK = 3


class SelfTrade(Codes):
    """Self-trade prevention; the taker's mode decides."""

    REJECT_TAKER = 1
    REJECT_MAKER = 2
    REJECT_BOTH = 3
    DECREMENT = 4


class OrderFlag(Flags):
    """Bits of COMMAND.flags and EVENT.flags."""

    POST_ONLY = 1
    HAS_CLIENT_ID = 2
    BY_QUOTE = 4  # a market order sized by `amount_atoms` of quote instead of `quantity_lots`
    TRIGGER = 8  # held until the last price reaches `trigger_ticks`
    TRIGGER_ABOVE = 16  # EVENT only: fires at >= trigger (else at <=); fixed by the engine at placement
    ICEBERG = 32  # shows only `display_lots`
    TAKER = 64  # EVENT only: this FILL is the taker's
    HAS_BOUND = 128  # a market order with a worst acceptable price in `price_ticks`


class OrderStatus(Codes):
    NEW = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELLED = 4
    EXPIRED = 5
    TRIGGER_PENDING = 6
    TRIGGER_FAILED = 7


OVER = (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.TRIGGER_FAILED)


class MarketState(Codes):
    OPEN = 1
    CLOSED = 2
    CANCEL_ONLY = 3
    LIMIT_ONLY = 4
    POST_ONLY = 5
    ELSEWHERE = 6  # it trades in another shard: here only its definition is


class MarketFlag(Flags):
    """Bits of ADMIN.flags of a MARKET_STATE."""

    MOVES_HERE = 1  # from another shard, whose numbers stand beside it; without it what is ELSEWHERE stays so


class AccountState(Codes):
    OK = 1
    FROZEN = 2  # it can only cancel orders


class AccountOption(Flags):
    """Bits of ADMIN.code of ACCOUNT_OPTIONS: what an account has asked for."""

    AUTO_TRANSFER = 1  # placing an order moves what it lacks from other shards


class AccountOrigin(Codes):
    """ADMIN.code of an ACCOUNT; 0: an administrator made it."""

    SIGN_UP = 1  # the last accounts are not for these (see book/ledger/shares.py)


class LeaseAction(Codes):
    TAKE = 1  # or renew
    GIVE_UP = 2


class KeyPermission(Flags):
    READ = 1
    TRADE = 2
    WITHDRAW = 4


class CommandKind(Codes):
    """What a COMMAND does. 1-31 use the ORDER shape of the record, 32 and above the ADMIN shape."""

    PLACE = 1
    CANCEL = 2  # by order_id, or by client_id when HAS_CLIENT_ID is set
    AMEND = 3  # new price_ticks and/or quantity_lots (0: keep)
    CANCEL_ALL = 4  # of one account; market 0xFFFFFFFF: all markets; order_type: 0 all, else a CancelScope
    CANCEL_AFTER = 5  # dead-man timer: amount_atoms = milliseconds, 0 disarms
    REPLACE = 6  # cancel order_id and place the rest of this record: both, or neither with a reason
    TICK = 7  # lets due timers fire; carries no time of its own

    GENESIS = 32
    UPGRADE = 33
    ASSET = 34
    MARKET = 35
    MARKET_STATE = 36
    MARKET_BANDS = 37
    FEES = 38
    ACCOUNT = 39
    ACCOUNT_STATE = 40
    KEY = 41
    KEY_REVOKE = 42
    DEPOSIT = 43
    WITHDRAW = 44
    FEE_TIER = 45
    LEASE = 46  # a gateway's lease for cancel-on-disconnect
    SKIP = 47  # an operator's order not to execute a block that crashes the engine
    CAPACITY = 48  # how much of one thing fits from here on
    TRANSFER = 49  # from one account to another: both halves in one command, with one APPLIED for each
    SHARES = 50  # whether what all accounts share is divided among them (book/ledger/shares.py)
    MOVE_OUT = 51  # money of an account leaves for another shard
    MOVE_IN = 52  # and arrives there
    ACCOUNT_OPTIONS = 53


class CancelScope(Codes):
    RESTING = 1
    CONDITIONAL = 2


class EventKind(Codes):
    """What happened. 1-31 use the ORDER shape of EVENT, 32 and above the ADMIN shape."""

    ACCEPTED = 1  # passed all checks; carries a level change when it rests at once, without a trade
    FILL = 2  # one side of a trade; the maker's comes first (with the level change), then the taker's (flag TAKER)
    RESTED = 3  # the remainder of an order that traded first now rests: a level change
    CANCELLED = 4
    EXPIRED = 5  # ended by the engine, with a reason
    REJECTED = 6  # the command changed nothing, with a reason
    AMENDED = 7  # new price/quantity; a level change of its (old = new) level when it kept its place
    UNRESTED = 8  # left its level to be queued again (amend); a level change of the old level
    TRIGGER_PLACED = 9
    TRIGGERED = 10  # its trigger fired; ACCEPTED of the same id follows
    TRIGGER_FAILED = 11
    REPLENISHED = 12  # an iceberg showed its next part: a level change
    CANCEL_ALL_DONE = 13  # closes a CANCEL_ALL; executed_lots = number of orders cancelled
    ORDER_STATE = 14  # answers of queries only, never in the log
    DUPLICATE = 15  # a retry with the same clientId and economics: the state of the order that exists
    TIMER_ARMED = 16

    APPLIED = 32  # an ADMIN command took effect; the record repeats it
    REFUSED = 33  # an ADMIN command changed nothing, with a reason; the record repeats it
    BLOCK_REFUSED = 34  # a whole block was not executed, with a reason


# Of the life of an order. The others of the ORDER shape (REJECTED, DUPLICATE, …) changed nothing, or close something.
ORDER_EVENTS = (
    *(EventKind.ACCEPTED, EventKind.FILL, EventKind.RESTED, EventKind.CANCELLED, EventKind.EXPIRED),
    *(EventKind.AMENDED, EventKind.UNRESTED, EventKind.TRIGGER_PLACED, EventKind.TRIGGERED, EventKind.TRIGGER_FAILED),
    EventKind.REPLENISHED,
)


class Reason(Codes):
    """Why something was rejected, refused, expired or cancelled. Precedence: order of checks in book/commands.py."""

    NONE = 0
    # the block
    BAD_CRC = 1
    BAD_SCHEMA = 2
    BAD_LOG = 3  # log ID or epoch of another log
    BAD_SIZE = 4
    DUPLICATE_BLOCK = 5
    SEQUENCE_GAP = 6
    STALE_INCARNATION = 7
    SKIPPED = 8
    BEHAVIOUR_VERSION = 9
    # the record
    UNKNOWN_COMMAND = 16
    BAD_FIELD = 17
    UNKNOWN_MARKET = 18
    UNKNOWN_ACCOUNT = 19
    UNKNOWN_ASSET = 20
    ACCOUNT_FROZEN = 21
    MARKET_CLOSED = 22
    MARKET_CANCEL_ONLY = 23
    MARKET_LIMIT_ONLY = 24
    MARKET_POST_ONLY = 25
    PRICE_OUT_OF_RANGE = 26
    PRICE_OUT_OF_BAND = 27
    QUANTITY_TOO_SMALL = 28
    QUANTITY_TOO_LARGE = 29
    NOTIONAL_OVERFLOW = 30
    INSUFFICIENT_FUNDS = 31
    POST_ONLY_WOULD_TAKE = 32
    DUPLICATE_CLIENT_ID = 33
    ORDER_NOT_FOUND = 34
    TOO_MANY_OPEN_ORDERS = 35
    TRIGGER_EQUALS_LAST = 36
    NO_LAST_PRICE = 37
    BOUND_REQUIRED = 38
    NOT_AMENDABLE = 39
    MARKET_BUSY = 40  # an order that came before and trades more than the events of one command is not done yet
    MARKET_ELSEWHERE = 41  # another shard has this market
    # capacity
    ORDERS_FULL = 48
    ACCOUNTS_FULL = 49
    MARKETS_FULL = 50
    ASSETS_FULL = 51
    LEVELS_FULL = 52
    KEYS_FULL = 53
    TIMERS_FULL = 54
    REFERENCES_FULL = 55
    # not full, but the account or the market has its share (book/ledger/shares.py)
    ORDERS_SHARE = 56
    MARKET_SHARE = 57
    KEYS_SHARE = 58
    TIMERS_SHARE = 59
    LINKS_FULL = 60  # accounts that move money between shards, by pairs of shards
    ORDER_IDS_SPENT = 61  # the shard has given all of its order ids
    # admin
    ALREADY_EXISTS = 64
    BAD_DEFINITION = 65
    SUPPLY_LIMIT = 66
    DUPLICATE_REFERENCE = 67
    UNKNOWN_KEY = 68
    ALREADY_GENESIS = 69
    NO_GENESIS = 70
    REPEATED = 71  # the same withdrawal or move once more: nothing moved, what was asked for is done already
    NOT_HOME = 72  # money comes, goes and changes accounts in shard 0 only
    BAD_SEQUENCE = 73  # not the next move between these shards, or too late for one of this market
    MARKET_IN_USE = 74  # it has open orders
    # why an order ended
    USER = 80
    IMMEDIATE_OR_CANCEL = 81
    FILL_OR_KILL = 82
    INSUFFICIENT_LIQUIDITY = 83
    SELF_TRADE = 84
    PRICE_IMPACT = 85
    CANCEL_ALL = 86
    DEAD_MAN = 87
    DISCONNECTED = 88
    EVENT_LIMIT = 89  # MAX_EVENTS_PER_COMMAND reached: what may not rest expires
    REPLACED = 90


class QueryKind(Codes):
    SETUP = 1  # assets, markets, fees, states, accounts, keys: as ADMIN records that would rebuild them
    BOOK = 2  # the levels of one market, as LEVEL records
    ORDERS = 3  # open orders of an account (market 0xFFFFFFFF: of all markets), as EVENT records
    ORDER = 4  # one order by order_id or client_id
    BALANCES = 5  # of an account, as BALANCE records
    BOOK_ORDERS = 6  # every resting order of a market in priority order: EVENT, level_lots = shown
    STATUS = 7  # one STATUS record
    LINKS = 8  # moves between shards, of an account, or 0: of all that have any; as LINK records
