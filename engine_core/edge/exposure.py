"""What other machines could reach, said before anybody can; and the addresses under which they would.

The profiles demo and bare give out funds that nobody paid in, so they open to other machines only with --i-know; venue
does when TLS stands in front. Non-goals: who may do what (SECURITY.md).
"""

import os
import socket
from collections.abc import Mapping

import psutil

from engine_core.config.addresses import is_loopback
from engine_core.config.exchange_toml import FUNDED_PROFILES
from engine_core.config.hosts import in_url, reachable
from engine_core.config.toml_section import ConfigError

I_KNOW = "EXCHANGE_I_KNOW"
_ANY = {host: socket.AF_INET6 if ":" in host else socket.AF_INET for host in ("0.0.0.0", "::", "")}


def check(profile: str, host: str, behind_tls: bool, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Warnings about what becomes public; ConfigError if it should not without the operator's word."""
    if is_loopback(host):
        return []
    risks = _risks(profile, behind_tls)
    is_refused = profile in FUNDED_PROFILES or not behind_tls
    if is_refused and environment.get(I_KNOW) != "1":
        instead = "use --profile venue, or " if profile in FUNDED_PROFILES else ""
        raise ConfigError(
            f"{host} can be reached from other machines, and the profile {profile} would be public: {'; '.join(risks)}"
            f": {instead}say --i-know ({I_KNOW}=1), or bind to 127.0.0.1"
        )
    return risks


def _risks(profile: str, behind_tls: bool) -> list[str]:
    risks = []
    if profile in FUNDED_PROFILES:
        risks.append("accounts with millions that nobody paid in, and keys in the data folder that may withdraw them")
    if profile == "bare":
        risks.append("no rate limits: passwords can be guessed as fast as one can ask")
    if behind_tls:
        risks.append("anyone who reaches this address around the proxy has no TLS")
    else:
        risks.append(
            "no TLS: passwords and cookies can be read on their way; [http] trusted_proxies names what speaks it"
        )
    return risks


def addresses(host: str) -> list[str]:
    """Where a server bound to `host` answers, as in URLs: all addresses of the machine, if that is what it means."""
    if host not in _ANY:
        return [in_url(host)]
    entries = [entry for entries in psutil.net_if_addrs().values() for entry in entries if entry.family == _ANY[host]]
    others = (in_url(entry.address.partition("%")[0]) for entry in entries)
    return list(dict.fromkeys([reachable(host), *others]))
