"""The sender of a request, and whether he may: ED25519 signatures (docs/api.md), or the session cookie of the page.

A signature, if present, wins. Non-goals: what the request says (requests/order_commands.py), and rate limits.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from engine_core.edge import session_tokens, signing
from engine_core.edge.expiring_set import Remembered
from engine_core.edge.refusals import Code
from engine_core.edge.session_tokens import Purpose
from engine_core.edge.signing import Pairs
from engine_core.replica.setup import Key, Setup
from engine_core.wire.codes import KeyPermission
from ingress.access.key_uses import KeyUses
from ingress.access.used_signatures import UsedSignatures, duplicate
from ingress.errors import ApiError, bad_request
from ingress.messages import Call

COOKIE = "session"
SECURE_COOKIE = "__Host-session"  # over TLS: browsers take it from nobody but us, for no other host or path
_SESSION_PERMISSIONS = KeyPermission.READ | KeyPermission.TRADE
_SAFE_METHODS = ("GET", "HEAD")
_TRADE = KeyPermission.TRADE.value


class Caller(NamedTuple):
    """An authenticated client. `signature` is empty for a browser session."""

    account: int
    signature: bytes = b""
    valid_until_ms: int = 0
    public_key: bytes = b""
    is_former: bool = False  # signed with the instruction that this request had formerly


class Claim(NamedTuple):
    """A claim to have signed a request: with a key that exists, at a time that admits it. Nothing of it is read yet."""

    public_key: bytes
    key: Key
    signature: bytes
    timestamp: str
    window: str


@dataclass(slots=True)
class Authenticator:
    setup: Setup
    session_secret: bytes
    used: UsedSignatures
    ended: Remembered  # sessions
    uses: KeyUses = field(default_factory=KeyUses)

    def claim(self, call: Call, instruction: str, permission: KeyPermission) -> Caller | Claim:
        """The caller that the head of a request names, or a refusal: it costs the same however long the request is. A
        session is all that a page needs; a signed request has yet to be verified.

        Without an instruction only a session will do: the request is the page's own business.
        """
        headers = call.headers
        if not instruction:
            return self._check_session(call, permission)
        if b"x-signature" in headers or b"x-api-key" in headers:
            return self._claim_of_key(headers)
        if b"cookie" in headers:
            return self._check_session(call, permission)
        raise ApiError(Code.UNAUTHORIZED, "Missing credentials: X-API-Key, X-Timestamp and X-Signature are required")

    def prove(
        self, claim: Claim, instruction: str, items: Sequence[Pairs], permission: KeyPermission, former: str = ""
    ) -> Caller:
        """The caller of a request whose parameters are `items` (one, or those of a batch), or a refusal. `former`: an
        instruction with which older clients sign the same."""

        def signed(name: str) -> bool:
            texts = signing.spellings(name, items, claim.timestamp, claim.window)
            return signing.verify_any(claim.public_key, texts, claim.signature)

        fitting = next((name for name in filter(None, (instruction, former)) if signed(name)), None)
        if fitting is None:
            raise _invalid_signature()
        if not int(claim.key.permissions) & int(permission):
            raise ApiError(Code.FORBIDDEN, f"API key lacks the permission to {(permission.name or '').lower()}")
        self.uses.note(claim.public_key)
        valid_until_ms = int(claim.timestamp) + int(claim.window)
        return Caller(claim.key.account, claim.signature, valid_until_ms, claim.public_key, fitting != instruction)

    def check_plain(
        self, api_key: bytes, timestamp_ms: int, window_ms: int, text: bytes, signature_text: bytes
    ) -> Caller | None:
        """The caller of an order whose parts are read already, if all is right; else check() says what is not."""
        public_key = signing.decode_base64(api_key, signing.PUBLIC_KEY_BYTES)
        key = self.setup.keys.get(public_key) if public_key else None
        if public_key is None or key is None or not key.permissions.value & _TRADE:
            return None
        age_ms = time.time_ns() // 1_000_000 - timestamp_ms
        if not -max(window_ms, signing.FUTURE_SKEW_MS) <= age_ms <= window_ms <= signing.MAX_WINDOW_MS:
            return None
        signature = signing.decode_base64(signature_text, signing.SIGNATURE_BYTES)
        if signature is None or not signing.verify(public_key, text, signature):
            return None
        self.uses.note(public_key)
        return Caller(key.account, signature, timestamp_ms + window_ms)

    def check_window(self, headers: dict[bytes, bytes]) -> tuple[str, str]:
        """(timestamp, window) as sent, once they admit the request now."""
        timestamp = headers.get(b"x-timestamp")
        if timestamp is None:
            raise bad_request("Missing timestamp: X-Timestamp is required")
        window = headers.get(b"x-window", b"")
        texts = timestamp.decode("latin-1"), window.decode("latin-1") or str(signing.DEFAULT_WINDOW_MS)
        problem = signing.window_error(*texts, time.time_ns() // 1_000_000)
        if problem:
            raise bad_request(problem)
        return texts

    def once(self, caller: Caller) -> None:
        """Refuse what any worker was sent before."""
        if not self.is_first(caller):
            raise duplicate()

    def is_first(self, caller: Caller) -> bool:
        """Whether no worker was sent this before; always of a session, which signs nothing."""
        now_ms = time.time_ns() // 1_000_000
        return not caller.signature or self.used.is_first(caller.signature, caller.valid_until_ms, now_ms)

    def tested(self, caller: Caller) -> None:
        """What was signed as an order and sent to be tested must never be executed."""
        if caller.is_former:
            self.used.mark_test(caller.signature, caller.valid_until_ms, time.time_ns() // 1_000_000)

    def is_test(self, caller: Caller) -> bool:
        return self.used.is_test(caller.signature, time.time_ns() // 1_000_000)

    def _claim_of_key(self, headers: dict[bytes, bytes]) -> Claim:
        public_key = signing.decode_base64(headers.get(b"x-api-key", b""), signing.PUBLIC_KEY_BYTES)
        key = self.setup.keys.get(public_key) if public_key else None
        if public_key is None or key is None:
            why = "Unknown API key" if headers.get(b"x-api-key") else "Missing API key: X-API-Key is required"
            raise ApiError(Code.UNAUTHORIZED, why)
        timestamp, window = self.check_window(headers)
        signature = signing.decode_base64(headers.get(b"x-signature", b""), signing.SIGNATURE_BYTES)
        if signature is None:
            raise _invalid_signature("" if headers.get(b"x-signature") else ": X-Signature is required")
        return Claim(public_key, key, signature, timestamp, window)

    def session_of(self, call: Call) -> tuple[str, int] | None:
        """(token, account) of the cookie, if that is a session which nobody has ended."""
        token = cookie_of(call)
        account = session_tokens.read(token, self.session_secret, Purpose.COOKIE) if token else None
        if (
            token is None
            or account is None
            or self.ended.has(session_tokens.name_of(token), time.time_ns() // 1_000_000)
        ):
            return None
        return token, account

    def _check_session(self, call: Call, permission: KeyPermission) -> Caller:
        found = self.session_of(call)
        if found is None:
            raise ApiError(Code.UNAUTHORIZED, "Session has expired: sign in again")
        token, account = found
        if call.method not in _SAFE_METHODS:
            if not is_own_page(call):
                raise ApiError(
                    Code.FORBIDDEN, "Origin is of another site: a session serves the exchange's own page only"
                )
            given = call.headers.get(b"x-csrf-token", b"").decode("latin-1")
            if not session_tokens.same(given, session_tokens.csrf_token(token, self.session_secret)):
                raise ApiError(Code.FORBIDDEN, "Missing or wrong X-CSRF-Token")
        if not _SESSION_PERMISSIONS & permission:
            raise ApiError(Code.FORBIDDEN, "A browser session cannot do this: use an API key")
        return Caller(account)


def _invalid_signature(why: str = "") -> ApiError:
    return ApiError(Code.INVALID_SIGNATURE, f"Invalid signature{why}")


def is_own_page(call: Call) -> bool:
    """Whether the page that asks, if a page does, came from us."""
    origin = call.headers.get(b"origin")
    if origin is None:
        return True
    try:
        parts = urlsplit(origin.decode("latin-1"))
    except ValueError:
        return False
    host = call.headers.get(b"host", b"").decode("latin-1")
    return parts.netloc == host and (parts.scheme == "https" or not call.origin.is_secure)


def cookie_of(call: Call) -> str | None:
    """The session token in the Cookie header, read once from its start to its end; of several the last one."""
    wanted, token = cookie_name(call).encode(), None
    for pair in call.headers.get(b"cookie", b"").split(b";"):
        name, _, value = pair.partition(b"=")
        if name.strip() == wanted:
            token = value.strip().decode("latin-1")
    return token


def cookie_name(call: Call) -> str:
    return SECURE_COOKIE if call.origin.is_secure else COOKIE
