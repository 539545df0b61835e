"""The codes of an order as one number: COMMAND, INFO and EVENT hold them in the same bytes of one word.

    byte 0 kind · 1 side · 2 order_type · 3 time_in_force · 4 self_trade · 5 flags · 6 status · 7 reason

INFO leaves kind and reason 0. So a kernel copies and tests all codes in one step. A word must be written whole: reading
one that was just put together from bytes makes the processor wait.
"""

from engine_core.book.memory.records import BY_QUOTE, HAS_CLIENT_ID, ICEBERG, POST_ONLY, TRIGGER, Ended, Info
from engine_core.book.memory.state import State
from engine_core.jit.intrinsics import either
from engine_core.jit.kernel import hot
from engine_core.jit.rows import load_word, store_word
from engine_core.wire.codes import OrderStatus, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import CommandRow, EventRow

_IN_RECORD = 0  # the word of COMMAND and EVENT
_IN_INFO = 4

# the first bit of each
_SIDE, _ORDER_TYPE, _TIME_IN_FORCE, _SELF_TRADE, _FLAGS, _STATUS, _REASON = 8, 16, 24, 32, 40, 48, 56
_BYTE = 0xFF

_CHOICES = (_SIDE, Side), (_ORDER_TYPE, OrderType), (_TIME_IN_FORCE, TimeInForce), (_SELF_TRADE, SelfTrade)
_CHOSEN = sum(_BYTE << at for at, _ in _CHOICES)
_LEAST = sum(1 << at for at, _ in _CHOICES)
_MOST = sum(len(codes) << at for at, codes in _CHOICES)
_TOP_BITS = sum(0x80 << at for at, _ in _CHOICES)

_TYPE = _BYTE << _ORDER_TYPE
_LIMIT = OrderType.LIMIT << _ORDER_TYPE
_TYPE_AND_TIME = _TYPE | _BYTE << _TIME_IN_FORCE
_LIMIT_TILL_CANCELLED = _LIMIT | TimeInForce.GTC << _TIME_IN_FORCE
_OF_COMMAND = _CHOSEN | _BYTE << _FLAGS
_AMOUNT = (BY_QUOTE | ICEBERG) << _FLAGS
_TERMS = _AMOUNT | (TRIGGER | HAS_CLIENT_ID) << _FLAGS

assert int(Side.BID) == POST_ONLY == 1 and not Side.ASK & Side.BID
assert TimeInForce.GTC & 2 == 0 != TimeInForce.IOC & TimeInForce.FOK & 2


@hot
def codes_of_command(command: CommandRow) -> int:
    """Without the kind."""
    return load_word(command, _IN_RECORD) & _OF_COMMAND


@hot
def codes_in(info: Info | Ended) -> int:
    return load_word(info, _IN_INFO)


@hot
def codes_of_order(state: State, slot: int) -> int:
    return codes_in(state.info[slot])


@hot
def flags_in(codes: int) -> int:
    return (codes >> _FLAGS) & _BYTE


@hot
def by_side(codes: int, bid: int, ask: int) -> int:
    """`bid` or `ask`, by the side of the order."""
    return either(bool(codes & (Side.BID << _SIDE) != 0), bid, ask)


@hot
def is_limit(codes: int) -> bool:
    return bool(codes & _TYPE == _LIMIT)


@hot
def can_rest(codes: int) -> bool:
    """Whether what is left of the order stays in the book."""
    return bool(codes & _TYPE_AND_TIME == _LIMIT_TILL_CANCELLED)


@hot
def can_stay(codes: int) -> bool:
    """Whether the order may outlive its command, and so needs a slot."""
    return bool(can_rest(codes) or codes & (TRIGGER << _FLAGS) != 0)


@hot
def has_amount(codes: int) -> bool:
    """Whether the order has a number of its own besides price and quantity: a market order `amount_atoms`, a limit
    order `display_lots`. TERMS keeps it, ENDED remembers it, and every event of the order but a FILL carries it."""
    return bool(codes & _AMOUNT != 0)


@hot
def has_terms(codes: int) -> bool:
    """Whether anything of the order stands in TERMS: an amount, a trigger, or the mark of a client id."""
    return bool(codes & _TERMS != 0)


@hot
def not_among_choices(codes: int) -> int:
    """0 if side, order type, time in force and self-trade mode are codes that exist: from 1 to as many as there are.

    Subtracts in all four bytes at once; what is too small or too large sets the top bit of its byte.
    """
    chosen = codes & _CHOSEN
    return ((chosen - _LEAST) | (_MOST - chosen)) & _TOP_BITS


@hot
def not_plain(codes: int) -> int:
    """0 for a limit order with no flags but a client id or, good till cancelled, post-only."""
    unusual = _TYPE | (_BYTE & ~(HAS_CLIENT_ID | POST_ONLY)) << _FLAGS
    post_only_yet_immediate = (codes >> _FLAGS) & (codes >> (_TIME_IN_FORCE + 1)) & 1
    return ((codes & unusual) ^ _LIMIT) | post_only_yet_immediate


@hot
def new_order(codes: int, flags: int) -> int:
    """The codes of INFO for a new order with these flags."""
    return (codes & _CHOSEN) | flags << _FLAGS | OrderStatus.NEW << _STATUS


@hot
def set_order_codes(state: State, slot: int, codes: int) -> None:
    store_word(state.info[slot], _IN_INFO, codes)


@hot
def set_status(state: State, slot: int, status: int) -> None:
    set_order_codes(state, slot, (codes_of_order(state, slot) & ~(_BYTE << _STATUS)) | status << _STATUS)


@hot
def write_codes(event: EventRow, codes: int, kind: int, reason: int) -> None:
    """Those of an order or a command, with the kind and the reason of the event."""
    store_word(event, _IN_RECORD, codes | kind | reason << _REASON)
