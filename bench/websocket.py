"""How many frames a second reach how many WebSocket clients, how late, at what memory.

    exchange bench websocket                                   egress alone, fed with made-up events
    exchange bench websocket --url ws://127.0.0.1:8081 --pid N  the egress process N of a running exchange

Latency is from the engine's time in each frame (whole milliseconds) to its arrival in the client, on one clock. The
clients share the machine with what they measure; the report says how much of a core each took.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import psutil
import uvloop

from bench.websocket_client import CLOSED, FRAMES, TIMED, Client, Totals
from bench.websocket_server import SYMBOL

SETTLE_SECONDS = 1.0
OPEN_SECONDS = 10.0
TOGETHER = 50  # connections opened at once


@contextmanager
def own_server(changes: int, trades: int, seed: int) -> Iterator[tuple[str, int]]:
    """An egress process of our own: (url, pid)."""
    rates = ["--changes", str(changes), "--trades", str(trades), "--seed", str(seed)]
    command = [sys.executable, "-m", "bench.websocket_server", *rates]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"ws://127.0.0.1:{int(process.stdout.readline())}", process.pid
        finally:
            process.terminate()


async def connect(url: str, clients: int, names: list[str], totals: Totals) -> list[Client]:
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    subscribe = json.dumps({"method": "SUBSCRIBE", "params": names}).encode()
    opened: list[Client] = []
    while len(opened) < clients:
        count = min(TOGETHER, clients - len(opened))
        made = [loop.create_connection(lambda: Client(totals, subscribe, host), host, port) for _ in range(count)]
        batch = [client for _, client in await asyncio.gather(*made)]
        async with asyncio.timeout(OPEN_SECONDS):
            await asyncio.gather(*(client.opened for client in batch))
        opened += batch
    return opened


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(options: argparse.Namespace, url: str, pid: int) -> dict[str, object]:
    names = [f"{kind}.{options.symbol}" for kind in options.streams.split(",")]
    server = psutil.Process(pid) if pid else None
    memory_before = server.memory_info().rss if server else 0
    totals = Totals()
    clients = await connect(url, options.clients, names, totals)
    await asyncio.sleep(SETTLE_SECONDS)
    totals.clear()
    own = psutil.Process()
    before = cpu_seconds(own), cpu_seconds(server) if server else 0.0
    started = time.perf_counter()
    await asyncio.sleep(options.seconds)
    took = time.perf_counter() - started
    frames, timed, closed = (int(totals.counts[i]) for i in (FRAMES, TIMED, CLOSED))
    report: dict[str, object] = {
        "clients": len(clients),
        "streams": names,
        "seconds": round(took, 2),
        "frames_per_second": round(frames / took),
        "frames_per_second_and_client": round(frames / took / len(clients), 1),
        "latency_ms": {name: totals.latency_ms(q) for name, q in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))},
        "frames_timed": timed,
        "connections_lost": totals.lost + closed,
        "client_cpu": round((cpu_seconds(own) - before[0]) / took, 2),
    }
    if server:
        grown = max(server.memory_info().rss - memory_before, 0)
        report["server_cpu"] = round((cpu_seconds(server) - before[1]) / took, 2)
        report["kilobytes_per_client"] = round(grown / 1024 / len(clients), 1)
    for client in clients:
        if client.transport is not None:
            client.transport.abort()
    return report


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--streams", default="depth,trade", help="comma-separated kinds (default: depth,trade)")
    parser.add_argument("--symbol", default=SYMBOL)
    parser.add_argument("--url", help="of a running egress; without it, one is started and fed with made-up events")
    parser.add_argument("--pid", type=int, default=0, help="of that egress: adds its CPU and memory to the report")
    parser.add_argument("--changes", type=int, default=500, help="made-up level changes a second")
    parser.add_argument("--trades", type=int, default=100, help="made-up trades a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="also write the report there")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(argv)
    if options.url:
        report = uvloop.run(measure(options, options.url, options.pid))
    else:
        with own_server(options.changes, options.trades, options.seed) as (url, pid):
            report = uvloop.run(measure(options, url, pid))
        report |= {"changes": options.changes, "trades": options.trades, "seed": options.seed}
    report["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    text = json.dumps(report, indent=2)
    print(text)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    return 0 if report["frames_timed"] and not report["connections_lost"] else 1


if __name__ == "__main__":
    sys.exit(main())
