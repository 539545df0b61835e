"""Whose private streams a SUBSCRIBE frame may name: by an ED25519 signature (docs/api.md) or a page's stream token.

A key that is revoked loses its streams, so does a session that has ended (by a log-out, a new password, its time), and
an account that is frozen: `valid` is asked again whenever the setup changes, and for sessions several times a second.
A signature is good for one connection, on which it may come again: it names no streams, so clients that subscribe twice
in a millisecond make the same. Non-goals: what is subscribed (session.py).
"""

import time
from dataclasses import dataclass, field, replace

from engine_core.edge import session_tokens, signing
from engine_core.edge.expiring_set import Full, Remembered
from engine_core.edge.shared_files import NAME_BYTES
from engine_core.replica.setup import Setup
from engine_core.wire.codes import KeyPermission

INSTRUCTION = "subscribe"


class NotAuthorised(Exception):
    """The frame proves nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Owner:
    account: int
    public_key: bytes = b""  # empty: a session
    session: bytes = b""  # its name
    until_ms: int = 0  # of a session


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
        """The sender of a frame with these members (None: absent); a signature, if present, wins."""
        if signature is not None:
            return self._signed(signature)
        if isinstance(token, str):
            account = session_tokens.read(token, self.session_secret)
            if account is None:
                raise NotAuthorised("the session token is wrong or has expired")
            return self._admitted(Owner(account, b"", session_tokens.name_of(token), session_tokens.expires_ms(token)))
        raise NotAuthorised("private streams need `signature` or `session`")

    def valid(self, owner: Owner) -> bool:
        return not self._objection(owner)

    def _admitted(self, owner: Owner) -> Owner:
        objection = self._objection(owner)
        if objection:
            raise NotAuthorised(objection)
        return owner

    def _objection(self, owner: Owner) -> str:
        """Why an owner who proved to be it may not listen, or not any more."""
        if owner.account in self.setup.frozen:
            return "the account is frozen"
        if owner.public_key:
            key = self.setup.keys.get(owner.public_key)
            if key is None or key.account != owner.account:
                return "the API key was revoked"
            return "" if key.permissions & KeyPermission.READ else "the API key lacks the permission to read"
        now_ms = time.time_ns() // 1_000_000
        has_ended = owner.until_ms < now_ms or (self.ended is not None and self.ended.has(owner.session, now_ms))
        return "the session has ended" if has_ended else ""

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
        owner = self._admitted(Owner(self.setup.keys[public_key].account, public_key))
        self._once(signature, int(timestamp) + int(window))
        return owner

    def _once(self, signature: bytes, valid_until_ms: int) -> None:
        """Refuse what was sent on another connection: anyone who saw it there could subscribe with it."""
        if signature in self.own or self.used is None:
            return
        try:
            if not self.used.add(signature[:NAME_BYTES], valid_until_ms, time.time_ns() // 1_000_000):
                raise NotAuthorised("this signature was already used on another connection: take another timestamp")
        except Full:
            raise NotAuthorised("too many signatures are remembered at present; try again in a minute") from None
        self.own.add(signature)
