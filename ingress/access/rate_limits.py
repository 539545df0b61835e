"""How much one client may ask: token buckets, shared by all ingress processes of the host.

A bucket is one number, the time at which it will be full again (the "theoretical arrival time" of GCRA), in nanoseconds
of the monotonic clock, which all processes share. A request of cost c moves it by c intervals, unless that would put it
more than a whole bucket into the future. So a check is a few loads, one store, and no waiting:

    sets of WAYS entries, each   word 0  whose bucket: kind << 56 | account, or kind << 56 | hash of an address
                                 word 1  when it is full again

Two processes that decide about one client within the same microsecond may count one request for two; that is taken. A
full set forgets the bucket that is full soonest. Non-goals: order-count limits (the engine's), other hosts.
"""

import hashlib
import time
from enum import IntEnum
from pathlib import Path
from typing import Final, NamedTuple

from engine_core.config.addresses import network
from engine_core.config.edge_limits import RateLimits
from engine_core.edge.refusals import Code
from engine_core.edge.shared_words import SharedWords
from ingress.errors import ApiError
from ingress.messages import Headers

FILE: Final = "rate-limits"
SETS: Final = 1 << 15
WAYS: Final = 4
# What reading costs at most, measured: 256 bytes about as much as a small request of a hot route does at all.
FREE_BYTES: Final = 1024  # of a request: more than an ordinary one has
BYTES_OF_A_REQUEST: Final = 256
LONG_WAY: Final = 4  # small requests that one costs which goes through the framework
CONNECTION: Final = 3  # that a connection costs, whatever comes by it
HANDSHAKE: Final = 10  # that becoming a WebSocket costs
LIMIT_HEADER: Final = b"X-RateLimit-Limit"
_LAYOUT: Final = 1
_ENTRY_WORDS: Final = 2
_MOST_REMEMBERED: Final = 100_000
_SECOND_NS: Final = 1_000_000_000
_MIX: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1
_HASH_MASK: Final = (1 << 55) - 1
OVER_THE_LIMIT: Final = "Too many requests: slow down, and see the Retry-After header"


class Cost(IntEnum):
    """Which bucket a request is taken from."""

    REQUESTS = 1
    ORDERS = 2
    CANCELS = 3
    READS = 4
    LOGINS = 5
    CODES = 6  # of a second factor: wrong ones for an account


class _Rate(NamedTuple):
    interval_ns: int  # in which one token comes back
    whole_ns: int  # in which an empty bucket fills
    limit: bytes  # its size, for the header


class RateLimiter:
    """`path` is the file that the processes share."""

    def __init__(self, path: Path, limits: RateLimits) -> None:
        self._shared = SharedWords(path, SETS * WAYS * _ENTRY_WORDS, _LAYOUT)
        self._words = self._shared.words
        self._places: dict[int, int] = {}  # where a bucket was last
        self._addresses: dict[str, int] = {}
        self._rates = {
            cost: rate
            for cost, rate in (
                (Cost.REQUESTS, _rate(limits.requests_per_second, limits.requests_burst)),
                (Cost.ORDERS, _rate(limits.orders_per_second, limits.orders_burst)),
                (Cost.CANCELS, _rate(limits.cancels_per_second, limits.cancels_burst)),
                (Cost.READS, _rate(limits.reads_per_second, limits.reads_burst)),
                (Cost.LOGINS, _rate(limits.logins_per_minute, limits.logins_per_minute, 60)),
                (Cost.CODES, _rate(limits.logins_per_minute, limits.logins_per_minute, 60)),
            )
            if rate is not None
        }

    def close(self) -> None:
        self._words.release()
        self._shared.close()

    def arrive(self, peer: str, size: int = 0, base: int = 1) -> None:
        """Count a request of an address, before anything of it is looked at; 429 if there are too many. A large one
        counts as several: what it costs to read grows with its bytes."""
        rate = self._rates.get(Cost.REQUESTS)
        if rate is not None:
            left_ns = self._spend(Cost.REQUESTS << 56 | self._address(peer), rate, _small_ones(size, base))
            if left_ns < 0:
                raise _refusal(rate, left_ns)

    def arrive_together(self, peer: str, sizes: list[int]) -> bool:
        """Count several requests of an address as arrive() would, one by one; False: too many, and none is counted."""
        rate = self._rates.get(Cost.REQUESTS)
        if rate is None:
            return True
        count = len(sizes) if max(sizes) <= FREE_BYTES else sum(map(_small_ones, sizes))
        if len(sizes) > 1 and count * rate.interval_ns > rate.whole_ns:
            return False  # a full bucket is enough for any request, but for one
        return self._spend(Cost.REQUESTS << 56 | self._address(peer), rate, count) >= 0

    def may_arrive(self, peer: str, size: int = 0) -> bool:
        """Whether a request of an address would be let through now; nothing is counted."""
        rate = self._rates.get(Cost.REQUESTS)
        if rate is None:
            return True
        left_ns = self._spend(Cost.REQUESTS << 56 | self._address(peer), rate, 0)
        return left_ns >= min(_small_ones(size) * rate.interval_ns, rate.whole_ns)

    def charge(self, cost: Cost, account: int, peer: str, count: int = 1) -> Headers:
        """Take `count` tokens of an account or, if that is 0, of an address: the headers of the answer, or 429."""
        rate = self._rates.get(cost)
        if rate is None:
            return self.allowance(peer)
        left_ns = self._spend(cost << 56 | (account or self._address(peer)), rate, count)
        if left_ns < 0:
            raise _refusal(rate, left_ns)
        return _headers(rate, left_ns)

    def order(self, account: int, peer: str, count: int = 1, size: int = 0) -> Headers | None:
        """For `count` orders that came by the short way in one request: arrive() and charge(), or None and nothing is
        counted."""
        requests, orders = self._rates.get(Cost.REQUESTS), self._rates.get(Cost.ORDERS)
        left_ns = self._spend(Cost.ORDERS << 56 | account, orders, count) if orders is not None else 0
        if left_ns < 0:
            return None
        whose = Cost.REQUESTS << 56 | self._address(peer)
        if requests is not None and self._spend(whose, requests, _small_ones(size)) < 0:
            if orders is not None:
                self._spend(Cost.ORDERS << 56 | account, orders, -count)
            return None
        return _headers(orders, left_ns) if orders is not None else self.allowance(peer)

    def give_back(self, account: int, peer: str, count: int = 1, size: int = 0) -> None:
        """What order() has counted goes the general way after all, which counts it itself."""
        if orders := self._rates.get(Cost.ORDERS):
            self._spend(Cost.ORDERS << 56 | account, orders, -count)
        if requests := self._rates.get(Cost.REQUESTS):
            self._spend(Cost.REQUESTS << 56 | self._address(peer), requests, -_small_ones(size))

    def log_in(self, name: str, peer: str) -> Headers:
        """Count an attempt to sign up or in: of the address for this name, and of the address until it was right.

        Never of the name alone, or anybody could lock its owner out.
        """
        rate = self._rates.get(Cost.LOGINS)
        if rate is None:
            return self.allowance(peer)
        for whose in (self._address(peer), _hash(f"name:{network(peer)}:{name}".encode())):
            left_ns = self._spend(Cost.LOGINS << 56 | whose, rate, 1)
            if left_ns < 0:
                raise _refusal(rate, left_ns)
        return _headers(rate, left_ns)

    def logged_in(self, peer: str) -> None:
        """The attempt was right: it counts for the name from there only."""
        if rate := self._rates.get(Cost.LOGINS):
            self._spend(Cost.LOGINS << 56 | self._address(peer), rate, -1)

    def prove(self, account: int, peer: str) -> Headers:
        """Count an attempt to show that an account is one's own; each address has attempts of its own."""
        rate = self._rates.get(Cost.LOGINS)
        if rate is None:
            return self.allowance(peer)
        whose = _hash(f"account:{network(peer)}:{account}".encode())
        left_ns = self._spend(Cost.LOGINS << 56 | whose, rate, 1)
        if left_ns < 0:
            raise _refusal(rate, left_ns)
        return _headers(rate, left_ns)

    def code_was_right(self, account: int) -> None:
        """Only wrong ones count for an account."""
        if rate := self._rates.get(Cost.CODES):
            self._spend(Cost.CODES << 56 | account, rate, -1)

    def allowance(self, peer: str) -> Headers:
        """The headers of an answer for which only the address counts; empty without such a limit."""
        rate = self._rates.get(Cost.REQUESTS)
        if rate is None:
            return ()
        return _headers(rate, self._spend(Cost.REQUESTS << 56 | self._address(peer), rate, 0))

    def _spend(self, whose: int, rate: _Rate, count: int) -> int:
        """Spend tokens; the time that is left of the bucket, or below 0 how long it is too early (nothing is spent)."""
        words = self._words
        at = self._places.get(whose)
        if at is None or words[at] != whose:
            at = self._place(whose)
        now = time.monotonic_ns()
        full_at = words[at + 1]
        if full_at < now or full_at > now + rate.whole_ns + _SECOND_NS:  # full; or of another clock, or other limits
            full_at = now
        full_at += min(count * rate.interval_ns, rate.whole_ns)
        left_ns = rate.whole_ns - (full_at - now)
        if left_ns >= 0 and count:
            words[at + 1] = full_at
        return left_ns

    def _place(self, whose: int) -> int:
        """The entry of a bucket: its own, or the one of its set that is full soonest (mostly: long ago)."""
        words = self._words
        first = ((whose * _MIX & _MASK) >> 49) % SETS * WAYS * _ENTRY_WORDS
        entries = range(first, first + WAYS * _ENTRY_WORDS, _ENTRY_WORDS)
        at = next((entry for entry in entries if words[entry] == whose), -1)
        if at < 0:
            at = min(entries, key=lambda entry: words[entry + 1])
            words[at + 1] = 0
            words[at] = whose
        if len(self._places) >= _MOST_REMEMBERED:
            self._places.clear()
        self._places[whose] = at
        return at

    def _address(self, peer: str) -> int:
        """A number for an address; those of one IPv6 subscriber (/64) have the same."""
        number = self._addresses.get(peer)
        if number is None:
            if len(self._addresses) >= _MOST_REMEMBERED:
                self._addresses.clear()
            number = self._addresses[peer] = _hash(b"address:" + network(peer).encode()) | 1 << 55
        return number


def opened(path: Path, limits: RateLimits) -> RateLimiter | None:
    """The limits of a process; none if nothing is limited."""
    return None if limits == RateLimits.none() else RateLimiter(path, limits)


def _small_ones(size: int, base: int = 1) -> int:
    """How many small requests one counts for."""
    return base + max(0, size - FREE_BYTES) // BYTES_OF_A_REQUEST


def _rate(per_period: int, burst: int, seconds: int = 1) -> _Rate | None:
    if not per_period:
        return None
    interval_ns = max(1, seconds * _SECOND_NS // per_period)
    return _Rate(interval_ns, interval_ns * burst, str(burst).encode())


def _hash(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") & _HASH_MASK


def _headers(rate: _Rate, left_ns: int) -> Headers:
    left = max(0, left_ns)
    return (
        (LIMIT_HEADER, rate.limit),
        (b"X-RateLimit-Remaining", b"%d" % (left // rate.interval_ns)),
        (b"X-RateLimit-Reset", b"%d" % (-(-(rate.whole_ns - left) // _SECOND_NS))),
    )


def _refusal(rate: _Rate, left_ns: int) -> ApiError:
    seconds = max(1, -(left_ns // _SECOND_NS))
    return ApiError(
        Code.TOO_MANY_REQUESTS, OVER_THE_LIMIT, ((b"Retry-After", b"%d" % seconds), *_headers(rate, left_ns))
    )
