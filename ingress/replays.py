"""Signatures that were used: a request that is not idempotent by itself is executed once, by whichever worker.

Only those of a placement without a clientId, a batch, an amend, a withdrawal. A retry of one with a clientId, or of a
cancel, is harmless and must give its answer again. Non-goals: other hosts (a load balancer has to keep a client on
one), and a host that reboots within the window.
"""

from typing import Final

from engine_core.wire.remembered import NAME_BYTES, Full, Remembered
from ingress.errors import ApiError, Code

FILE: Final = "used-signatures"


class UsedSignatures(Remembered):
    def use(self, signature: bytes, valid_until_ms: int, now_ms: int) -> None:
        """Refuse a signature that was used before, else remember it until its window has passed."""
        try:
            is_new = self.add(signature[:NAME_BYTES], valid_until_ms, now_ms)
        except Full:
            raise busy() from None
        if not is_new:
            raise ApiError(Code.INVALID_SIGNATURE, "Invalid signature: this request was already received")


def busy() -> ApiError:
    return ApiError(Code.MAINTENANCE, "Too many requests are remembered at present; try again in a minute")
