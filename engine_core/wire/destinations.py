"""Where withdrawals go: their addresses, and the two words of the log that hold one to what was asked for.

An address is one of two things. Inside the exchange: `account-7`, as the exchange gives it out for deposits; what is
withdrawn to it goes to that account in the same command. Outside: 15 to 128 letters, digits, and `: . _ -` between
them, which is how accounts of chains and banks are written; whether it exists is checked when it is paid out.

WITHDRAW and TRANSFER carry 128 bits in c and d: 64 of a hash of the address, 64 of one of address and clientId. The
text is kept beside the log and counts for nothing unless it fits. Non-goals: chains, and who has which account.
"""

import hashlib
import re
from typing import Final

_INTERNAL: Final = re.compile(r"account-([1-9][0-9]{0,9})")
_EXTERNAL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{13,126}[A-Za-z0-9]")
RULE: Final = (
    "an address is account-N of this exchange, or 15 to 128 letters, digits and : . _ - that begin and end with a "
    "letter or digit"
)


def of_account(account: int) -> str:
    return f"account-{account}"


def account_of(address: str) -> int | None:
    """The account of an address inside; None for any other text."""
    match = _INTERNAL.fullmatch(address)
    return int(match[1]) if match else None


def is_outside(address: str) -> bool:
    """Whether it is well formed; nothing that looks like an account of ours is."""
    return _EXTERNAL.fullmatch(address) is not None and not address.lower().startswith("account")


def word_of(address: str) -> int:
    """The first word, of the address alone; never 0."""
    return _word(address.encode(), b"address") or 1


def words_of(address: str, client_id: str | None) -> tuple[int, int]:
    asked = (
        b"%d:" % len(address.encode()) + address.encode() + (b"" if client_id is None else b"+" + client_id.encode())
    )
    return word_of(address), _word(asked, b"asked")


def _word(text: bytes, kind: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, person=kind).digest(), "little", signed=True)
