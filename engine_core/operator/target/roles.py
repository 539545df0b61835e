"""The roles and the programs that play them, and the options of `exchange up`. Light: every command imports it."""

import argparse

from engine_core.arguments import file, host, port, whole
from engine_core.config.exchange_toml import PROFILES
from engine_core.wire.limits import MOST_SHARDS

ROLES = {
    "engine": "engine_core.runtime",
    "standby": "engine_core.runtime",
    "ingress": "ingress",
    "egress": "egress",
    "writer": "persistence",
    "market_maker": "bench.market_maker",
    "reconcile": "engine_core.administration.reconcile",
    "warm": "engine_core.operator.warm",
}

# The secrets that each role gets, and no other: SECURITY.md has the table, and a test reads what running roles have.
SECRETS = ("REDIS_URL", "DATABASE_URL", "EXCHANGE_SESSION_SECRET")
NEEDS = {
    "engine": ("REDIS_URL",),
    "standby": ("REDIS_URL",),
    "ingress": SECRETS,
    "egress": ("REDIS_URL", "EXCHANGE_SESSION_SECRET"),
    "writer": ("REDIS_URL", "DATABASE_URL"),
    "market_maker": (),
    "reconcile": ("REDIS_URL",),
    "warm": (),
}


def add_up_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=file,
        help="configuration (default: that of the last start, else exchange.toml)",
    )
    parser.add_argument("--host", type=host, help="address to bind to (default: [server] host of the configuration)")
    parser.add_argument("--http", metavar="PORT", type=port, help="port of the REST API and the page; 0: any free one")
    parser.add_argument("--ws", metavar="PORT", type=port, help="port of the WebSocket streams; 0: any free one")
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        help="demo: funded demo accounts and a market maker; bare: funded too, no market maker, bands or limits; "
        "venue: nobody is funded, fit for the public (default: what the folder began with, else demo)",
    )
    parser.add_argument(
        "--shards",
        metavar="N",
        type=whole(1, MOST_SHARDS),
        help="number of shards, each with an engine of its own (default: [shards] count, or as many as there are)",
    )
    parser.add_argument(
        "--i-know",
        action="store_true",
        help="expose to other machines what should not be exposed (also EXCHANGE_I_KNOW=1)",
    )
