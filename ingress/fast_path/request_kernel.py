"""Where the parts of a plain HTTP request stand: kernels note the values of headers and of a flat object.

    spans[name] = (start, end) of a value in the bytes of the request, (0, 0) if it is absent
    spans[NAMES] = (0, bytes that the values of all headers have)

Plain means: complete, ASCII, no header twice that matters, members that an order has, their values without escapes.
Everything else is declined (see order_kernel.py). Non-goals: what the values mean.
"""

from collections.abc import Iterable

import numpy as np

from engine_core.jit.kernel import inner, wide

MAX_MEMBER = 48  # characters of one value
KEY_CHARACTERS, SIGNATURE_CHARACTERS = 44, 88

# What is looked for: members of the object in the order in which they are signed, then headers.
CLIENT_ID, ORDER_TYPE, POST_ONLY, PRICE, QUANTITY, SELF_TRADE, SIDE, SYMBOL, TIME_IN_FORCE = range(9)
MEMBERS = 9
API_KEY, TIMESTAMP, WINDOW, SIGNATURE, LENGTH, CONNECTION, HOST, TYPE, EXPECT, ENCODING, UPGRADE, CODING, NAMES = range(
    MEMBERS, MEMBERS + 13
)


def text_bytes(value: str) -> np.ndarray:
    return np.frombuffer(value.encode(), np.uint8)


def byte_rows(names: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Names as rows of bytes padded with zeros, and their lengths."""
    texts = [name.encode() for name in names]
    rows = np.zeros((len(texts), max(map(len, texts))), np.uint8)
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = np.frombuffer(text, np.uint8)
    return rows, np.array([len(text) for text in texts])


NAME, NAME_LENGTH = byte_rows(
    (
        *("clientId", "orderType", "postOnly", "price", "quantity", "selfTradePrevention", "side", "symbol"),
        *("timeInForce", "x-api-key", "x-timestamp", "x-window", "x-signature", "content-length", "connection"),
        *("host", "content-type", "expect", "transfer-encoding", "upgrade", "content-encoding"),
    )
)
_TRUE, _FALSE = text_bytes("true"), text_bytes("false")


@inner
def starts(data: bytes, at: int, end: int, expected: np.ndarray) -> bool:
    """Whether the bytes from `at` begin with `expected`, before `end`."""
    if end - at < len(expected):
        return False
    for offset in range(len(expected)):  # noqa: SIM110 (kernels have no generators)
        if data[at + offset] != expected[offset]:
            return False
    return True


@inner
def _find_name(data: bytes, start: int, end: int, first: int, last: int, lower: bool) -> int:
    """Which of the names [first, last) stands there, or -1."""
    for name in range(first, last):
        if NAME_LENGTH[name] != end - start:
            continue
        same = True
        for offset in range(end - start):
            character = wide(data[start + offset])
            if lower and 65 <= character <= 90:
                character += 32
            same &= character == wide(NAME[name, offset])
        if same:
            return name
    return -1


@inner
def read_headers(data: bytes, at: int, spans: np.ndarray) -> int:
    """Note where the values of headers are, and how long all of them are; where the body begins, or 0."""
    end = len(data)
    while at < end and data[at] != 13:
        start = at
        while at < end and (97 <= data[at] | 32 <= 122 or 48 <= data[at] <= 57 or data[at] == 45):
            at += 1
        if at == start or at >= end or data[at] != 58:
            return 0
        name = _find_name(data, start, at, MEMBERS, NAMES, True)
        at += 1
        while at < end and data[at] == 32:
            at += 1
        value = at
        while at < end and (data[at] >= 32 and data[at] != 127):
            at += 1
        if at + 1 >= end or data[at] != 13 or data[at + 1] != 10:
            return 0
        if name >= 0:
            if spans[name, 0] != 0 or value == at or data[at - 1] == 32:
                return 0
            spans[name, 0], spans[name, 1] = value, at
        spans[NAMES, 1] += at - value
        at += 2
    return at + 2 if at + 1 < end and data[at + 1] == 10 else 0


@inner
def whole(data: bytes, start: int, end: int, most: int) -> int:
    """A number of 1 to `most` digits, or -1."""
    if not 1 <= end - start <= most:
        return -1
    value = 0
    for at in range(start, end):
        if not 48 <= data[at] <= 57:
            return -1
        value = value * 10 + (wide(data[at]) - 48)
    return value


@inner
def skip_space(data: bytes, at: int) -> int:
    while at < len(data) and (data[at] == 32 or 9 <= data[at] <= 10 or data[at] == 13):
        at += 1
    return at


@inner
def read_members(data: bytes, body: int, spans: np.ndarray) -> bool:
    """Note where the values of the object's members are. False unless one flat object of known members is all."""
    at = read_object(data, body, spans)
    return at != 0 and skip_space(data, at) == len(data)


@inner
def read_object(data: bytes, at: int, spans: np.ndarray) -> int:
    """The same of an object with more behind it; where it ends, or 0."""
    end = len(data)
    at = skip_space(data, at)
    if at >= end or data[at] != 123:
        return 0
    separator = 44
    while separator == 44:
        start = skip_space(data, at + 1) + 1
        if start >= end or data[start - 1] != 34:
            return 0
        at = start
        while at < end and 65 <= data[at] <= 122:
            at += 1
        name = _find_name(data, start, at, 0, MEMBERS, False)
        if at >= end or data[at] != 34 or name < 0 or spans[name, 0] != 0:
            return 0
        at = skip_space(data, at + 1)
        if at >= end or data[at] != 58:
            return 0
        at = _read_value(data, skip_space(data, at + 1), name, spans)
        at = skip_space(data, at)
        if at == 0 or at >= end:
            return 0
        separator = wide(data[at])
    return at + 1 if separator == 125 else 0


@inner
def _read_value(data: bytes, at: int, name: int, spans: np.ndarray) -> int:
    """Note a value in the form that its member has; where it ends, or 0."""
    end = len(data)
    if name in (CLIENT_ID, POST_ONLY):
        start = at
        while at < end and (48 <= data[at] <= 57 or 97 <= data[at] <= 122):
            at += 1
        is_true, is_false = starts(data, start, at, _TRUE), starts(data, start, at, _FALSE)
        if name == POST_ONLY and not ((is_true and at - start == 4) or (is_false and at - start == 5)):
            return 0
        if name == CLIENT_ID and (whole(data, start, at, 10) < 0 or (data[start] == 48 and at - start > 1)):
            return 0
        spans[name, 0], spans[name, 1] = start, at
        return at
    if at >= end or data[at] != 34:
        return 0
    start = at + 1
    at = start
    while at < end and (48 <= data[at] <= 57 or 97 <= data[at] | 32 <= 122 or data[at] == 95 or data[at] == 46):
        at += 1
    if at >= end or data[at] != 34 or not 1 <= at - start <= MAX_MEMBER:
        return 0
    spans[name, 0], spans[name, 1] = start, at
    return at + 1
