"""Whose address a request counts for: the peer's, or what a trusted proxy says of the client before it.

A proxy is trusted by its network (`[http] trusted_proxies`), and only the peer itself can be one: from anybody else
X-Forwarded-For is a claim, and is not read. Each proxy appends the address that it saw, so the list is read from the
right, as far as trusted proxies wrote it; what stands further left a client may have sent. Non-goals: what is counted.
"""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

FORWARDED_FOR, FORWARDED_PROTO = "x-forwarded-for", "x-forwarded-proto"
PROXY_PREFACES: Final = (
    b"PROXY ",
    b"\r\n\r\n\x00\r\nQUIT\n",
)  # how it begins
NO_PROXY_PROTOCOL: Final = (
    "The PROXY protocol is not spoken here: a proxy names its clients in X-Forwarded-For ([http] trusted_proxies)"
)
MOST_HOPS: Final = 16  # proxies in a row; what is beyond the last one is not looked at
_REMEMBERED: Final = 65_536
_SECURE: Final = ("https", "wss")
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Origin(NamedTuple):
    """Where a request came from."""

    address: str  # of the client
    is_secure: bool = False  # it came by TLS, to the first proxy
    is_forwarded: bool = False  # by a trusted proxy
    hops: int = 0  # addresses that were read; 0: the proxy named none


class TrustedProxies:
    """The networks whose word counts; none by default."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks = tuple(network_of(text) for text in networks)
        self._known = lru_cache(_REMEMBERED)(self._is_within)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, address: str) -> bool:
        return bool(self._networks) and self._known(address)

    def origin(self, peer: str, forwarded_for: Sequence[str], forwarded_proto: Sequence[str]) -> Origin:
        """`forwarded_*`: the values of these headers, one for each time that they were sent."""
        if not self.trusts(peer):
            return Origin(peer)
        address, hops = peer, 0
        for part in reversed(",".join(forwarded_for).rsplit(",", MOST_HOPS)[-MOST_HOPS:]):
            before = _address_in(part)
            if before is None:
                break
            address, hops = before, hops + 1
            if not self.trusts(address):
                break
        schemes = [part.strip().lower() for part in ",".join(forwarded_proto).rsplit(",", MOST_HOPS)]
        return Origin(address, schemes[-min(max(hops, 1), len(schemes))] in _SECURE, True, hops)

    def _is_within(self, address: str) -> bool:
        parsed = parse(address)
        return parsed is not None and any(
            parsed in network for network in self._networks if network.version == parsed.version
        )


def network_of(text: str) -> _Network:
    """The network that a configuration names; ValueError if it is none."""
    return ipaddress.ip_network(text.strip().strip("[]"), strict=False)


def parse(text: str) -> _Address | None:
    """An address; an IPv4 one that came by an IPv6 socket is what it is."""
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@lru_cache(_REMEMBERED)
def network(peer: str) -> str:
    """What counts as one address: those of one IPv6 subscriber (/64) do."""
    address = parse(peer)
    if address is None:
        return peer
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)) if address.version == 6 else address)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be reached from this machine."""
    address = parse(host)
    return host == "localhost" if address is None else address.is_loopback


def _address_in(part: str) -> str | None:
    """The address of one entry, which some proxies write with a port."""
    text = part.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    address = parse(text)
    return None if address is None else str(address)
