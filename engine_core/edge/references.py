"""What names a transfer of money in the logs, so that a repeat of it is known: 62 bits above zero."""

import hashlib
import secrets

_BYTES = 8
_SPARE_BITS = 2


def new_reference() -> int:
    """Of one that nobody will ask for again."""
    return secrets.randbits(8 * _BYTES - _SPARE_BITS) + 1


def reference_of(account: int, client_id: str, kind: bytes = b"") -> int:
    """The same for the same clientId of an account; `kind`: of transfers that have client ids to themselves."""
    key = account.to_bytes(4, "little")
    digest = hashlib.blake2b(client_id.encode(), digest_size=_BYTES, key=key, person=kind).digest()
    return (int.from_bytes(digest, "little") >> _SPARE_BITS) + 1
