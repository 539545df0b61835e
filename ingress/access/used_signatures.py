"""Signatures that were used: what changes state is executed once, by whichever worker, before or after a restart.

Reads stay repeatable. A byte-equal repeat of an order with a clientId, or of a batch in which each has one, gives the
existing orders again (operations/orders.py), that of a withdrawal with one the existing one (operations/transfers.py).
Non-goals: other hosts (a load balancer has to keep a client on one), and a host that reboots within the window.
"""

import hashlib
from typing import Final

from engine_core.edge.expiring_set import Full, Remembered
from engine_core.edge.refusals import Code
from engine_core.edge.shared_files import NAME_BYTES
from ingress.errors import ApiError

_TEST: Final = b"test"


class UsedSignatures(Remembered):
    def is_first(self, signature: bytes, valid_until_ms: int, now_ms: int) -> bool:
        """Whether nobody used this signature before; it is remembered until its window has passed."""
        try:
            return self.add(signature[:NAME_BYTES], valid_until_ms, now_ms)
        except Full:
            raise busy() from None

    def mark_test(self, signature: bytes, valid_until_ms: int, now_ms: int) -> None:
        """It was signed as an order is, and sent to be tested: it will never be executed."""
        try:
            self.add(_test_name(signature), valid_until_ms, now_ms)
        except Full:
            raise busy() from None
        self.is_first(signature, valid_until_ms, now_ms)

    def is_test(self, signature: bytes, now_ms: int) -> bool:
        return self.has(_test_name(signature), now_ms)


def _test_name(signature: bytes) -> bytes:
    return hashlib.blake2b(signature, digest_size=NAME_BYTES, key=_TEST).digest()


def duplicate() -> ApiError:
    return ApiError(
        Code.DUPLICATE_REQUEST,
        "This request was already received, and is executed once: use clientId or another timestamp",
    )


def busy() -> ApiError:
    return ApiError(Code.MAINTENANCE, "Too many requests are remembered at present; try again in a minute")
