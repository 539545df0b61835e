"""Remembers the signatures of requests that must not run twice, for as long as their window admits them.

Only requests that are not idempotent by themselves are remembered: a placement without a clientId, a batch. A retry of
one with a clientId, or of a cancel, is harmless and must give its answer again. Non-goals: other ingress workers (a
signature is remembered by the worker that saw it), and reads.
"""

from dataclasses import dataclass, field

from ingress.errors import ApiError, Code

BUCKET_MS = 1000
MAX_SIGNATURES = 2_000_000  # about 200 MB; past it, requests are refused rather than replays admitted


@dataclass(slots=True)
class UsedSignatures:
    _buckets: dict[int, set[bytes]] = field(default_factory=dict)  # by the second in which their window ends
    _oldest: int = 0

    def use(self, signature: bytes, valid_until_ms: int, now_ms: int) -> None:
        """Refuse a signature that was used before, else remember it until its window has passed."""
        self._forget(now_ms)
        bucket = self._buckets.setdefault(valid_until_ms // BUCKET_MS, set())
        if signature in bucket:  # the same signature always has the same timestamp and window, so the same bucket
            raise ApiError(Code.INVALID_SIGNATURE, "Invalid signature: this request was already received")
        if sum(map(len, self._buckets.values())) >= MAX_SIGNATURES:
            raise ApiError(Code.MAINTENANCE, "Too many requests are remembered at present; try again in a minute")
        bucket.add(signature)

    def _forget(self, now_ms: int) -> None:
        current = now_ms // BUCKET_MS
        if current != self._oldest:
            self._oldest = current
            for bucket in [bucket for bucket in self._buckets if bucket < current]:
                del self._buckets[bucket]
