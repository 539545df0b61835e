"""Hours in minutes: the real exchange under the demo's market maker while its processes are killed, then the audit.

    python -m tests.end_to_end.soak --minutes 10 [--seed N] [--no-kills]

Every round kills one role with -9, waits until orders are accepted again, and trades once. At the end `exchange verify`
replays the whole log. Exit status 0 only if every round and the audit were right. The seed repeats the order of kills.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.end_to_end.harness import Exchange

ROLES = ("engine", "ingress", "egress", "writer", "market_maker")
ROUND_S = 15.0


def trade(exchange: Exchange) -> None:
    """One limit order across the spread, and back: both must be answered with their final state."""
    buyer, seller = exchange.trader(0), exchange.trader(1)
    for trader in (buyer, seller):
        trader.load_markets()
    bid = buyer.create_order("SOL/USDC", "limit", "buy", 1, 100)
    seller.create_order("SOL/USDC", "market", "sell", 1)
    buyer.cancel_all_orders("SOL/USDC")
    assert bid["id"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-kills", action="store_true")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="exchange-soak-") as folder:
        exchange = Exchange(Path(folder) / "data", "--profile", "demo")
        exchange.start()
        deadline, rounds = time.monotonic() + options.minutes * 60, 0
        try:
            while time.monotonic() < deadline:
                time.sleep(min(ROUND_S, max(0.0, deadline - time.monotonic())))
                role = "nobody" if options.no_kills else chance.choice(ROLES)
                if role != "nobody":
                    exchange.kill(role)
                trade(exchange)
                rounds += 1
                memory = sum(process.memory_info().rss for process in exchange.family()) // 2**20
                print(f"round {rounds}: killed {role}, traded, {memory} MB", flush=True)
            print(exchange.verified())
        finally:
            exchange.end()
    print(f"{rounds} rounds, everything accounted for")
    return 0


if __name__ == "__main__":
    sys.exit(main())
