"""Tokens of browser sessions: what a page holds instead of an API key. Stateless, so every worker can read them.

    token = base64url( version u1 · purpose u1 · account u4 · expires_ms u8 · nonce 8 bytes · HMAC-SHA256 tag 32 bytes )

One purpose per use (cookie of ingress, stream token of egress): a token of one is worthless for the other. Both of a
session have its nonce, by which it is named when a log-out ends it. Non-goals: remembering that (expiring_set.py), and
permissions: a session is its account's own page.
"""

import base64
import binascii
import hashlib
import hmac
import os
import struct
import time
from enum import IntEnum

NAME_BYTES = 16
_VERSION = 1
_BODY = struct.Struct(">BBIQ8s")
_TAG_BYTES = 32


class Purpose(IntEnum):
    STREAM = 1
    COOKIE = 2


def issue(account: int, secret: bytes, ttl: float, purpose: Purpose = Purpose.STREAM) -> str:
    """A token for `account` that lasts `ttl` seconds."""
    expires_ms = int((time.time() + ttl) * 1000)
    body = _BODY.pack(_VERSION, purpose, account, expires_ms, os.urandom(8))
    return _signed(body, secret)


def stream_token(cookie: str, secret: bytes) -> str:
    """The stream token of a session: it ends with the cookie, by time and by log-out."""
    data = base64.urlsafe_b64decode(cookie)
    version, _, account, expires_ms, nonce = _BODY.unpack(data[: _BODY.size])
    return _signed(_BODY.pack(version, Purpose.STREAM, account, expires_ms, nonce), secret)


def name_of(token: str) -> bytes:
    """What a session is remembered by when it has ended, the same for both tokens; of one that was read before."""
    *_, nonce = _BODY.unpack(base64.urlsafe_b64decode(token)[: _BODY.size])
    return hashlib.blake2b(nonce, digest_size=NAME_BYTES).digest()


def expires_ms(token: str) -> int:
    """When a token ends; of one that was read before."""
    return int(_BODY.unpack(base64.urlsafe_b64decode(token)[: _BODY.size])[3])


def read(token: str, secret: bytes, purpose: Purpose = Purpose.STREAM) -> int | None:
    """The account of a token that is ours, of this purpose and not expired; None otherwise."""
    try:
        data = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) != _BODY.size + _TAG_BYTES:
        return None
    body = data[: _BODY.size]
    if not hmac.compare_digest(_tag(secret, body), data[_BODY.size :]):
        return None
    version, token_purpose, account, expires_ms, _ = _BODY.unpack(body)
    if version != _VERSION or token_purpose != purpose or expires_ms < time.time() * 1000:
        return None
    return int(account)


def csrf_token(token: str, secret: bytes) -> str:
    """What a page must send as X-CSRF-Token beside the cookie `token` on requests that change state."""
    return hmac.new(secret, b"csrf:" + token.encode(), hashlib.sha256).hexdigest()


def _signed(body: bytes, secret: bytes) -> str:
    return base64.urlsafe_b64encode(body + _tag(secret, body)).decode()


def _tag(secret: bytes, body: bytes) -> bytes:
    return hmac.new(secret, b"session:" + body, hashlib.sha256).digest()


def same(given: str, expected: str) -> bool:
    """Compare secrets without telling by the time where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())
