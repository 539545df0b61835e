"""ED25519 request signing: the text that a client signs, and its verification. Used by ingress and egress.

    instruction=<INS>[&<key>=<value>...]&timestamp=<ms>&window=<ms>        pairs sorted by key, bytewise

Clients disagree in two details, so a signature is tried against a few spellings of the same request: values as they are
or percent-encoded (ccxt), null as `null` or as `None` (Python clients). Non-goals: which key may do what, and whether
the time window has passed; those are the caller's rules.
"""

import binascii
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from urllib.parse import quote

from ed25519_zebra import ed_verify
from nacl.bindings import crypto_core_ed25519_is_valid_point

DEFAULT_WINDOW_MS = 5_000
MAX_WINDOW_MS = 60_000
FUTURE_SKEW_MS = 1_000  # allowed however small the window is: clocks differ

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64

_KEYS_REMEMBERED = 65_536

Value = str | None  # text as it is signed; None is JSON null
Pairs = Sequence[tuple[str, Value]]

_KEY = itemgetter(0)  # the order of code points is the order of their UTF-8 bytes
_PLAIN = re.compile(r"[A-Za-z0-9_.\-~]*", re.ASCII)


def signing_text(instruction: str, pairs: Pairs, timestamp: str, window: str) -> bytes:
    """The text of one request, in the plain spelling: values raw, null as `null`."""
    return batch_signing_text(instruction, [pairs], timestamp, window)


def batch_signing_text(instruction: str, items: Sequence[Pairs], timestamp: str, window: str) -> bytes:
    """The text of a batch: `instruction=` and the sorted pairs of each item, then one timestamp and window."""
    return _text(instruction, items, timestamp, window, percent=False, null="null")


def spellings(instruction: str, items: Sequence[Pairs], timestamp: str, window: str) -> Iterator[bytes]:
    """Every text that a client may have signed for these items, the likeliest first."""
    yield _text(instruction, items, timestamp, window, percent=False, null="null")
    values = [value for pairs in items for _, value in pairs]
    encodable = not all(value is None or _PLAIN.fullmatch(value) for value in values)
    if encodable:
        yield _text(instruction, items, timestamp, window, percent=True, null="null")
    if None in values:
        yield _text(instruction, items, timestamp, window, percent=False, null="None")
        if encodable:
            yield _text(instruction, items, timestamp, window, percent=True, null="None")


def _text(instruction: str, items: Sequence[Pairs], timestamp: str, window: str, *, percent: bool, null: str) -> bytes:
    parts = []
    for pairs in items:
        parts.append(f"instruction={instruction}")
        for key, value in sorted(pairs, key=_KEY):
            text = null if value is None else value
            parts.append(f"{key}={quote(text, safe='~') if percent else text}")
    parts.append(f"timestamp={timestamp}&window={window}")
    return "&".join(parts).encode()


@lru_cache(_KEYS_REMEMBERED)
def is_public_key(key: bytes) -> bool:
    """Whether these bytes can be somebody's key: a point of the curve's main subgroup, so not one for which anybody
    can make signatures. verify() relies on it, because the verifier is more lenient (ZIP 215)."""
    return len(key) == PUBLIC_KEY_BYTES and crypto_core_ed25519_is_valid_point(key)


def verify(public_key: bytes, text: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is the key's signature of `text`.

    ed25519-zebra takes three quarters of libsodium's time, and this is the largest part of an order's cost in ingress.
    """
    return len(signature) == SIGNATURE_BYTES and is_public_key(public_key) and ed_verify(signature, text, public_key)


def verify_any(public_key: bytes, texts: Iterator[bytes], signature: bytes) -> bool:
    for text in texts:  # noqa: SIM110 (a generator expression costs a microsecond here)
        if verify(public_key, text, signature):
            return True
    return False


def decode_base64(text: bytes | str, size: int) -> bytes | None:
    """The bytes of a base64 header value, or None if it is not exactly `size` bytes."""
    try:
        value = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        return None
    return value if len(value) == size else None


def window_error(timestamp: str, window: str, now_ms: int) -> str | None:
    """Why these header texts do not admit a request now, or None if they do."""
    if not _is_integer(timestamp):
        return "Invalid timestamp: X-Timestamp must be Unix milliseconds"
    if not _is_integer(window):
        return "Invalid window: X-Window must be milliseconds"
    time_ms, window_ms = int(timestamp), int(window)
    if window_ms > MAX_WINDOW_MS:
        return f"Invalid window: X-Window must not be above {MAX_WINDOW_MS}"
    if now_ms - time_ms > window_ms:
        return f"Request has expired: timestamp is {now_ms - time_ms} ms old, the window is {window_ms} ms"
    if time_ms - now_ms > max(window_ms, FUTURE_SKEW_MS):
        return f"Invalid timestamp: it is {time_ms - now_ms} ms in the future"
    return None


def _is_integer(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 15
