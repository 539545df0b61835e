"""Answers of order entry as a kernel reads them: which orders were accepted, frame after frame, so that the generator's
own work is not what is measured.

    {"id":17,"status":200,…}

Everything else (refusals, the log-on's answer, pings, another server's order of members) is read by order_entry.py.
"""

import numpy as np

from engine_core.jit.kernel import entry, inner, wide

MOST_ANSWERS = 1024  # taken at once
_TEXT, _TWO_BYTES = 0x81, 126
_ID, _STATUS = np.frombuffer(b'{"id":', np.uint8), np.frombuffer(b',"status":200,', np.uint8)
_MAX_DIGITS = 9


def places() -> np.ndarray:
    """What the kernel writes to: the ids of accepted orders, and behind them how far it read."""
    return np.zeros(MOST_ANSWERS + 1, np.int64)


@entry
def read_accepted(data: np.ndarray, at: int, found: np.ndarray) -> int:
    """How many frames from there on are whole and say that an order was accepted, until one is or does not."""
    count = 0
    while count < MOST_ANSWERS and at + 4 <= len(data) and data[at] == _TEXT:
        head, size = at + 2, wide(data[at + 1])
        if size == _TWO_BYTES:
            head, size = at + 4, (wide(data[at + 2]) << 8) | wide(data[at + 3])
        elif size > _TWO_BYTES:
            break
        place = _accepted(data, head, head + size)
        if place < 0:
            break
        found[count] = place
        count, at = count + 1, head + size
    found[MOST_ANSWERS] = at
    return count


@inner
def _accepted(data: np.ndarray, start: int, end: int) -> int:
    """The id; -1: it is another answer, or not whole."""
    if end > len(data) or not _stands(data, start, end, _ID):
        return -1
    at, value = start + len(_ID), 0
    first = at
    while at < end and at - first < _MAX_DIGITS and 48 <= data[at] <= 57:
        value = value * 10 + wide(data[at]) - 48
        at += 1
    return value if at > first and _stands(data, at, end, _STATUS) else -1


@inner
def _stands(data: np.ndarray, at: int, end: int, text: np.ndarray) -> bool:
    if end - at < len(text):
        return False
    for offset in range(len(text)):  # noqa: SIM110 (kernels have no generators)
        if data[at + offset] != text[offset]:
            return False
    return True
