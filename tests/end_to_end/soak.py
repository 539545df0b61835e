"""Hours in minutes: the real exchange under the demo's market maker while its processes are killed, then the audit.

    python -m tests.end_to_end.soak --minutes 10 [--seed N] [--no-kills] [--load]

With --load two producers append blocks of orders all the time, beside the profile `bare`, and Redis has REDIS_BYTES:
trimming must keep it below that however long it goes on, and no order may be refused for it.

Every round kills one role with -9, waits until orders are accepted again, trades once, asks for every book, and has a
snapshot taken. At the end `exchange verify` replays the whole log, and compares the snapshots. Exit status 0 only if
every round and the audit were right. The seed repeats the order of kills.
"""

import argparse
import contextlib
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis

from engine_core.wire.streams import keys
from tests.end_to_end.chaos_clients import Bulk
from tests.exchange import Exchange, configured

ROLES = ("engine", "ingress", "egress", "writer", "market_maker")
ROUND_S = 15.0
REDIS_BYTES = 128 << 20
CONFIG = {
    "redis_bytes = 8_589_934_592": f"redis_bytes = {REDIS_BYTES}",
    "every_commands = 5_000_000": "every_commands = 30_000",
}


def trade(exchange: Exchange) -> None:
    """One limit order across the spread, and back: both must be answered with their final state."""
    buyer, seller = exchange.trader(0), exchange.trader(1)
    for trader in (buyer, seller):
        trader.load_markets()
    bid = buyer.create_order("SOL/USDC", "limit", "buy", 1, 100)
    seller.create_order("SOL/USDC", "market", "sell", 1)
    buyer.cancel_all_orders("SOL/USDC")
    assert bid["id"]


def look(exchange: Exchange) -> None:
    """At every book, order by order; then a snapshot, which verify compares with a replay that nobody asks anything."""
    for market in exchange.trader(0).load_markets().values():
        answer = httpx.get(f"{exchange.run['http']}/api/v1/depth/orders", params={"symbol": market["id"]}, timeout=30)
        answer.raise_for_status()
    taken = exchange.command("snapshot")
    assert taken.returncode == 0, taken.stderr


def redis_use(exchange: Exchange, most: int) -> str:
    """What Redis holds; an AssertionError if that is more than it may."""
    with redis.Redis.from_url(exchange.run["redis"]) as client:
        memory: Any = client.info("memory")
        log: Any = client.xinfo_stream(keys(0).orders)
    used = int(memory["used_memory"])
    assert not most or used < most, f"Redis uses {used} bytes, allowed are {most}"
    return f"Redis {used / 2**20:.0f} MB, {log['length']} of {log['entries-added']} blocks"


def memory_use(exchange: Exchange) -> str:
    """Megabytes that the processes of each role have for themselves, and all of them together."""
    roles = {pid: role for role, pids in exchange.run["processes"].items() for pid in pids}
    used: Counter[str] = Counter()
    for process in exchange.family():
        with contextlib.suppress(psutil.NoSuchProcess):
            used[roles.get(process.pid, "others")] += process.memory_full_info().uss // 2**20
    return f"{used.total()} MB: " + ", ".join(f"{role} {megabytes}" for role, megabytes in sorted(used.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-kills", action="store_true")
    parser.add_argument("--load", action="store_true", help="much flow, little memory for Redis")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="exchange-soak-") as folder:
        if options.load:
            config = str(configured(Path(folder), CONFIG))
            exchange = Exchange(Path(folder) / "data", "--profile", "bare", "--config", config)
        else:
            exchange = Exchange(Path(folder) / "data", "--profile", "demo")
        exchange.start()
        bulks = [Bulk(exchange.run["redis"], number, options.seed) for number in range(2 if options.load else 0)]
        producers = [threading.Thread(target=bulk.run) for bulk in bulks]
        for producer in producers:
            producer.start()
        roles = [role for role in ROLES if exchange.pids(role)]
        deadline, rounds = time.monotonic() + options.minutes * 60, 0
        try:
            while time.monotonic() < deadline:
                time.sleep(min(ROUND_S, max(0.0, deadline - time.monotonic())))
                role = "nobody" if options.no_kills else chance.choice(roles)
                if role != "nobody":
                    exchange.kill(role)
                trade(exchange)
                look(exchange)
                rounds += 1
                use = redis_use(exchange, REDIS_BYTES if options.load else 0)
                print(f"round {rounds}: killed {role}, traded, {use}; {memory_use(exchange)}", flush=True)
            _stop(bulks, producers)
            print(exchange.verified())
        finally:
            _stop(bulks, producers)
            exchange.end()
    print(f"{rounds} rounds, everything accounted for")
    return 0


def _stop(bulks: list[Bulk], producers: list[threading.Thread]) -> None:
    for bulk in bulks:
        bulk.stop = True
    for producer in producers:
        producer.join()


if __name__ == "__main__":
    sys.exit(main())
