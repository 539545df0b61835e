"""How long the exchange is away when something dies: replay, snapshots, fail-over.

    exchange bench recovery [--orders N] [--commands N] [--json FILE]

1. replay: commands a second from a log in blocks of 256, 8 and 1, by the engine's own recovery, its answers compared
2. snapshot: with so many open orders, how long matching stands still for the fork, the p99 of a batch of 256 while the
   child writes against the p99 without, and how long reading it back takes
3. fail-over: the longest wait for an answer when the active engine is killed and a standby takes over, five times

Each part checks its answers. Non-goals: throughput of the running exchange (pipeline.py).
"""

import argparse
import asyncio
import itertools
import os
import signal
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import redis

from bench.own_folder import own_folder
from bench.pipeline import ENGINE_START_SECONDS, BenchError, engine
from bench.report.result import Check, Figure, Run
from bench.workloads import TIME_MS, Flow, Mix, mixed_flow
from engine_core.arguments import new_file, whole
from engine_core.book.audit import digest
from engine_core.book.memory.state import OPEN_ORDERS
from engine_core.host.embedded import Valkey, running
from engine_core.runtime.crash_guard import CrashGuard
from engine_core.runtime.log.publish import Publisher
from engine_core.runtime.machine import Machine
from engine_core.runtime.recovery import replay
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.schedule import Keeper, Rules
from engine_core.runtime.snapshots.snapshot import Place
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.gateway import Gateway, OutcomeUnknown
from engine_core.transport.redis_connection import Connection, client_of
from engine_core.wire.codes import CommandKind, OrderType, SelfTrade, Side, TimeInForce
from engine_core.wire.layout import COMMAND
from engine_core.wire.limits import MAX_BLOCK_COMMANDS
from engine_core.wire.streams import FIELD, EntryId, Header, encode_block, keys

NAMES = keys(0)
SEED, MARKETS, ACCOUNTS = 11, 8, 1_000
BATCH = 256
BAR_REPLAY, BAR_PAUSE = 2_000_000, 5.0
ROUNDS = 5
MOST_UNKNOWN = 20  # orders of a fail-over that get no answer; each is waited for some seconds
CHECKS = [  # what measure() has proven, else it would have ended
    Check("replay", True, "comes to the same state"),
    Check("snapshot", True, "is the state at the fork"),
]
ONLY_REST = Mix(cancels=0, amends=0, market_orders=0, immediate=0, post_only=1000, icebergs=0, triggers=0)


@dataclass
class Result:
    replay_per_second: dict[str, float] = field(default_factory=dict)
    open_orders: int = 0
    fork_ms: float = 0.0
    p99_us: float = 0.0
    p99_while_writing_us: float = 0.0
    worst_while_writing_us: float = 0.0
    snapshot_seconds: float = 0.0
    snapshot_bytes: int = 0
    read_seconds: float = 0.0
    gaps_seconds: list[float] = field(default_factory=list)


class Blocks:
    """Commands as blocks of one gateway, under the IDs 1, 2, 3, … milliseconds after a beginning."""

    def __init__(self) -> None:
        self.made = 0

    def make(self, records: np.ndarray, size: int) -> list[tuple[EntryId, bytes]]:
        blocks = []
        for first in range(0, len(records), size):
            self.made += 1
            header = Header(1, 1, 5, 1, self.made, TIME_MS + self.made)
            blocks.append((EntryId(TIME_MS + self.made, 0), encode_block(header, records[first : first + size])))
        return blocks


def prepared(flow: Flow) -> tuple[Machine, Blocks, list[tuple[EntryId, bytes]]]:
    """A machine that has the accounts and markets, and the blocks that made them."""
    machine, blocks = Machine(flow.capacities), Blocks()
    made = blocks.make(flow.setup[:1], 1) + blocks.make(flow.setup[1:], MAX_BLOCK_COMMANDS)
    for entry, block in made:
        machine.execute(entry, block)
    return machine, blocks, made


def measure_replay(url: str, folder: Path, size: int, commands: int) -> float:
    """Fill both logs, then let the engine's recovery go through them; commands a second."""
    flow = mixed_flow(SEED, commands, MARKETS, ACCOUNTS)
    machine, blocks, made = prepared(flow)
    setup = Machine(flow.capacities)
    with closing(client_of(url, 60)) as client:
        client.flushall()
        made += blocks.make(flow.commands, size)
        for first in range(0, len(made), 512):
            with client.pipeline(transaction=False) as pipe:
                for entry, block in made[first : first + 512]:
                    pipe.xadd(NAMES.orders, {FIELD: block}, id=str(entry))
                    if entry > machine.position:
                        mirror = machine.execute(entry, block)
                        pipe.xadd(NAMES.events, {FIELD: machine.encode(mirror)}, id=str(entry))
                    else:
                        mirror = setup.execute(entry, block)
                        pipe.xadd(NAMES.events, {FIELD: setup.encode(mirror)}, id=str(entry))
                pipe.execute()
        recovered, publisher = Machine(flow.capacities), Publisher(NAMES)
        guard = CrashGuard(folder / "entry", client, NAMES)
        with closing(Connection(url, 60)) as reading, closing(Connection(url, 60)) as appends:
            publisher.connect(appends, client, machine.position)
            began = time.perf_counter()
            count, _ = replay(recovered, guard, client, reading, NAMES, publisher, machine.position, lambda: None)
            seconds = time.perf_counter() - began
    if digest(recovered.state) != digest(machine.state):
        raise BenchError("replay came to another state")
    return (count - len(flow.setup)) / seconds


def filled(orders: int) -> tuple[Machine, Blocks, int]:
    """A machine with exactly so many open orders, and the highest client id in use. Some orders are refused (a price
    on the other side of the book), so as many as are missing are placed again and again.
    """
    flow = mixed_flow(SEED, orders, MARKETS, ACCOUNTS, spread=2_000, mix=ONLY_REST)
    machine, blocks, _ = prepared(flow._replace(capacities=flow.capacities._replace(orders=orders + 400_000)))
    used, missing = 0, orders
    while missing:
        commands = mixed_flow(SEED + used, missing, MARKETS, ACCOUNTS, spread=2_000, mix=ONLY_REST).commands
        commands["client_id"] += used
        for entry, block in blocks.make(commands, MAX_BLOCK_COMMANDS):
            machine.execute(entry, block)
        used += missing
        missing = orders - int(machine.state.scalars[OPEN_ORDERS])
    return machine, blocks, used


def endless(blocks: Blocks, used: int, commands: int) -> Iterator[tuple[EntryId, bytes]]:
    """Batches of busy flow, whose client ids begin above those in use; `commands` are made at a time."""
    for number in itertools.count(1):
        busy = mixed_flow(SEED + number, commands, MARKETS, ACCOUNTS, spread=200).commands
        busy["client_id"] += used
        used += commands
        for at in range(0, commands, 100 * BATCH):
            yield from blocks.make(busy[at : at + 100 * BATCH], BATCH)


def measure_snapshot(folder: Path, orders: int, result: Result) -> None:
    machine, blocks, used = filled(orders)
    result.open_orders = int(machine.state.scalars[OPEN_ORDERS])
    waiting = endless(blocks, used, max(8 * orders, 400_000))
    if hasattr(os, "sched_setaffinity"):  # as the engine is
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    alone = [_batch(machine, *next(waiting)) for _ in range(min(3_000, orders // 4))]
    keeper = Keeper(Rules(folder, 0, 1e9, 1 << 60, 2, lambda: "nothing trimmed"))
    place = Place(1, 1, machine.position, 1)
    before = digest(machine.state)
    keeper.ask()
    beside = []
    began = time.perf_counter()
    while not keeper.taken:
        keeper.look(machine.state, lambda: place, 0, active=True)
        if keeper.failed:
            raise BenchError("the snapshot failed")
        beside.append(_batch(machine, *next(waiting)))
    result.snapshot_seconds = time.perf_counter() - began
    result.fork_ms = keeper.fork_seconds * 1e3
    result.p99_us, result.p99_while_writing_us = (float(np.percentile(each, 99)) * 1e6 for each in (alone, beside))
    result.worst_while_writing_us = max(beside) * 1e6
    (path,) = snapshot.found(folder, 0)
    result.snapshot_bytes = path.stat().st_size
    began = time.perf_counter()
    _, state = snapshot.read(path)
    result.read_seconds = time.perf_counter() - began
    if digest(state) != before:
        raise BenchError("the snapshot is not the state at the fork")


def _batch(machine: Machine, entry: EntryId, block: bytes) -> float:
    began = time.perf_counter()
    machine.encode(machine.execute(entry, block))
    return time.perf_counter() - began


async def measure_failover(url: str, folder: Path) -> float:
    """The longest time between two answers around the death of the active engine.

    An order whose outcome stays unknown has no answer: the wait for one goes on with the next.
    """
    with closing(redis.Redis.from_url(url)) as client:
        client.flushall()
    with engine(url, folder) as active, engine(url, folder, "--standby", number=1):
        await asyncio.to_thread(_open_market, url)
        out = await AsyncGateway.open(url, folder, 0, 100)
        order, answered, unknown = _order(), [time.perf_counter()], 0
        try:
            for number in range(400):
                if number == 200:
                    active.send_signal(signal.SIGKILL)
                try:
                    await out.submit(order)
                    answered.append(time.perf_counter())
                except OutcomeUnknown as error:
                    unknown += 1
                    if unknown > MOST_UNKNOWN:
                        raise BenchError(f"the standby does not take over: {error}") from None
        finally:
            await out.close()
    return float(np.diff(answered).max())


def _open_market(url: str) -> None:
    setup = mixed_flow(SEED, 16, 1, 2).setup
    with Gateway(url, answer_seconds=ENGINE_START_SECONDS) as gateway:
        gateway.execute(setup[setup["kind"] != CommandKind.GENESIS])


def _order() -> bytes:
    order = np.zeros(1, COMMAND)
    order["kind"], order["side"], order["order_type"] = CommandKind.PLACE, Side.BID, OrderType.LIMIT
    order["time_in_force"], order["self_trade"] = TimeInForce.GTC, SelfTrade.REJECT_TAKER
    order["market"], order["account"], order["price_ticks"], order["quantity_lots"] = 1, 2, 1_000, 1
    return order.tobytes()


def measure(orders: int, commands: int, rounds: int = ROUNDS) -> Result:
    result = Result()
    with own_folder("xb-", "/tmp") as folder:
        with running(Valkey(folder, folder), folder / "valkey.log") as url:
            for size, share in ((256, 1), (8, 10), (1, 40)):
                result.replay_per_second[str(size)] = measure_replay(url, folder, size, max(commands // share, 1_000))
            for number in range(rounds):
                (own := folder / str(number)).mkdir(mode=0o700)
                result.gaps_seconds.append(asyncio.run(measure_failover(url, own)))
        measure_snapshot(folder / "state", orders, result)
    return result


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="exchange bench recovery", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--orders",
        type=whole(1, 1_000_000_000),
        default=1_000_000,
        help="open orders during the snapshot (default: 1 M)",
    )
    parser.add_argument(
        "--commands",
        type=whole(1, 1_000_000_000),
        default=2_000_000,
        help="commands to replay in blocks of 256 (default: 2 M)",
    )
    parser.add_argument("--json", type=new_file, metavar="FILE", help="also write the result to FILE")
    parser.add_argument("--rounds", type=whole(1, 10_000), default=ROUNDS, help=f"failovers (default: {ROUNDS})")
    options = parser.parse_args(argv)
    if options.orders < 1_000 or options.commands < 1_000:
        parser.error("--orders and --commands must be at least 1000")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    run = Run("recovery", options, seed=SEED)
    try:
        result = measure(options.orders, options.commands, options.rounds)
    except (BenchError, TimeoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _print(result)
    run.write(options.json, figures(result), CHECKS, own=asdict(result))
    return 0


def figures(result: Result) -> list[Figure]:
    replayed = [
        Figure(f"replay, blocks of {size}", rate, "commands/s", "higher")
        for size, rate in result.replay_per_second.items()
    ]
    return [
        *replayed,
        Figure("fork", result.fork_ms, "ms", "lower"),
        Figure("p99 of a batch", result.p99_us, "µs", "lower"),
        Figure("p99 of a batch while a snapshot is written", result.p99_while_writing_us, "µs", "lower"),
        Figure("snapshot written", result.snapshot_seconds, "s", "lower"),
        Figure("snapshot", result.snapshot_bytes / 1e6, "MB", "lower"),
        Figure("snapshot read", result.read_seconds, "s", "lower"),
        Figure("fail-over, longest wait", statistics.median(result.gaps_seconds), "s", "lower", result.gaps_seconds),
    ]


def _print(result: Result) -> None:
    for size, rate in result.replay_per_second.items():
        bar = f"   bar {BAR_REPLAY:,}; 10 M commands in {10_000_000 / rate:.1f} s" if size == "256" else ""
        print(f"{rate:12,.0f} commands/s replayed from blocks of {size}{bar}")
    ratio = result.p99_while_writing_us / result.p99_us
    print(
        f"{result.open_orders:12,} open orders: snapshot of {result.snapshot_bytes / 1e6:.0f} MB in "
        f"{result.snapshot_seconds:.2f} s, read and proven in {result.read_seconds:.2f} s"
    )
    print(
        f"{result.fork_ms:12.1f} ms fork; p99 of a batch of {BATCH} {result.p99_us:.0f} µs, while it is written "
        f"{result.p99_while_writing_us:.0f} µs ({ratio:.1f} times, bar {BAR_PAUSE:.0f} times), worst "
        f"{result.worst_while_writing_us / 1e3:.1f} ms"
    )
    gaps = result.gaps_seconds
    print(f"{max(gaps):12.3f} s without an answer when the active engine is killed, worst of {len(gaps)}")


if __name__ == "__main__":
    sys.exit(main())
