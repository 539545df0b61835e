"""The answers to placements in their common form, written by one kernel: events of the feed in, JSON texts out.

Of a read of the feed, every command of this process's gateway whose events begin with ACCEPTED, of a limit order
without anything special, and are all there. What it writes are the bytes that `json_reply` makes of
operations.answers.placed(); a test compares them. It may decline anything: then that way is taken.

Non-goals: refusals, and orders that did not come by the short way.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from engine_core.edge.spelling import SELF_TRADE_WORDS, SIDE_WORDS, STATUS_WORDS, TIME_IN_FORCE_WORDS
from engine_core.jit.kernel import inner, kernel, wide
from engine_core.replica.setup import Market
from engine_core.wire.codes import EventKind, OrderFlag, OrderType
from engine_core.wire.layout import EVENT, SLOT
from engine_core.wire.slot_words import (
    BLOCK_EVENTS,
    GATEWAY,
    INCARNATION,
    LOWER_HALF,
    POSITION,
    SEQUENCE,
    UPPER_HALF_BITS,
)
from ingress.fast_path.order_kernel import MAX_DIGITS
from ingress.fast_path.request_kernel import byte_rows, text_bytes
from ingress.messages import encode_json
from ingress.schemas.order_answers import LiveOrder

MOST_ANSWERS = 512  # of one read; the others are shown in the general way
ANSWER_BYTES = 1024  # of one at most

_MOST = 10**MAX_DIGITS
_POWERS = np.array([10**n for n in range(MAX_DIGITS + 1)])
_ACCEPTED, _APPLIED, _TRIGGERED = EventKind.ACCEPTED.value, EventKind.APPLIED.value, EventKind.TRIGGERED.value
_OPENING = np.array([EventKind.TRIGGER_PLACED.value, EventKind.DUPLICATE.value, EventKind.REJECTED.value])
_LIMIT, _HAS_CLIENT_ID, _POST_ONLY = OrderType.LIMIT.value, OrderFlag.HAS_CLIENT_ID.value, OrderFlag.POST_ONLY.value
_SPECIAL = (OrderFlag.BY_QUOTE | OrderFlag.TRIGGER | OrderFlag.ICEBERG).value

# Words of a SLOT that are read here; of the first two more than one field, see layout.py.
_CODES, _INDEX, _ORDER, _CLIENT_AND_PRICE, _QUANTITY, _EXECUTED, _EXECUTED_ATOMS, _CREATED = 0, 1, 2, 3, 8, 9, 10, 15
_KIND, _SIDE, _TYPE, _TIME_IN_FORCE, _SELF_TRADE, _FLAGS, _STATUS = range(7)  # bytes of the first

# One row of words for each market, by its number.
_IS_KNOWN, _TICK_STEP, _PRICE_DECIMALS, _LOT_STEP, _QUANTITY_DECIMALS, _QUOTE_DECIMALS, _SYMBOL_LENGTH, _WORDS = range(
    8
)


def _word_rows(words: dict[int, str]) -> tuple[np.ndarray, np.ndarray]:
    """By their code; the code 0 has none."""
    return byte_rows(words.get(code, "") for code in range(max(words) + 1))


_SIDES, _SIDE_LENGTHS = _word_rows(dict(SIDE_WORDS))
_STATUSES, _STATUS_LENGTHS = _word_rows(dict(STATUS_WORDS))
_TIMES, _TIME_LENGTHS = _word_rows(dict(TIME_IN_FORCE_WORDS))
_SELF_TRADES, _SELF_TRADE_LENGTHS = _word_rows(dict(SELF_TRADE_WORDS))
_ID, _CLIENT, _SYMBOL, _SIDE_NAME = (text_bytes(t) for t in ('{"id":"', '","clientId":', ',"symbol":"', '","side":"'))
_STATUS_NAME, _TIME_NAME = text_bytes('","orderType":"Limit","status":"'), text_bytes('","timeInForce":"')
_SELF_TRADE_NAME, _POST_NAME = text_bytes('","selfTradePrevention":"'), text_bytes('","postOnly":')
_PRICE_NAME, _QUANTITY_NAME = text_bytes(',"price":"'), text_bytes('","quantity":"')
_EXECUTED_NAME = text_bytes('","quoteQuantity":null,"executedQuantity":"')
_QUOTE_NAME, _CREATED_NAME = text_bytes('","executedQuoteQuantity":"'), text_bytes('","createdAt":')
_NULL, _TRUE, _FALSE = text_bytes("null"), text_bytes("true"), text_bytes("false")


def _tail() -> np.ndarray:
    """What every answer ends with: the members that do not apply."""
    named = dict.fromkeys(("id", "symbol", "side", "orderType", "status", "timeInForce", "selfTradePrevention"), "")
    none = dict.fromkeys(("clientId", "postOnly", "price", "quantity", "quoteQuantity"))
    empty = LiveOrder(**named, **none, executedQuantity="", executedQuoteQuantity="", createdAt=1)  # type: ignore[arg-type]
    return text_bytes(encode_json(empty).partition(b'"createdAt":1')[2].decode())


_TAIL = _tail()


class ShownMarkets(NamedTuple):
    symbols: np.ndarray  # uint8, a row by number of a market
    words: np.ndarray  # int64


def shown_markets(markets: Iterable[Market]) -> ShownMarkets:
    by_number = {market.number: market for market in markets}
    count = max(by_number, default=0) + 1
    symbols, _ = byte_rows([by_number[n].symbol if n in by_number else "" for n in range(count)] + ["-"])
    words = np.zeros((count, _WORDS), np.int64)
    for number, market in by_number.items():
        units, size = market.units, len(market.symbol)
        decimals = units.price_decimals, units.quantity_decimals, units.quote_decimals
        fits = max(decimals) <= MAX_DIGITS and max(units.tick_step, units.lot_step) < _MOST
        if fits and size <= ANSWER_BYTES // 8 and market.symbol.isascii():
            words[number] = 1, units.tick_step, decimals[0], units.lot_step, decimals[1], decimals[2], size
    return ShownMarkets(symbols, words)


class Answers(NamedTuple):
    """What the kernel writes to; made once, overwritten by each read."""

    text: np.ndarray  # uint8
    orders: np.ndarray  # their ids
    ends: np.ndarray  # in the text


def answers() -> Answers:
    orders, ends = np.zeros((2, MOST_ANSWERS), np.int64)
    return Answers(np.zeros(MOST_ANSWERS * ANSWER_BYTES, np.uint8), orders, ends)


@kernel
def write_answers(slots: np.ndarray, gateway: int, markets: ShownMarkets, made: Answers) -> int:
    """Of slots as int64 rows; how many answers were written."""
    at, count, length, total = 0, 0, 0, len(slots)
    while at < total and count < MOST_ANSWERS:
        if slots[at, GATEWAY] & LOWER_HALF != gateway:
            at += 1
            continue
        end = at + 1
        while end < total and _same(slots[at], slots[end]):
            end += 1
        is_begun = at > 0 or slots[at, POSITION] >> UPPER_HALF_BITS == 0
        position = slots[end - 1, POSITION] >> UPPER_HALF_BITS
        if is_begun and (end < total or position + 1 == slots[end - 1, BLOCK_EVENTS]):
            last = _last(slots, at, end)
            written = _write(slots[at], slots[last], markets, made.text[length:]) if last >= 0 else 0
            if written:
                length += written
                made.orders[count], made.ends[count] = slots[at, _ORDER], length
                count += 1
        at = end
    return count


@inner
def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether both are of one command."""
    return bool(
        one[GATEWAY] & LOWER_HALF == other[GATEWAY] & LOWER_HALF
        and one[INCARNATION] == other[INCARNATION]
        and one[SEQUENCE] == other[SEQUENCE]
        and (one[_INDEX] >> 16) & 0xFFFF == (other[_INDEX] >> 16) & 0xFFFF
    )


@inner
def _code(event: np.ndarray, place: int) -> int:
    return wide((event[_CODES] >> (8 * place)) & 0xFF)


@inner
def _last(slots: np.ndarray, first: int, end: int) -> int:
    """The last event of the order that the first one opened; -1: something else may have opened it."""
    if _code(slots[first], _KIND) != _ACCEPTED:
        return -1
    last = first
    for at in range(first + 1, end):
        kind = _code(slots[at], _KIND)
        if kind in (_ACCEPTED, _TRIGGERED) or kind >= _APPLIED:
            return -1
        for other in _OPENING:
            if kind == other:
                return -1
        if slots[at, _ORDER] == slots[first, _ORDER]:
            last = at
    return last


@inner
def _write(opening: np.ndarray, last: np.ndarray, markets: ShownMarkets, out: np.ndarray) -> int:
    """The answer's length; 0: not plain."""
    flags, market = _code(opening, _FLAGS), wide(opening[_INDEX] & 0xFFFF)
    if _code(opening, _TYPE) != _LIMIT or flags & _SPECIAL or market >= len(markets.words):
        return 0
    words = markets.words[market]
    price, lots, executed = opening[_CLIENT_AND_PRICE] >> 32, opening[_QUANTITY], last[_EXECUTED]
    if not words[_IS_KNOWN] or price > _MOST // words[_TICK_STEP] or max(lots, executed) > _MOST // words[_LOT_STEP]:
        return 0
    if min(price, lots, executed, last[_EXECUTED_ATOMS], opening[_CREATED]) < 0:
        return 0
    if _code(opening, _TIME_IN_FORCE) >= len(_TIME_LENGTHS) or _code(opening, _SELF_TRADE) >= len(_SELF_TRADE_LENGTHS):
        return 0
    if _code(opening, _SIDE) >= len(_SIDE_LENGTHS) or _code(last, _STATUS) >= len(_STATUS_LENGTHS):
        return 0
    at = _number(out, _text(out, 0, _ID), opening[_ORDER])
    at = _text(out, at, _CLIENT)
    at = _number(out, at, opening[_CLIENT_AND_PRICE] & 0xFFFFFFFF) if flags & _HAS_CLIENT_ID else _text(out, at, _NULL)
    at = _text(out, at, _SYMBOL)
    at = _part(out, at, markets.symbols[market], words[_SYMBOL_LENGTH])
    at = _word(out, _text(out, at, _SIDE_NAME), _SIDES, _SIDE_LENGTHS, _code(opening, _SIDE))
    at = _word(out, _text(out, at, _STATUS_NAME), _STATUSES, _STATUS_LENGTHS, _code(last, _STATUS))
    at = _word(out, _text(out, at, _TIME_NAME), _TIMES, _TIME_LENGTHS, _code(opening, _TIME_IN_FORCE))
    at = _word(out, _text(out, at, _SELF_TRADE_NAME), _SELF_TRADES, _SELF_TRADE_LENGTHS, _code(opening, _SELF_TRADE))
    at = _text(out, at, _POST_NAME)
    at = _text(out, at, _TRUE if flags & _POST_ONLY else _FALSE)
    at = _decimal(out, _text(out, at, _PRICE_NAME), price * words[_TICK_STEP], words[_PRICE_DECIMALS])
    at = _decimal(out, _text(out, at, _QUANTITY_NAME), lots * words[_LOT_STEP], words[_QUANTITY_DECIMALS])
    at = _decimal(out, _text(out, at, _EXECUTED_NAME), executed * words[_LOT_STEP], words[_QUANTITY_DECIMALS])
    at = _decimal(out, _text(out, at, _QUOTE_NAME), last[_EXECUTED_ATOMS], words[_QUOTE_DECIMALS])
    at = _number(out, _text(out, at, _CREATED_NAME), opening[_CREATED])
    return _text(out, at, _TAIL)


@inner
def _text(out: np.ndarray, at: int, text: np.ndarray) -> int:
    return _part(out, at, text, len(text))


@inner
def _part(out: np.ndarray, at: int, text: np.ndarray, length: int) -> int:
    for offset in range(length):
        out[at + offset] = text[offset]
    return at + length


@inner
def _word(out: np.ndarray, at: int, words: np.ndarray, lengths: np.ndarray, code: int) -> int:
    return _part(out, at, words[code], lengths[code])


@inner
def _number(out: np.ndarray, at: int, value: int) -> int:
    """Not negative."""
    digits = 1
    while digits <= MAX_DIGITS and value >= _POWERS[digits]:
        digits += 1
    return _digits(out, at, value, digits)


@inner
def _digits(out: np.ndarray, at: int, value: int, digits: int) -> int:
    for offset in range(digits - 1, -1, -1):
        out[at + offset] = 48 + value % 10
        value //= 10
    return at + digits


@inner
def _decimal(out: np.ndarray, at: int, value: int, decimals: int) -> int:
    """A count of 10^-decimals, without zeros at its end."""
    part = value % _POWERS[decimals]
    at = _number(out, at, value // _POWERS[decimals])
    if part == 0:
        return at
    out[at] = 46
    while part % 10 == 0:
        part //= 10
        decimals -= 1
    return _digits(out, at + 1, part, decimals)


assert SLOT.fields is not None and EVENT.fields is not None and SLOT.fields["event"][1] == 0
assert EVENT.fields["executed_lots"][1] == 8 * _EXECUTED and EVENT.fields["created_ms"][1] == 8 * _CREATED
assert EVENT.fields["flags"][1] == _FLAGS and EVENT.fields["status"][1] == _STATUS
