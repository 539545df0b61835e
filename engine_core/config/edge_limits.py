"""The `[http]`, `[rate_limits]` and `[connections]` tables of exchange.toml: who a client is, and how much it may ask.

They stand here, beside the other tables, because the file is read whole and in one place; only the edges use them.
"""

from dataclasses import dataclass

from engine_core.config.addresses import network_of
from engine_core.config.toml_section import Section

_TOP = 10_000_000
_SMALLEST_BURST = 20  # a batch has up to 20 orders, and must be possible
_KINDS = ("requests", "orders", "cancels", "reads")


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Token buckets; a rate of 0 means no limit."""

    requests_per_second: int  # of one address, whatever they are and with whatever key they are signed
    requests_burst: int
    orders_per_second: int  # an account's placements, whichever of its keys signs them
    orders_burst: int
    cancels_per_second: int  # an account's cancels: a larger bucket, so that getting out always works
    cancels_burst: int
    reads_per_second: int  # an account's or, without a key, an address's reads
    reads_burst: int
    logins_per_minute: int  # of one address: sign-ups and wrong log-ins; and all log-ins with one name

    @classmethod
    def none(cls) -> "RateLimits":
        return cls(0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Http:
    """What stands in front of the exchange."""

    trusted_proxies: tuple[str, ...] = ()  # networks whose X-Forwarded-For and -Proto count; see addresses.py
    demo_visitors: bool = False  # demo sessions for everybody, not only on this machine


@dataclass(frozen=True, slots=True)
class Users:
    withdraw_delay_minutes: int = -1  # until a key that a session made may withdraw; -1: as the profile has it


@dataclass(frozen=True, slots=True)
class Connections:
    """Bounds of one ingress process."""

    most: int
    of_one_address: int
    slow_client_seconds: int  # for a whole request to come, and for an answer to be taken


def read_http(table: Section) -> Http:
    proxies = table.texts("trusted_proxies")
    for text in proxies:
        try:
            network_of(text)
        except ValueError:
            raise table.error("trusted_proxies", f'must name networks, as "10.0.0.0/8", is {text!r}') from None
    http = Http(proxies, table.flag("demo_visitors", False))
    table.done()
    return http


def read_rate_limits(table: Section) -> RateLimits:
    values: dict[str, int] = {}
    for kind in _KINDS:
        rate = table.integer(f"{kind}_per_second", 0, _TOP, 0)
        burst = table.integer(f"{kind}_burst", 0, _TOP, 0)
        if rate and burst < _SMALLEST_BURST:
            raise table.error(f"{kind}_burst", f"must be at least {_SMALLEST_BURST} when {kind}_per_second is set")
        values |= {f"{kind}_per_second": rate, f"{kind}_burst": burst}
    limits = RateLimits(**values, logins_per_minute=table.integer("logins_per_minute", 0, _TOP, 0))
    table.done()
    return limits


def read_users(table: Section) -> Users:
    users = Users(table.integer("withdraw_delay_minutes", -1, 525_600, -1))
    table.done()
    return users


def read_connections(table: Section) -> Connections:
    connections = Connections(
        most=table.integer("most", 16, 1_000_000, 20_000),
        of_one_address=table.integer("of_one_address", 0, 1_000_000, 2_000),
        slow_client_seconds=table.integer("slow_client_seconds", 1, 3_600, 15),
    )
    table.done()
    return connections
