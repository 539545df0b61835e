"""The plain form of a signed limit order over HTTP, read by one kernel: request bytes in, COMMAND and signed text out.

Almost every order that a program sends looks alike: one complete request in one piece, credentials in four headers, a
flat JSON object of a few members without escapes. Such a request is read here in two microseconds instead of eighty.
`read_order` knows no errors. Whatever it does not find plain and valid to the last byte it declines, and the general
way (HTTP parser, JSON, rules with their refusals) decides. So it may decline anything, and must never accept what the
general way would refuse or understand differently; a test compares the two on random requests.

Non-goals: whether the key exists, the signature is right and the time window is open (the caller's part), and whether
the order can be executed (the engine's).
"""

from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple, Protocol

import numpy as np

from engine_core.edge.spelling import ORDER_TYPE_CODES, SELF_TRADE_CODES, SIDE_CODES, TIME_IN_FORCE_CODES
from engine_core.jit.kernel import inner, kernel, wide
from engine_core.wire.codes import CommandKind, OrderFlag, SelfTrade, TimeInForce
from engine_core.wire.layout import COMMAND
from engine_core.wire.limits import MAX_CLIENT_ID, MAX_PRICE_TICKS, MAX_QUANTITY_LOTS, MAX_SUPPLY_ATOMS
from engine_core.wire.units import MarketUnits
from ingress.fast_path.request_kernel import (
    API_KEY,
    CLIENT_ID,
    CODING,
    CONNECTION,
    ENCODING,
    EXPECT,
    HOST,
    KEY_CHARACTERS,
    LENGTH,
    MEMBERS,
    NAME,
    NAME_LENGTH,
    NAMES,
    ORDER_TYPE,
    POST_ONLY,
    PRICE,
    QUANTITY,
    SELF_TRADE,
    SIDE,
    SIGNATURE,
    SIGNATURE_CHARACTERS,
    SYMBOL,
    TIME_IN_FORCE,
    TIMESTAMP,
    TYPE,
    UPGRADE,
    WINDOW,
    byte_rows,
    read_headers,
    read_members,
    starts,
    text_bytes,
    whole,
)

MAX_TEXT = 1024  # bytes of a signed text: nine short members
MAX_DIGITS = 18  # of a number in its smallest unit, so that nothing overflows

# What `found` says after a request was read: positions in the request, or values.
KEY_AT, SIGNATURE_AT, FOUND_TIMESTAMP, FOUND_WINDOW, MARKET_ROW, FOUND_WORDS = range(6)
NO_WINDOW = -1

_TYPES = {"Limit": ORDER_TYPE_CODES["Limit"]}  # the only one that is read here
_CHOICES = (SIDE_CODES, TIME_IN_FORCE_CODES, SELF_TRADE_CODES, _TYPES)
_CHOICE, _CHOICE_LENGTH = byte_rows(word for codes in _CHOICES for word in codes)
_CHOICE_CODE = np.array([code for codes in _CHOICES for code in codes.values()])
_SIDE_CHOICES, _TIME_CHOICES, _SELF_TRADE_CHOICES, _TYPE_CHOICES, _END_OF_CHOICES = accumulate(
    map(len, _CHOICES), initial=0
)

_REQUEST_LINE = text_bytes("POST /api/v1/order HTTP/1.1\r\n")
_KEEP_ALIVE = text_bytes("keep-alive")
_JSON, _JSON_UTF_8 = text_bytes("application/json"), text_bytes("application/json; charset=utf-8")
_INSTRUCTION, _TIMESTAMP_EQUALS, _WINDOW_EQUALS = (
    text_bytes("instruction=orderExecute"),
    text_bytes("timestamp="),
    text_bytes("window="),
)
_DEFAULT_WINDOW = text_bytes("5000")
_POWERS = np.array([10**n for n in range(MAX_DIGITS + 1)])
_PLACE, _GTC, _REJECT_TAKER = CommandKind.PLACE.value, TimeInForce.GTC.value, SelfTrade.REJECT_TAKER.value
_HAS_CLIENT_ID, _POST_ONLY_FLAG = OrderFlag.HAS_CLIENT_ID.value, OrderFlag.POST_ONLY.value

# One row of the rules of a market
_NUMBER, _TICK_STEP, _PRICE_DECIMALS, _LOT_STEP, _QUANTITY_DECIMALS, _MIN_LOTS, _MAX_LOTS, _TICK_ATOMS = range(8)
_MAX_SYMBOL = 24


class TradedMarket(Protocol):
    """What the rules of a market are made from."""

    @property
    def number(self) -> int: ...
    @property
    def symbol(self) -> str: ...
    @property
    def units(self) -> MarketUnits: ...
    @property
    def min_lots(self) -> int: ...
    @property
    def max_lots(self) -> int: ...


class Rules(NamedTuple):
    """Every market, a row each: its symbol padded with zeros (uint8), and int64 words."""

    symbols: np.ndarray
    words: np.ndarray


def rules_of(markets: Iterable[TradedMarket]) -> Rules:
    known = [market for market in markets if len(market.symbol) <= _MAX_SYMBOL]
    symbols = np.zeros((len(known), _MAX_SYMBOL + 1), np.uint8)
    words = np.zeros((len(known), 8), np.int64)
    for at, market in enumerate(known):
        symbols[at, : len(market.symbol)] = text_bytes(market.symbol)
        units = market.units
        words[at] = (
            *(market.number, units.tick_step, units.price_decimals, units.lot_step, units.quantity_decimals),
            *(market.min_lots, market.max_lots, units.tick_atoms),
        )
    return Rules(symbols, words)


class Buffers(NamedTuple):
    """What `read_order` writes to; made once, overwritten by each request."""

    command: np.ndarray  # one COMMAND, its account still 0
    text: np.ndarray  # uint8
    found: np.ndarray  # int64
    spans: np.ndarray  # see request_kernel.py


def buffers() -> Buffers:
    return Buffers(
        np.zeros(1, COMMAND),
        np.zeros(MAX_TEXT, np.uint8),
        np.zeros(FOUND_WORDS, np.int64),
        np.zeros((NAMES + 1, 2), np.int64),
    )


@kernel
def read_order(
    data: bytes, symbols: np.ndarray, words: np.ndarray, command: np.ndarray, text: np.ndarray, found: np.ndarray,
    spans: np.ndarray,
) -> int:  # fmt: skip
    """The length of the signed text, everything written; 0: not plain, and what was written means nothing."""
    if not starts(data, 0, len(data), _REQUEST_LINE):
        return 0
    spans[:] = 0
    body = read_headers(data, len(_REQUEST_LINE), spans)
    if body == 0 or not check_headers(data, len(data) - body, spans, found):
        return 0
    if not read_members(data, body, spans):
        return 0
    row = market_row(data, spans, symbols)
    if row < 0 or not write_command(data, spans, words[row], command[0]):
        return 0
    found[MARKET_ROW] = row
    return write_times(data, spans, text, write_members(data, spans, text, 0))


@inner
def check_headers(data: bytes, body_bytes: int, spans: np.ndarray, found: np.ndarray) -> bool:
    if spans[EXPECT, 0] != 0 or spans[ENCODING, 0] != 0 or spans[UPGRADE, 0] != 0 or spans[CODING, 0] != 0:
        return False
    if spans[CONNECTION, 0] != 0 and not _stands(data, spans, CONNECTION, _KEEP_ALIVE):
        return False
    if spans[TYPE, 0] != 0 and not (_stands(data, spans, TYPE, _JSON) or _stands(data, spans, TYPE, _JSON_UTF_8)):
        return False
    if not _is_host(data, spans[HOST, 0], spans[HOST, 1]):
        return False
    if whole(data, spans[LENGTH, 0], spans[LENGTH, 1], 6) != body_bytes:
        return False
    if spans[API_KEY, 1] - spans[API_KEY, 0] != KEY_CHARACTERS:
        return False
    if spans[SIGNATURE, 1] - spans[SIGNATURE, 0] != SIGNATURE_CHARACTERS:
        return False
    found[KEY_AT], found[SIGNATURE_AT] = spans[API_KEY, 0], spans[SIGNATURE, 0]
    found[FOUND_TIMESTAMP] = whole(data, spans[TIMESTAMP, 0], spans[TIMESTAMP, 1], 15)
    found[FOUND_WINDOW] = whole(data, spans[WINDOW, 0], spans[WINDOW, 1], 15) if spans[WINDOW, 0] else NO_WINDOW
    return bool(found[FOUND_TIMESTAMP] >= 0 and (found[FOUND_WINDOW] >= 0 or spans[WINDOW, 0] == 0))


@inner
def _stands(data: bytes, spans: np.ndarray, name: int, expected: np.ndarray) -> bool:
    start, end = spans[name, 0], spans[name, 1]
    return bool(end - start == len(expected) and starts(data, start, end, expected))


@inner
def _is_host(data: bytes, start: int, end: int) -> bool:
    """Whether a name or an IPv4 address stands there, with or without a port."""
    at = start
    while at < end and (
        97 <= data[at] | 32 <= 122 or 48 <= data[at] <= 57 or data[at] == 45 or data[at] == 46 or data[at] == 95
    ):
        at += 1
    if at == start or start == 0:
        return False
    return at == end or (data[at] == 58 and whole(data, at + 1, end, 5) >= 0)


@inner
def market_row(data: bytes, spans: np.ndarray, symbols: np.ndarray) -> int:
    start, length = spans[SYMBOL, 0], spans[SYMBOL, 1] - spans[SYMBOL, 0]
    if not 1 <= length <= _MAX_SYMBOL:
        return -1
    for row in range(len(symbols)):
        same = symbols[row, length] == 0
        for offset in range(length):
            same &= symbols[row, offset] == data[start + offset]
        if same:
            return row
    return -1


@inner
def _choice(data: bytes, spans: np.ndarray, name: int, first: int, last: int, default: int) -> int:
    """The code of a member's value among the choices [first, last), `default` if the member is absent, or -1."""
    start, end = spans[name, 0], spans[name, 1]
    if start == 0:
        return default
    for choice in range(first, last):
        if _CHOICE_LENGTH[choice] == end - start and starts(data, start, end, _CHOICE[choice, : end - start]):
            return wide(_CHOICE_CODE[choice])
    return -1


@inner
def _steps(data: bytes, start: int, end: int, decimals: int, step: int) -> int:
    """A plain decimal as a count of `step` in its last decimal; 0 if it is absent, none, or no multiple."""
    value, point = 0, -1
    if start == 0 or data[start] == 46 or data[end - 1] == 46:
        return 0
    for at in range(start, end):
        if data[at] == 46:
            if point >= 0:
                return 0
            point = at
        elif not 48 <= data[at] <= 57:
            return 0
    whole_end = end if point < 0 else point
    last = min(end, whole_end + 1 + decimals)  # what follows must be zeros
    if whole_end - start + decimals > MAX_DIGITS:
        return 0
    for at in range(start, end):
        if at >= last and data[at] != 48 and at != point:
            return 0
        if at < last and at != point:
            value = value * 10 + (wide(data[at]) - 48)
    fraction = 0 if point < 0 else max(last - point - 1, 0)
    value *= _POWERS[decimals - fraction]
    return value // step if value % step == 0 else 0


@inner
def write_command(data: bytes, spans: np.ndarray, rules: np.ndarray, command: np.ndarray) -> bool:
    side = _choice(data, spans, SIDE, _SIDE_CHOICES, _TIME_CHOICES, -1)
    order_type = _choice(data, spans, ORDER_TYPE, _TYPE_CHOICES, _END_OF_CHOICES, -1)
    time_in_force = _choice(data, spans, TIME_IN_FORCE, _TIME_CHOICES, _SELF_TRADE_CHOICES, _GTC)
    self_trade = _choice(data, spans, SELF_TRADE, _SELF_TRADE_CHOICES, _TYPE_CHOICES, _REJECT_TAKER)
    if side < 0 or order_type < 0 or time_in_force < 0 or self_trade < 0:
        return False
    price = _steps(data, spans[PRICE, 0], spans[PRICE, 1], rules[_PRICE_DECIMALS], rules[_TICK_STEP])
    lots = _steps(data, spans[QUANTITY, 0], spans[QUANTITY, 1], rules[_QUANTITY_DECIMALS], rules[_LOT_STEP])
    if not 0 < price <= MAX_PRICE_TICKS or not 0 < lots <= MAX_QUANTITY_LOTS:
        return False
    if lots < rules[_MIN_LOTS] or lots > rules[_MAX_LOTS] or rules[_TICK_ATOMS] > MAX_SUPPLY_ATOMS // price:
        return False
    if lots > MAX_SUPPLY_ATOMS // (price * rules[_TICK_ATOMS]):
        return False
    flags, client_id = 0, 0
    if spans[CLIENT_ID, 0] != 0:
        client_id = whole(data, spans[CLIENT_ID, 0], spans[CLIENT_ID, 1], 10)
        flags |= _HAS_CLIENT_ID
    if spans[POST_ONLY, 0] != 0 and data[spans[POST_ONLY, 0]] == 116:
        if time_in_force != _GTC:
            return False
        flags |= _POST_ONLY_FLAG
    if client_id > MAX_CLIENT_ID:
        return False
    command["kind"], command["side"], command["order_type"] = _PLACE, side, order_type
    command["time_in_force"], command["self_trade"], command["flags"] = time_in_force, self_trade, flags
    command["market"], command["client_id"] = rules[_NUMBER], client_id
    command["price_ticks"], command["quantity_lots"] = price, lots
    return True


@inner
def _append(text: np.ndarray, length: int, data: bytes, start: int, end: int) -> int:
    for at in range(start, end):
        text[length] = data[at]
        length += 1
    return length


@inner
def _append_text(text: np.ndarray, length: int, part: np.ndarray) -> int:
    for at in range(len(part)):  # a slice would compile the text of the error that it could raise
        text[length + at] = part[at]
    return length + len(part)


@inner
def write_members(data: bytes, spans: np.ndarray, text: np.ndarray, length: int) -> int:
    """Append the part of the signed text that an order is; its length. (edge/signing.py says what it looks like.)"""
    length = _append_text(text, length, _INSTRUCTION)
    for name in range(MEMBERS):
        if spans[name, 0] == 0:
            continue
        text[length] = 38
        length = _append_text(text, length + 1, NAME[name, : NAME_LENGTH[name]])
        text[length] = 61
        length = _append(text, length + 1, data, spans[name, 0], spans[name, 1])
    return length


@inner
def write_times(data: bytes, spans: np.ndarray, text: np.ndarray, length: int) -> int:
    """Append what a signed text ends with; its length."""
    text[length] = 38
    length = _append_text(text, length + 1, _TIMESTAMP_EQUALS)
    length = _append(text, length, data, spans[TIMESTAMP, 0], spans[TIMESTAMP, 1])
    text[length] = 38
    length = _append_text(text, length + 1, _WINDOW_EQUALS)
    if spans[WINDOW, 0] == 0:
        return _append_text(text, length, _DEFAULT_WINDOW)
    return _append(text, length, data, spans[WINDOW, 0], spans[WINDOW, 1])
