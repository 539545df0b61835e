"""Who is connected, from where, and what is still owed to each address: connections, and work.

What a client makes us do is charged to its address before it is done, in units of about 50 µs. An address is what
`[http] trusted_proxies` say that it is. Non-goals: how work is done in turns (intake.py), and what it is (session.py).
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from egress.config import ConnectionLimits
from engine_core.config.addresses import Origin, TrustedProxies, network

CONNECTION_UNITS = 10  # of the opening handshake
FULL = "too many connections"
OF_ADDRESS = "too many connections from"
SPARE = 16  # connections beyond the bound that get an error, instead of being cut off
LOG_SECONDS = 10.0

logger = logging.getLogger(__name__)


class Allowance:
    """A bucket of units that fills with time."""

    def __init__(self, burst: int, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._per_second, self._clock = burst, per_second, clock
        self._left, self._counted_at = float(burst), clock()

    def spend(self, units: int) -> bool:
        """Whether there are so many; then they are gone."""
        left = self._fill()
        if left < units:
            return False
        self._left = left - units
        return True

    @property
    def is_full(self) -> bool:
        return self._fill() >= self._burst

    def _fill(self) -> float:
        now = self._clock()
        self._left = min(self._left + (now - self._counted_at) * self._per_second, float(self._burst))
        self._counted_at = now
        return self._left


@dataclass(slots=True)
class Address:
    allowance: Allowance
    connections: int = 0
    names: int = 0  # of streams, that these hold
    turned_away: int = 0  # that are being sent an error


class Crowd:
    """All connections of this process, from their first byte on."""

    def __init__(self, limits: ConnectionLimits, proxies: TrustedProxies) -> None:
        self._limits, self._proxies = limits, proxies
        self._addresses: dict[str, Address] = {}
        self._logged_at = -LOG_SECONDS
        self.connections = 0
        self.turned_away = 0
        self.refused = 0

    def enter(self, peer: str) -> bool:
        """Count a connection; False: too many even to be sent an error. Each one leaves in the end."""
        self.connections += 1
        address = self._at(peer)
        address.connections += 1
        if self.connections + self.turned_away > self._limits.connections + SPARE:
            self._refuse(FULL)
        elif not self._proxies.trusts(peer) and self._over(address, address.turned_away - SPARE):
            self._refuse(f"{OF_ADDRESS} {peer}")
        else:
            return True
        return False

    def turn_away(self, address: str) -> None:
        """A connection that is refused holds no client's place any more, however long it takes its error to read."""
        of = self._at(address)
        self.connections, of.connections = self.connections - 1, of.connections - 1
        self.turned_away, of.turned_away = self.turned_away + 1, of.turned_away + 1

    def origin(self, peer: str, forwarded_for: list[str], forwarded_proto: list[str]) -> Origin:
        return self._proxies.origin(peer, forwarded_for, forwarded_proto)

    def charge(self, peer: str, units: int) -> str:
        """Before a handshake is read: what speaks against reading it, or "". What a trusted proxy brings is charged to
        whom it names, in the handshake."""
        if self._proxies.trusts(peer) or self._at(peer).allowance.spend(units):
            return ""
        return self._refuse(f"too many new connections from {peer}")

    def settle(self, peer: str, address: str) -> str:
        """Count a connection for the client behind it, and charge its opening: what speaks against it, or ""."""
        if network(peer) != network(address):
            self.leave(peer)
            self.connections += 1
            self._at(address).connections += 1
        of = self._at(address)
        if self._over(of, 0):
            return self._refuse(f"{OF_ADDRESS} {address}")
        if self._proxies.trusts(peer) and not of.allowance.spend(CONNECTION_UNITS):
            return self._refuse(f"too many new connections from {address}")
        if self.connections > self._limits.connections:
            return self._refuse(FULL)
        return ""

    def of(self, address: str) -> Address:
        return self._at(address)

    def leave(self, address: str, *, turned_away: bool = False) -> None:
        of = self._at(address)
        if turned_away:
            self.turned_away, of.turned_away = self.turned_away - 1, of.turned_away - 1
        else:
            self.connections, of.connections = self.connections - 1, of.connections - 1

    def forget(self) -> None:
        """Addresses that nothing is known about any more; every few seconds."""
        gone = [
            key
            for key, one in self._addresses.items()
            if not one.connections and not one.turned_away and one.allowance.is_full
        ]
        for key in gone:
            del self._addresses[key]

    def _at(self, address: str) -> Address:
        key = network(address)
        found = self._addresses.get(key)
        if found is None:
            allowance = Allowance(self._limits.address_burst, self._limits.address_per_second)
            found = self._addresses[key] = Address(allowance)
        return found

    def _over(self, address: Address, beside: int) -> bool:
        most = self._limits.of_one_address
        return 0 < most < address.connections + beside

    def _refuse(self, why: str) -> str:
        self.refused += 1
        now = time.monotonic()
        if now - self._logged_at >= LOG_SECONDS:
            self._logged_at = now
            logger.warning("a connection was refused: %s (%d refused so far)", why, self.refused)
        return why
