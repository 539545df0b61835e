"""Whose private streams a SUBSCRIBE frame may name: by an ED25519 signature (SPEC §2, §6.1) or a page's stream token.

A key that is revoked, or whose account is frozen for reading, loses its streams, and so does a session that was ended
by a log-out: `valid` is asked again whenever the setup changes, and for sessions several times a second.
A signature is good for one connection, on which it may come again: it names no streams, so clients that subscribe twice
in a millisecond make the same. Non-goals: what is subscribed (session.py).
"""

import time
from dataclasses import dataclass, field, replace

from engine_core.replica.setup import Setup
from engine_core.wire import session, signing
from engine_core.wire.codes import KeyPermission
from engine_core.wire.remembered import NAME_BYTES, Full, Remembered

INSTRUCTION = "subscribe"


class NotAuthorised(Exception):
    """The frame proves nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Owner:
    account: int
    public_key: bytes = b""  # empty: a session
    session: bytes = b""  # its name


@dataclass(frozen=True, slots=True)
class Authenticator:
    setup: Setup
    session_secret: bytes
    ended: Remembered | None = None  # sessions; None: nobody can log out
    used: Remembered | None = None  # signatures
    own: set[bytes] = field(default_factory=set)  # signatures of this connection

    def for_connection(self) -> "Authenticator":
        return replace(self, own=set())

    def owner(self, signature: object, token: object) -> Owner:
        """Who sent a frame with these members (None: absent); a signature, if present, wins."""
        if signature is not None:
            return self._signed(signature)
        if isinstance(token, str):
            account = session.read(token, self.session_secret)
            owner = None if account is None else Owner(account, session=session.name_of(token))
            if owner is None or not self.valid(owner):
                raise NotAuthorised("the session token is wrong or has expired")
            return owner
        raise NotAuthorised("private streams need `signature` or `session`")

    def valid(self, owner: Owner) -> bool:
        """Whether the key still exists and may read, or the session has not been ended."""
        if owner.public_key:
            return self._may_read(owner.public_key)
        return self.ended is None or not self.ended.has(owner.session, time.time_ns() // 1_000_000)

    def _may_read(self, public_key: bytes) -> bool:
        key = self.setup.keys.get(public_key)
        return key is not None and bool(key.permissions & KeyPermission.READ)

    def _signed(self, parts: object) -> Owner:
        if not (isinstance(parts, list) and len(parts) == 4 and all(isinstance(part, str | int) for part in parts)):
            raise NotAuthorised("`signature` must be [apiKey, signature, timestamp, window]")
        api_key, signature_text, timestamp, window = (str(part) for part in parts)
        public_key = signing.decode_base64(api_key, signing.PUBLIC_KEY_BYTES)
        if public_key is None or public_key not in self.setup.keys:
            raise NotAuthorised("unknown API key")
        problem = signing.window_error(timestamp, window, time.time_ns() // 1_000_000)
        if problem:
            raise NotAuthorised(problem)
        signature = signing.decode_base64(signature_text, signing.SIGNATURE_BYTES)
        text = signing.signing_text(INSTRUCTION, (), timestamp, window)
        if signature is None or not signing.verify(public_key, text, signature):
            raise NotAuthorised("invalid signature")
        if not self._may_read(public_key):
            raise NotAuthorised("the API key lacks the permission to read")
        self._once(signature, int(timestamp) + int(window))
        return Owner(self.setup.keys[public_key].account, public_key)

    def _once(self, signature: bytes, valid_until_ms: int) -> None:
        """Refuse what was sent on another connection: whoever saw it there could listen too."""
        if signature in self.own or self.used is None:
            return
        try:
            if not self.used.add(signature[:NAME_BYTES], valid_until_ms, time.time_ns() // 1_000_000):
                raise NotAuthorised("this signature was already used on another connection: take another timestamp")
        except Full:
            raise NotAuthorised("too many signatures are remembered at present; try again in a minute") from None
        self.own.add(signature)
