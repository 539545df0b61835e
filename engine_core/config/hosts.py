"""Hosts as they are configured, as they are bound, and as they are written in URLs.

A host is a name, an IPv4 address, or an IPv6 address without brackets; "0.0.0.0" and "::" mean all of this machine.
"""

import socket
from typing import Any

_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def in_url(host: str) -> str:
    """`host` before a port: IPv6 addresses go into brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def reachable(host: str) -> str:
    """What this machine connects to, written as in a URL, for a host that may mean all its addresses."""
    return in_url(_ALL.get(host, host))


def to_bind(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """The family and address of a listening TCP socket; OSError if the name means nothing here."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except ValueError:  # a name that is too long, or has a NUL in it
        raise OSError("it is not a host name") from None
    family, _, _, _, address = found[0]
    return family, address
