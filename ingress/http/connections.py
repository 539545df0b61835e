"""The connections of one ingress process taken together: how many there may be, and who is too slow to keep.

One look at all connections each second instead of a timer for each request. What a connection makes us do before there
is a request is charged to its address here: a request is charged where it is answered, and many never become one.
Non-goals: reading requests (protocol.py), and how many requests a client may send (access/rate_limits.py).
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable
from typing import Final, Protocol

from engine_core.config.addresses import TrustedProxies, network
from engine_core.config.edge_limits import Connections
from engine_core.edge.refusals import Code
from engine_core.process import lifecycle
from ingress.access.rate_limits import RateLimiter
from ingress.engine import RETRY_LATER
from ingress.errors import ApiError

FULL: Final = ApiError(Code.MAINTENANCE, "Too many connections")
TOO_MANY: Final = ApiError(Code.TOO_MANY_REQUESTS, "Too many connections from this address", RETRY_LATER)
LOG_SECONDS: Final = 10.0

logger = logging.getLogger(__name__)


class Connection(Protocol):
    """What is looked at. `awaited_since`: when a request began that has not come completely, in the loop's time; 0.0 if
    none did. `unread_since`: when the client was first seen not to take its answers; 0.0 if it does."""

    awaited_since: float
    unread_since: float

    def is_unread(self) -> bool: ...

    def drop(self) -> None: ...


class Crowd:
    """A connection of a trusted proxy counts for the client whose request it brought last."""

    def __init__(
        self, bounds: Connections, proxies: TrustedProxies | None = None, limits: RateLimiter | None = None
    ) -> None:
        self._bounds, self._limits = bounds, limits
        self.proxies = proxies or TrustedProxies()
        self.most = lifecycle.room_for_clients(bounds.most)
        self.refused = 0
        self._logged_at = -LOG_SECONDS
        self._count = 0
        self._of_address: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """Connections that are open. From any thread."""
        return self._count

    def enter(self, peer: str) -> ApiError | None:
        """Count a connection; why it has to go again, if it has. Each one leaves, refused or not."""
        address = network(peer)
        self._count += 1
        self._of_address[address] += 1
        if self._count > self.most:
            return self._refuse(FULL, peer)
        return self._refuse(TOO_MANY, peer) if self._is_over(peer, self._of_address[address]) else None

    def charge(self, peer: str, units: int) -> ApiError | None:
        """Count work for an address before it is done, as so many small requests; why it is not done, if it is not. A
        trusted proxy is nobody to charge: what it brings is charged to whom it names."""
        if self._limits is None or self.proxies.trusts(peer):
            return None
        try:
            self._limits.arrive(peer, base=units)
        except ApiError as error:
            return self._refuse(error, peer)
        return None

    def move(self, peer: str, other: str) -> ApiError | None:
        """Count a connection for another address from now on, unless that has too many."""
        old, new = network(peer), network(other)
        if old == new:
            return None
        if self._is_over(other, self._of_address[new] + 1):
            return self._refuse(TOO_MANY, other)
        self._of_address[new] += 1
        self._forget(old)
        return None

    def _refuse(self, why: ApiError, peer: str) -> ApiError:
        self.refused += 1
        if time.monotonic() - self._logged_at >= LOG_SECONDS:
            self._logged_at = time.monotonic()
            logger.warning("a connection of %s was refused: %s (%d refused so far)", peer, why.message, self.refused)
        return why

    def _is_over(self, peer: str, count: int) -> bool:
        most = self._bounds.of_one_address
        return 0 < most < count and not self.proxies.trusts(peer)

    def leave(self, peer: str) -> None:
        self._count -= 1
        self._forget(network(peer))

    def _forget(self, address: str) -> None:
        self._of_address[address] -= 1
        if not self._of_address[address]:
            del self._of_address[address]

    def drop_slow(self, connections: Iterable[Connection], now: float) -> int:
        """Drop who takes too long to send a request or to take an answer; how many these were."""
        longest, dropped = self._bounds.slow_client_seconds, 0
        for connection in list(connections):
            if not connection.is_unread():
                connection.unread_since = 0.0
            elif not connection.unread_since:
                connection.unread_since = now
            since = connection.awaited_since, connection.unread_since
            if any(moment and now - moment > longest for moment in since):
                connection.drop()
                dropped += 1
        return dropped
