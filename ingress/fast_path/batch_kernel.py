"""The plain form of a signed batch of limit orders over HTTP, read by one kernel as order_kernel.py reads a single one.

A request to `/api/v1/orders` is plain if its head is, and its body is an array of plain orders. If one of them is not,
the whole batch goes the general way, where each item gets its own answer.

Non-goals: those of order_kernel.py.
"""

from typing import NamedTuple

import numpy as np

from engine_core.jit.kernel import inner, kernel
from engine_core.wire.layout import COMMAND
from ingress.fast_path.order_kernel import (
    FOUND_WORDS,
    MAX_TEXT,
    Rules,
    check_headers,
    market_row,
    write_command,
    write_members,
    write_times,
)
from ingress.fast_path.request_kernel import MEMBERS, NAMES, read_headers, read_object, skip_space, starts, text_bytes

MOST_ORDERS = 20
BATCH_LINE = b"POST /api/v1/orders HTTP/1.1\r\n"
COUNT, CHARGED_BYTES, BATCH_WORDS = range(FOUND_WORDS, FOUND_WORDS + 3)

_REQUEST_LINE = text_bytes(BATCH_LINE.decode())
_PATH_BYTES = len("/api/v1/orders")
_OPEN, _CLOSE, _COMMA, _AMPERSAND = b"[],&"


class BatchBuffers(NamedTuple):
    """What `read_batch` writes to; made once, overwritten by each request."""

    commands: np.ndarray  # COMMAND, their account still 0
    text: np.ndarray  # uint8
    found: np.ndarray  # int64: what `read_order` finds, without a row; then how many orders, and what it is charged by
    rows: np.ndarray  # of the market of each order
    spans: np.ndarray  # see request_kernel.py


def batch_buffers() -> BatchBuffers:
    return BatchBuffers(
        np.zeros(MOST_ORDERS, COMMAND),
        np.zeros(MOST_ORDERS * MAX_TEXT, np.uint8),
        np.zeros(BATCH_WORDS, np.int64),
        np.zeros(MOST_ORDERS, np.int64),
        np.zeros((NAMES + 1, 2), np.int64),
    )


@kernel
def read_batch(data: bytes, rules: Rules, made: BatchBuffers) -> int:
    """The length of the signed text, everything written; 0: not plain, and what was written means nothing."""
    if not starts(data, 0, len(data), _REQUEST_LINE):
        return 0
    spans, found = made.spans, made.found
    spans[:] = 0
    body = read_headers(data, len(_REQUEST_LINE), spans)
    if body == 0 or not check_headers(data, len(data) - body, spans, found):
        return 0
    at = skip_space(data, body)
    if at >= len(data) or data[at] != _OPEN:
        return 0
    count, length, separator = 0, 0, _COMMA
    while separator == _COMMA:
        spans[:MEMBERS] = 0
        at = read_object(data, at + 1, spans) if count < MOST_ORDERS else 0
        if at == 0 or not _write_order(data, rules, made, count):
            return 0
        if count:
            made.text[length] = _AMPERSAND
            length += 1
        length = write_members(data, spans, made.text, length)
        count += 1
        at = skip_space(data, at)
        separator = data[at] if at < len(data) else 0
    if separator != _CLOSE or skip_space(data, at + 1) != len(data):
        return 0
    found[COUNT], found[CHARGED_BYTES] = count, len(data) - body + _PATH_BYTES + spans[NAMES, 1]
    return write_times(data, spans, made.text, length)


@inner
def _write_order(data: bytes, rules: Rules, made: BatchBuffers, place: int) -> bool:
    row = market_row(data, made.spans, rules.symbols)
    made.rows[place] = row
    return row >= 0 and write_command(data, made.spans, rules.words[row], made.commands[place])
