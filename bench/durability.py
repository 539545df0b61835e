"""What it costs that an order outlives a process, a disk's cache or a host: `everysec`, `always`, `replicated`.

    exchange bench durability [--seconds N] [--rounds N] [--replicas N] [--json FILE]

For each durability, in turns: a Valkey with the replicas that it needs, all on this machine, and an engine. Then orders
one after the other, each sent when the one before is answered (without HTTP: the gateway of an ingress process, by the
ring), and blocks of 256 as fast as the engine takes them (pipeline.py, whose checks hold here). Replicas on this
machine take its processor time, and are no network away: read the ratios of a machine that has cores for them.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import redis

from bench import pipeline
from bench.own_folder import own_folder
from bench.pipeline import ENGINE_START_SECONDS, BenchError, engine
from bench.report.result import Check, Figure, Run
from bench.setting.settings import configured, setting
from bench.workloads import mixed_flow
from engine_core.arguments import new_file, seconds, whole
from engine_core.config.durability import DURABILITIES, MOST_REPLICAS, REPLICATED
from engine_core.config.settings import default_config
from engine_core.host.embedded import valkey_binary
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, Reason
from engine_core.wire.limits import MAX_BLOCK_COMMANDS

SEED, MARKETS, ACCOUNTS = 13, 8, 500
PREPARED_PER_SECOND = 20_000  # more than go one after the other
WARM_ORDERS = 200
BLOCK = 256
START_SECONDS = 30.0


@contextmanager
def own_log(folder: Path, durability: str, replicas: int) -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of a Valkey with so many replicas, and the variables of an engine with that durability."""
    sync = durability if durability == "always" else "everysec"
    with ExitStack() as stack:
        ports = [_free_port() for _ in range(1 + replicas)]
        for port in ports:
            options = ["--replicaof", "127.0.0.1", str(ports[0])] if port != ports[0] else []
            stack.enter_context(_server(folder / f"valkey-{port}", port, sync, *options))
        with redis.Redis(port=ports[0]) as client:
            _until(lambda: _online(client) == replicas, "the replicas do not follow")
        wanted = [setting(f"log.durability={durability}")]
        wanted += [setting(f"log.replicas={replicas}")] if durability == REPLICATED else []
        config = configured(default_config().read_text(encoding="utf-8"), wanted, folder / "durability.toml")
        yield f"redis://127.0.0.1:{ports[0]}/0", {"EXCHANGE_CONFIG": str(config)}


@contextmanager
def _server(folder: Path, port: int, sync: str, *options: str) -> Iterator[None]:
    folder.mkdir()
    settings = {"port": str(port), "bind": "127.0.0.1", "dir": str(folder), "save": "", "appendonly": "yes"}
    settings |= {"appendfsync": sync, "maxmemory-policy": "noeviction", "repl-diskless-sync-delay": "0"}
    settings |= {"auto-aof-rewrite-min-size": "4gb"}
    given = [part for key, value in settings.items() for part in (f"--{key}", value)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(valkey_binary()), *given, *options], stdout=log, stderr=log)
    try:
        with redis.Redis(port=port) as client:
            _until(lambda: _answers(client), f"Valkey does not start: {folder / 'log'}")
        yield
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _online(client: redis.Redis) -> int:
    found = client.info("replication").values()
    return sum(isinstance(each, dict) and each.get("state") == "online" for each in found)


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(what)
        time.sleep(0.02)


def one_by_one(durability: str, replicas: int, duration: float) -> np.ndarray:
    """Milliseconds of each order."""
    flow = mixed_flow(SEED, round(duration * PREPARED_PER_SECOND) + WARM_ORDERS, MARKETS, ACCOUNTS)
    setup = flow.setup[flow.setup["kind"] != CommandKind.GENESIS]
    with (
        own_folder("xd-", "/tmp") as folder,
        own_log(folder, durability, replicas) as (url, variables),
        engine(url, folder, variables=variables),
        Gateway(url, answer_seconds=ENGINE_START_SECONDS) as gateway,
    ):
        for first in range(0, len(setup), MAX_BLOCK_COMMANDS):
            gateway.execute(setup[first : first + MAX_BLOCK_COMMANDS])
        orders = flow.commands[flow.commands["kind"] == CommandKind.PLACE]
        return asyncio.run(_send(url, folder, [order.tobytes() for order in orders], duration))


async def _send(url: str, folder: Path, orders: list[bytes], duration: float) -> np.ndarray:
    gateway = await AsyncGateway.open(url, folder, 0, 1, only_own=True)
    try:
        for order in orders[:WARM_ORDERS]:
            await gateway.submit(order)
        taken, deadline = [], time.monotonic() + duration
        for order in orders[WARM_ORDERS:]:
            began = time.perf_counter()
            events = await gateway.submit(order)
            taken.append(time.perf_counter() - began)
            if events["kind"][0] == EventKind.BLOCK_REFUSED:
                raise BenchError(f"an order is refused unread: {Reason(int(events['reason'][0])).name}")
            if time.monotonic() > deadline:
                return np.array(taken) * 1000
        raise BenchError("more orders were answered than were prepared: fewer --seconds")
    finally:
        await gateway.close()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="exchange bench durability", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=seconds(0.1, 3_600), default=5.0, help="of each measurement (default: 5)")
    parser.add_argument("--rounds", type=whole(1, 100), default=3, help="each durability so often (default: 3)")
    parser.add_argument(
        "--replicas", type=whole(1, MOST_REPLICAS), default=1, help="of which all must have each order (default: 1)"
    )
    parser.add_argument("--json", type=new_file, metavar="FILE", help="also write the result to FILE")
    options = parser.parse_args(argv)
    run = Run("durability", options, SEED)
    names = sorted(DURABILITIES, key=("everysec", "always", REPLICATED).index)
    times: dict[str, list[np.ndarray]] = {name: [] for name in names}
    rates: dict[str, list[float]] = {name: [] for name in names}
    try:
        for _ in range(options.rounds):
            for name in names:
                replicas = options.replicas if name == REPLICATED else 0
                times[name].append(one_by_one(name, replicas, options.seconds))
                log = partial(own_log, durability=name, replicas=replicas)
                rates[name].append(pipeline.measure(options.seconds, BLOCK, log).commands_per_second)
    except (BenchError, TimeoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    figures = []
    print(f"{'':12}  p50 of an order   p99 of an order   orders/s in blocks of {BLOCK}   (median of {options.rounds})")
    for name in names:
        middle, late = ([float(np.percentile(each, share)) for each in times[name]] for share in (50, 99))
        print(f"{name:12}{np.median(middle):12.2f} ms{np.median(late):15.2f} ms{np.median(rates[name]):22,.0f}")
        figures += [
            Figure(f"{name}, p50", float(np.median(middle)), "ms", "lower", middle),
            Figure(f"{name}, p99", float(np.median(late)), "ms", "lower", late),
            Figure(f"{name}, pipeline", float(np.median(rates[name])), "orders/s", "higher", rates[name]),
        ]
    run.write(options.json, figures, [Check("answers", True, "every command is answered once, the balances add up")])
    return 0


if __name__ == "__main__":
    sys.exit(main())
