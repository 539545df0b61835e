"""The plain form of a limit order over the order-entry WebSocket, read by one kernel: message bytes in, COMMAND out.

    {"id":17,"method":"order.place","params":{...}}

in this order of members, with a number or a short string as `id`, and `params` as plain as order_kernel.py wants an
order. As there: whatever is not plain and valid to the last byte is declined, and the general way decides; it may
decline anything, and must never accept what the general way would refuse or understand differently.

Non-goals: sessions, and whether the order can be executed.
"""

from typing import NamedTuple

import numpy as np

from engine_core.jit.kernel import inner, kernel
from engine_core.wire.layout import COMMAND
from ingress.fast_path.order_kernel import market_row, write_command
from ingress.fast_path.request_kernel import NAMES, read_members, starts, text_bytes

MAX_ID = 18  # characters of an id that is a number; of one that is a string, with its quotes, twice as many
ID_START, ID_END, MARKET_ROW, FOUND_WORDS = range(4)

_ID, _METHOD, _PARAMS = text_bytes('"id"'), text_bytes('"method"'), text_bytes('"params"')
_PLACE = text_bytes('"order.place"')
_OPEN, _CLOSE, _COLON, _COMMA, _QUOTE, _ZERO, _SPACE = b'{}:,"0 '


class MessageBuffers(NamedTuple):
    """What `read_message` writes to; made once, overwritten by each message."""

    command: np.ndarray  # one COMMAND, its account still 0
    found: np.ndarray  # int64
    spans: np.ndarray  # (start, end) of the order's members


def message_buffers() -> MessageBuffers:
    return MessageBuffers(np.zeros(1, COMMAND), np.zeros(FOUND_WORDS, np.int64), np.zeros((NAMES, 2), np.int64))


@kernel
def read_message(
    data: bytes, symbols: np.ndarray, words: np.ndarray, command: np.ndarray, found: np.ndarray, spans: np.ndarray
) -> bool:
    """Whether the message without its last brace is a plain order, everything written; False: it means nothing.

    Without the brace, so that the object of `params` is what the bytes end with.
    """
    if len(data) < 2 or data[0] != _OPEN:
        return False
    at = _name(data, 1, _ID)
    start = at
    at = _id(data, at)
    found[ID_START], found[ID_END] = start, at
    at = _name(data, _mark(data, at, _COMMA), _METHOD)
    if at == 0 or not starts(data, at, len(data), _PLACE):
        return False
    body = _name(data, _mark(data, at + len(_PLACE), _COMMA), _PARAMS)
    spans[:] = 0
    if body == 0 or not read_members(data, body, spans):
        return False
    row = market_row(data, spans, symbols)
    found[MARKET_ROW] = row
    return row >= 0 and write_command(data, spans, words[row], command[0])


@inner
def _mark(data: bytes, at: int, mark: int) -> int:
    """Behind this character and the spaces after it; 0 if another stands there."""
    if at == 0 or at >= len(data) or data[at] != mark:
        return 0
    at += 1
    while at < len(data) and data[at] == _SPACE:
        at += 1
    return at


@inner
def _name(data: bytes, at: int, name: np.ndarray) -> int:
    """Behind the name of a member, its colon and spaces; 0 if another stands there."""
    if at == 0 or not starts(data, at, len(data), name):
        return 0
    return _mark(data, at + len(name), _COLON)


@inner
def _id(data: bytes, start: int) -> int:
    """Behind a number or a string of letters, digits, `_` and `-`; 0 if it is another value."""
    at, end = start, len(data)
    if start == 0 or start >= end:
        return 0
    if data[at] == _QUOTE:
        at += 1
        while at < end and (48 <= data[at] <= 57 or 97 <= data[at] | 32 <= 122 or data[at] == 95 or data[at] == 45):
            at += 1
        return at + 1 if at < end and data[at] == _QUOTE and at - start < 2 * MAX_ID else 0
    while at < end and 48 <= data[at] <= 57:
        at += 1
    leading_zero = data[start] == _ZERO and at - start > 1
    return 0 if at == start or at - start > MAX_ID or leading_zero else at
