"""Chaos of hosts: the primary of the log is killed again and again, and at the same moment who else may be on its host.

    python -m tests.end_to_end.chaos_hosts [--kills N] [--seed N] [--cluster]

durability = "replicated" with one of two replicas, three sentinels (or a cluster of three primaries), one standby. Each
kill -9 of the primary takes nobody, the active engine, or both engines with it. Clients and what must hold at the end
are those of chaos.py, but for bulk producers, who take the word of Redis for an acknowledgement. The last line has the
seconds from each promotion to the next acknowledged order.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import redis

from tests.clusters import Cluster
from tests.end_to_end.chaos import CONFIG, ENOUGH, Chaos, running
from tests.exchange import Exchange, configured, eventually
from tests.sentinels import PASSWORD, Sentinels

REPLICATED = {
    **CONFIG,
    "every_commands = 5_000_000": "every_commands = 1_000",
    'durability = "everysec"': 'durability = "replicated"',
    "replicas = 0": "replicas = 1",
}
WITH = ((), ("engine",), ("engine", "standby"))


class HostChaos(Chaos):
    def __init__(self, exchange: Exchange, seed: int, servers: Sentinels) -> None:
        super().__init__(exchange, seed, bulks=0)
        self._servers = servers
        self.paused: dict[str, list[float]] = {}  # seconds without acknowledgements, by who was killed besides

    async def _round(self) -> None:
        await asyncio.sleep(self._chance.uniform(0.2, 2.0))
        roles = self._chance.choice(WITH)
        pids = {role: self._exchange.pids(role) for role in roles}
        killed = self._servers.primary
        for role in roles:
            for pid in pids[role]:
                os.kill(pid, signal.SIGKILL)
        self._servers.kill(killed)
        await asyncio.to_thread(self._servers.until_promoted, killed)
        began, before = time.monotonic(), self._acknowledged
        await asyncio.to_thread(eventually, lambda: self._acknowledged, lambda now: now > before, "an order", 120)
        paused = self.paused.setdefault("+".join(("primary", *roles)), [])
        paused.append(round(time.monotonic() - began, 2))
        await asyncio.to_thread(self._servers.revive, killed)
        for role in roles:
            eventually(
                lambda role=role: self._exchange.pids(role), lambda now, old=pids[role]: bool({*now} - {*old}), role
            )
        self.outcome.kills["+".join(("primary", *roles))] = len(paused)

    @property
    def _has_enough(self) -> bool:
        return self._acknowledged > ENOUGH

    def _log(self) -> redis.Redis:
        return redis.Redis(port=self._servers.primary, password=PASSWORD)


def survive(folder: Path, kills: int, seed: int, kind: type[Sentinels] = Sentinels) -> HostChaos:
    """One run from an empty folder to the audit."""
    with kind(folder) as servers:
        config = configured(folder, REPLICATED)
        exchange = Exchange(folder / "data", "--profile", "bare", "--config", str(config))
        exchange.variables["REDIS_URL"] = servers.url
        with running(exchange):
            chaos = HostChaos(exchange, seed, servers)
            asyncio.run(chaos.run(kills))
            done = exchange.command("snapshot")  # a short run may have had no reason for one
            assert done.returncode == 0, done.stderr
            chaos.check()
        return chaos


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="of the primary (default: 50)")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="of order and moments")
    parser.add_argument("--cluster", action="store_true", help="the log on a cluster's node, instead of sentinels")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="exchange-chaos-") as folder:
        kind = Cluster if options.cluster else Sentinels
        chaos = survive(Path(folder), options.kills, options.seed, kind)
    print(f"{options.kills} hosts died, nothing acknowledged is missing or doubled: {chaos.outcome}")
    for who, seconds in sorted(chaos.paused.items()):
        print(f"{who}: {sorted(seconds)} s from the promotion to the next order")
    return 0


if __name__ == "__main__":
    sys.exit(main())
