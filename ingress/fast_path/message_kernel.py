"""Messages on the order-entry WebSocket, read by two kernels: frames to their texts, and texts of plain limit orders to
COMMANDs, many at once.

    {"id":17,"method":"order.place","params":{...}}

in this order of members, with a number or a short string as `id`, and `params` as plain as order_kernel.py wants an
order. As there: whatever is not plain and valid to the last byte is declined, and the general way decides; it may
decline anything, and must never accept what the general way would refuse or understand differently. Of frames the same:
masked texts that are whole, in one frame and of the shortest form are taken, others are the library's.

Non-goals: sessions, and whether the order can be executed.
"""

from typing import NamedTuple

import numpy as np

from engine_core.jit.kernel import inner, kernel, wide
from engine_core.wire.layout import COMMAND
from ingress.fast_path.order_kernel import Rules, market_row, write_command
from ingress.fast_path.request_kernel import NAMES, read_object, skip_space, starts, text_bytes

MOST_BYTES = 8192  # of frames, taken at once
MOST_MESSAGES = 64  # taken at once
MAX_ID = 18  # characters of an id that is a number; of one that is a string, with its quotes, twice as many
ID_START, ID_END, MARKET_ROW, FOUND_WORDS = range(4)

_ID, _METHOD, _PARAMS = text_bytes('"id"'), text_bytes('"method"'), text_bytes('"params"')
_PLACE = text_bytes('"order.place"')
_OPEN, _CLOSE, _COLON, _COMMA, _QUOTE, _ZERO, _SPACE = b'{}:,"0 '
_TEXT, _MASKED, _TWO_BYTES = 0x81, 0x80, 126  # of a frame: final and a text; its length stands in two bytes more
_MASK_BYTES = 4


class MessageBuffers(NamedTuple):
    """What both kernels write to; made once, overwritten by each call."""

    text: np.ndarray  # uint8: of all messages
    ends: np.ndarray  # int64: of each message in it; the last one: how many bytes of frames were taken
    commands: np.ndarray  # COMMAND, their account still 0
    found: np.ndarray  # int64: FOUND_WORDS for each
    spans: np.ndarray  # (start, end) of an order's members


def message_buffers() -> MessageBuffers:
    return MessageBuffers(
        np.zeros(MOST_BYTES, np.uint8),
        np.zeros(MOST_MESSAGES + 1, np.int64),
        np.zeros(MOST_MESSAGES, COMMAND),
        np.zeros((MOST_MESSAGES, FOUND_WORDS), np.int64),
        np.zeros((NAMES, 2), np.int64),
    )


@kernel
def take_texts(data: bytes, text: np.ndarray, ends: np.ndarray) -> int:
    """Unmask the texts that the data begins with, one behind the other; how many they are."""
    at, length, count = 0, 0, 0
    while count < MOST_MESSAGES and at + 2 <= len(data) and data[at] == _TEXT and data[at + 1] >= _MASKED:
        mask, size = at + 2, wide(data[at + 1]) - _MASKED
        if size >= _TWO_BYTES:
            if size > _TWO_BYTES or at + 4 > len(data):
                break
            mask, size = at + 4, (wide(data[at + 2]) << 8) | wide(data[at + 3])
            if size < _TWO_BYTES:
                break
        start = mask + _MASK_BYTES
        if start + size > len(data) or length + size > len(text):
            break
        for offset in range(size):
            text[length + offset] = data[start + offset] ^ data[mask + (offset & 3)]
        at, length = start + size, length + size
        ends[count] = length
        count += 1
    ends[MOST_MESSAGES] = at
    return count


@kernel
def read_messages(text: bytes, first: int, count: int, rules: Rules, made: MessageBuffers) -> int:
    """How many of the messages from `first` to `count` are plain orders, until one is not; for these all is written.

    Where each ends, `made` says. Whatever stands behind that, in the next message, does not end this one.
    """
    for place in range(first, count):
        start = made.ends[place - 1] if place else 0
        if not _read(text, start, made.ends[place], rules, made, place):
            return place - first
    return count - first


@inner
def _read(data: bytes, start: int, end: int, rules: Rules, made: MessageBuffers, place: int) -> bool:
    if end - start < 2 or data[start] != _OPEN:
        return False
    found, spans = made.found[place], made.spans
    at = _name(data, start + 1, _ID)
    found[ID_START] = at
    at = _id(data, at)
    found[ID_END] = at
    at = _name(data, _mark(data, at, _COMMA), _METHOD)
    if at == 0 or not starts(data, at, len(data), _PLACE):
        return False
    body = _name(data, _mark(data, at + len(_PLACE), _COMMA), _PARAMS)
    spans[:] = 0
    at = read_object(data, body, spans) if body else 0
    if at == 0:
        return False
    at = skip_space(data, at)
    if at + 1 != end or data[at] != _CLOSE:
        return False
    row = market_row(data, spans, rules.symbols)
    found[MARKET_ROW] = row
    return row >= 0 and write_command(data, spans, rules.words[row], made.commands[place])


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
