"""Chaos: the real exchange under load from HTTP and bulk clients while its processes are killed, again and again.

    python -m tests.end_to_end.chaos [--rounds N] [--seed N]

durability = "always", one standby, snapshots all the time. In each round kill -9 hits every role once, in a random
order at random moments, Redis and the database too. HTTP clients repeat an order with its clientId until they know
what became of it; WebSocket clients keep a replica of the depth. At the end:

    every acknowledged order is in the log, under the id that was acknowledged, and no clientId was executed twice
    every bulk block that Redis confirmed was executed exactly once
    every depth replica equals the engine's book
    trades, fills, orders and balances in the database equal what the log says, row for row
    replay gives the same bytes, every snapshot on the way is the replayed state, no money appeared or vanished

chaos_hosts.py is the same for hosts, with durability = "replicated".
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import redis

from engine_core.process.tasks import ended
from engine_core.runtime.snapshots import snapshot
from engine_core.transport.backlog import parse_stored
from engine_core.wire.codes import CommandKind, EventKind
from engine_core.wire.layout import ADMIN_EVENT, EVENT
from engine_core.wire.streams import FIELD, EntryId, decode_block, keys
from tests.end_to_end.chaos_clients import SYMBOL, Bulk, HttpTrader, Replica
from tests.exchange import Exchange, configured, eventually
from tests.persistence.blocks import Block
from tests.persistence.database import assert_equals_log

ROLES = ("engine", "ingress", "egress", "writer", "valkey", "postgres", "standby")
NAMES = keys(0)
TRADERS = 4
ENOUGH = 100  # orders acknowledged and blocks sent, more than these: a run on a slow machine is of no less
CONFIG = {
    'durability = "everysec"': 'durability = "always"',
    "standbys = 0": "standbys = 1",
    "every_commands = 5_000_000": "every_commands = 3_000",
    "keep = 3 ": "keep = 50 ",
    "ended_per_account = 1_024": "ended_per_account = 65_536",
}


@dataclass(slots=True)
class Outcome:
    kills: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    repeated: int = 0
    blocks: int = 0
    events: int = 0
    snapshots: int = 0
    replicas: int = 0


class Chaos:
    def __init__(self, exchange: Exchange, seed: int, bulks: int = 2) -> None:
        self._exchange = exchange
        self._chance = random.Random(seed)
        self._traders = [HttpTrader(exchange, number, seed) for number in range(TRADERS)]
        self._bulks = [Bulk(exchange.run["redis"], number, seed) for number in range(bulks)]
        self._replicas = [Replica(exchange) for _ in range(2)]
        self.outcome = Outcome(replicas=len(self._replicas))

    async def run(self, rounds: int) -> None:
        clients = [asyncio.create_task(each.run()) for each in (*self._traders, *self._replicas)]
        bulks = [asyncio.create_task(asyncio.to_thread(bulk.run)) for bulk in self._bulks]
        try:
            for _ in range(rounds):
                await self._round()
            await asyncio.sleep(0.5)
            while not self._has_enough and not any(task.done() for task in (*clients, *bulks)):
                await asyncio.sleep(0.1)
            for client in (*self._traders, *self._bulks):
                client.stop = True
            await asyncio.wait_for(asyncio.gather(*clients[:TRADERS], *bulks), 60)
            book = await asyncio.to_thread(self._book)
            for replica in self._replicas:
                await asyncio.wait_for(replica.reaches(book["updateId"]), 60)
                assert replica.top(10) == {side: [row[:2] for row in book[side]] for side in ("bids", "asks")}
        finally:
            for client in (*self._traders, *self._bulks):
                client.stop = True
            await ended(*clients)
            await asyncio.gather(*bulks, return_exceptions=True)  # threads: they end by their own `stop`

    async def _round(self) -> None:
        for role in self._chance.sample(ROLES, len(ROLES)):
            await asyncio.sleep(self._chance.uniform(0.1, 1.0))
            await asyncio.to_thread(self._kill, role)

    @property
    def _has_enough(self) -> bool:
        """A snapshot, too: the least urgent process writes it, and each kill of an engine ends the one under way."""
        sent = sum(bulk.sent for bulk in self._bulks)
        return min(self._acknowledged, sent) > ENOUGH and bool(snapshot.found(self._exchange.data, shard=0))

    @property
    def _acknowledged(self) -> int:
        return sum(len(trader.acknowledged) for trader in self._traders)

    def _kill(self, role: str) -> None:
        """kill -9; and go on once another one is in its place and orders are taken."""
        pids = eventually(lambda: self._exchange.pids(role), lambda pids: len(pids) > 0, f"a {role}")
        victim = self._chance.choice(pids)
        os.kill(victim, signal.SIGKILL)
        eventually(
            lambda: self._exchange.pids(role), lambda now: len(now) >= len(pids) and victim not in now, f"a new {role}"
        )
        self._exchange.until_healthy()
        self.outcome.kills[role] = self.outcome.kills.get(role, 0) + 1

    def _book(self) -> Any:
        done = self._exchange.command("inspect", "--market", SYMBOL)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["book"]

    def _log(self) -> redis.Redis:
        return redis.Redis.from_url(self._exchange.run["redis"])

    def check(self) -> None:
        """Everything that must hold when the dust has settled."""
        with self._log() as client:
            top = EntryId.parse(cast(Any, client.xinfo_stream(NAMES.orders))["last-generated-id"])
            eventually(lambda: parse_stored(client.get(NAMES.stored)), lambda s: s and s.entry == top, "the writer", 60)
            log = [
                (EntryId.parse(entry), *decode_block(fields[FIELD], EVENT))
                for entry, fields in cast(list[Any], client.xrange(NAMES.events))
            ]
        self._check_orders([events for _, _, events in log])
        self._check_blocks([(header, events) for _, header, events in log])
        blocks = [Block(entry, header.time_ms, events) for entry, header, events in log]
        assert_equals_log(self._exchange.run["database"], blocks, _markets(blocks))
        answer = self._exchange.verified()
        self.outcome.events, self.outcome.snapshots = answer["events"], answer["snapshots"]
        assert answer["snapshots"] > 0, "snapshots were taken and are what replay gives"

    def _check_orders(self, log: list[Any]) -> None:
        executed: dict[tuple[int, int], list[int]] = {}
        for events in log:
            accepted = events[events["kind"] == EventKind.ACCEPTED]
            for account, client_id, order in accepted[["account", "client_id", "order_id"]].tolist():
                if client_id:
                    executed.setdefault((account, client_id), []).append(order)
        doubled = {key: orders for key, orders in executed.items() if len(orders) > 1}
        assert not doubled, f"executed twice: {doubled}"
        for trader in self._traders:
            for client_id, order in trader.acknowledged.items():
                found = executed.get((trader.account, client_id))
                assert found == [order], f"clientId {client_id} was acknowledged as {order}, the log has {found}"
            self.outcome.acknowledged += len(trader.acknowledged)
            self.outcome.repeated += trader.repeated

    def _check_blocks(self, log: list[Any]) -> None:
        for bulk in self._bulks:
            executed = [
                header.sequence
                for header, events in log
                if header.gateway == bulk.gateway and events[0]["kind"] != EventKind.BLOCK_REFUSED
            ]
            assert executed == list(range(1, bulk.sent + 1)), f"{bulk.sent} blocks sent, executed {executed}"
            self.outcome.blocks += bulk.sent


def _markets(blocks: list[Block]) -> dict[int, tuple[int, int, int, int]]:
    """As the log defines them: base, quote, lot_atoms, tick_atoms."""
    found = {}
    for block in blocks:
        applied = block.records.view(ADMIN_EVENT)
        for command in applied["command"][applied["kind"] == EventKind.APPLIED]:
            if command["kind"] == CommandKind.MARKET:
                found[int(command["market"])] = tuple(int(command[name]) for name in ("asset", "quote_asset", "a", "b"))
    return cast(dict[int, tuple[int, int, int, int]], found)


@contextmanager
def running(exchange: Exchange) -> Iterator[None]:
    """From its start to an orderly end; what fails meanwhile is said with the logs."""
    try:
        exchange.start()
        yield
        assert exchange.stop() == 0
    except BaseException:
        print(exchange.logs(), file=sys.stderr)
        raise
    finally:
        exchange.end()


def survive(folder: Path, rounds: int, seed: int) -> Outcome:
    """One run from an empty folder to the audit."""
    exchange = Exchange(folder / "data", "--profile", "bare", "--config", str(configured(folder, CONFIG)))
    with running(exchange):
        chaos = Chaos(exchange, seed)
        asyncio.run(chaos.run(rounds))
        chaos.check()
    return chaos.outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="each kills every role once (default: 5)")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="of order and moments")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="exchange-chaos-") as folder:
        outcome = survive(Path(folder), options.rounds, options.seed)
    print(f"{sum(outcome.kills.values())} kills survived, nothing lost: {outcome}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
