"""Which passwords may be chosen, how they are kept, and codes of the second factor (RFC 6238).

Non-goals: whose they are (user_rows.py), and how often one may try (access/rate_limits.py).
"""

import os
import time
from base64 import b64encode
from functools import lru_cache
from typing import Final

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from pyotp.utils import strings_equal

MIN_PASSWORD, MAX_PASSWORD = 8, 256
ISSUER: Final = "Exchange"
STEP_SECONDS: Final = 30
# 19 MiB and two passes, one lane: some 25 ms of a core, which the few attempts that the limits admit may cost.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_STEPS: Final = (0, -1, 1)  # of a clock that is somewhat off
_LEAST_DIFFERENT: Final = 4  # characters of a password

hash_password = _HASHER.hash


def _hash_of_nothing() -> str:
    """As of a password with these costs, and of none: whose hash it is takes more than the world's time to find."""
    salt, tag = (b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (_HASHER.salt_len, _HASHER.hash_len))
    costs = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${tag}"


NOBODY: Final = _hash_of_nothing()  # checked for unknown names, so that time tells nothing


def problem_of(password: str, name: str) -> str | None:
    """Why nobody should have this password, or None."""
    plain = password.lower()
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return f"password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters"
    if plain in _common() or plain.rstrip("0123456789!?.") in _common() or len(set(plain)) < _LEAST_DIFFERENT:
        return "password is one of the first that are tried: choose another one"
    if name in plain or name in plain[::-1]:
        return "password must not contain the name"
    return None


@lru_cache(1)
def _common() -> frozenset[str]:
    """30,000 passwords that leaked most often, as the library's estimator knows them."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(password for password in FREQUENCY_LISTS["passwords"] if len(password) >= MIN_PASSWORD)


def matches(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def new_secret() -> str:
    """Of a second factor, in base32."""
    return pyotp.random_base32()


def uri_of(secret: str, name: str) -> str:
    """What an authenticator reads, mostly as a picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def step_of(secret: str, code: str) -> int | None:
    """The time step whose code this is, of those around now."""
    totp, now = pyotp.TOTP(secret), int(time.time()) // STEP_SECONDS
    fitting = [now + step for step in _STEPS if strings_equal(totp.generate_otp(now + step), code)]
    return fitting[0] if fitting else None
