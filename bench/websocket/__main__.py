"""How many frames a second reach how many WebSocket clients, how late, at what memory.

    exchange bench websocket [--data DIR]     a running exchange: orders through its log, engine, ring and egress
    exchange bench websocket --alone          egress alone, fed with made-up events

Latency is from the engine's time in each frame (whole milliseconds) to its arrival in the client, on one clock. The
clients share the machine with what they measure; the report says how much of a core each took. Orders come from a
process of its own (flow.py), best on `--profile bare`, whose book nobody else moves.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import uvloop

from bench.load.targets.api import BenchError
from bench.report.result import Check, Figure, Run, percentile_curve
from bench.websocket.client import CLOSED, FRAMES, TIMED, StreamClient, Totals, compiled
from bench.websocket.server import SYMBOL
from engine_core.arguments import folder, new_file, seconds, whole

SETTLE_SECONDS = 1.0
OPEN_SECONDS = 10.0
TOGETHER = 50  # connections opened at once


@contextmanager
def started(module: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """A helper process: (the first line that it prints, its pid)."""
    with subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline().strip()
            if not line:
                raise BenchError(f"{module} did not start")
            yield line, process.pid
        finally:
            process.terminate()


def rates(options: argparse.Namespace) -> list[str]:
    return ["--changes", str(options.changes), "--trades", str(options.trades), "--seed", str(options.seed)]


@contextmanager
def flowing(options: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """(URL, pid) of an egress process that has something to say."""
    if options.alone:
        with started("bench.websocket.server", *rates(options)) as (port, pid):
            yield f"ws://127.0.0.1:{port}", pid
        return
    folder = options.data or Path(os.environ.get("EXCHANGE_DATA") or "data")
    try:
        run = json.loads((folder / "run.json").read_text())
    except OSError as error:
        raise BenchError(f"no running exchange: {error}; `make run`, name --data, or --alone") from None
    flow = ["--redis", run["redis"], "--symbol", options.symbol, *rates(options)]
    with started("bench.websocket.flow", *flow):
        yield run["ws"], int(run["processes"]["egress"][0])


async def connect(url: str, clients: int, names: list[str], totals: Totals) -> list[StreamClient]:
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    subscribe = json.dumps({"method": "SUBSCRIBE", "params": names}).encode()
    opened: list[StreamClient] = []
    while len(opened) < clients:
        count = min(TOGETHER, clients - len(opened))
        made = [loop.create_connection(lambda: StreamClient(totals, subscribe, host), host, port) for _ in range(count)]
        batch = [client for _, client in await asyncio.gather(*made)]
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await asyncio.gather(*(client.opened for client in batch))
        except TimeoutError:
            raise BenchError(f"{url} does not answer: no handshake within {OPEN_SECONDS:g} s") from None
        opened += batch
    return opened


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(options: argparse.Namespace, url: str, pid: int) -> tuple[dict[str, Any], Totals]:
    names = [f"{kind}.{options.symbol}" for kind in options.streams.split(",")]
    server = psutil.Process(pid)
    memory_before = server.memory_info().rss
    compiled()
    totals = Totals()
    clients = await connect(url, options.clients, names, totals)
    await asyncio.sleep(SETTLE_SECONDS)
    totals.clear()
    own = psutil.Process()
    before = cpu_seconds(own), cpu_seconds(server)
    began = time.perf_counter()
    await asyncio.sleep(options.seconds)
    took = time.perf_counter() - began
    frames, timed, closed = (int(totals.counts[i]) for i in (FRAMES, TIMED, CLOSED))
    report: dict[str, Any] = {
        "clients": len(clients),
        "streams": names,
        "measured_seconds": round(took, 2),
        "frames_per_second": round(frames / took),
        "frames_per_second_and_client": round(frames / took / len(clients), 1),
        "latency_ms": {name: totals.latency_ms(q) for name, q in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))},
        "frames_timed": timed,
        "connections_lost": totals.lost + closed,
        "client_cpu": round((cpu_seconds(own) - before[0]) / took, 2),
        "server_cpu": round((cpu_seconds(server) - before[1]) / took, 2),
        "kilobytes_per_client": round(max(server.memory_info().rss - memory_before, 0) / 1024 / len(clients), 1),
    }
    for client in clients:
        if client.transport is not None:
            client.transport.abort()
    return report, totals


def figures(report: dict[str, Any]) -> list[Figure]:
    latency = report["latency_ms"]
    return [
        Figure("frames", report["frames_per_second"], "frames/s", "higher"),
        *(Figure(f"latency {name}", latency[name], "ms", "lower") for name in ("p50", "p99", "max")),
        Figure("egress", report["server_cpu"], "cores", "lower"),
        Figure("memory per client", report["kilobytes_per_client"], "KB", "lower"),
    ]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=whole(1, 100_000), default=1000)
    parser.add_argument("--seconds", type=seconds(0.1, 86_400), default=10.0)
    parser.add_argument("--streams", default="depth,trade", help="comma-separated kinds (default: depth,trade)")
    parser.add_argument("--symbol", default=SYMBOL, help=f"market (default: {SYMBOL})")
    parser.add_argument("--data", type=folder, metavar="DIR", help="data folder of the running exchange")
    parser.add_argument(
        "--alone", action="store_true", help="start an egress and feed it with generated events instead"
    )
    parser.add_argument(
        "--changes", type=whole(1, 1_000_000_000), default=500, help="level changes per second (default: 500)"
    )
    parser.add_argument("--trades", type=whole(1, 1_000_000_000), default=100, help="trades per second (default: 100)")
    parser.add_argument("--seed", type=whole(0, 2**63 - 1), default=1)
    parser.add_argument("--json", type=new_file, metavar="FILE", help="also write the report to FILE")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(argv)
    run = Run("websocket", options, options.seed)
    try:
        with flowing(options) as (url, pid):
            report, totals = uvloop.run(measure(options, url, pid))
    except (BenchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    report |= {"alone": options.alone, "changes": options.changes, "trades": options.trades}
    print(json.dumps(report, indent=2))
    checks = [Check("connections", not report["connections_lost"], f"{report['connections_lost']} were lost")]
    curve = percentile_curve("Latency of a frame", "ms", {"all clients": totals.latency_ms})
    run.write(options.json, figures(report), checks, [curve], report)
    return 0 if report["frames_timed"] and not report["connections_lost"] else 1


if __name__ == "__main__":
    sys.exit(main())
