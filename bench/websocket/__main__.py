"""How many frames a second reach how many WebSocket clients, how late, at what memory.

    exchange bench websocket [--data DIR]     a running exchange: orders through its log, engine, ring and egress
    exchange bench websocket --alone          egress alone, fed with made-up events
    … --idle 10000                            so many connections that hear nothing: memory, and what opening one costs
    … --storm 5000 --clients 200              so many clients come back at once, and what the others notice of it

Latency is from the engine's time in each frame (whole milliseconds) to its arrival in the client, on one clock. The
clients share the machine with what they measure; the report says how much of a core each took. Orders come from a
process of its own (flow.py), best on `--profile bare`, whose book nobody else moves.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import uvloop

from bench.load.targets.api import BenchError
from bench.report.conditions import conditions_of
from bench.report.result import Check, Figure, Run, percentile_curve
from bench.websocket import idle, storm
from bench.websocket.client import CLOSED, FRAMES, TIMED, StreamClient, Totals, compiled, connect
from bench.websocket.helper import Helper, cpu_seconds
from bench.websocket.server import SYMBOL
from engine_core.arguments import folder, new_file, seconds, whole
from engine_core.operator.target.running import CommandError, require

SETTLE_SECONDS = 1.0
IDLE_STREAMS, STORM_STREAMS = ("trade",), ("depth.1000ms",)


def rates(options: argparse.Namespace) -> list[str]:
    changes, trades = (0, 0) if options.idle else (options.changes, options.trades)
    return ["--changes", str(changes), "--trades", str(trades), "--seed", str(options.seed)]


def named(kinds: Sequence[str], symbol: str) -> list[str]:
    return [f"{kind}.{symbol}" for kind in kinds]


@contextmanager
def flowing(options: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """(URL, pid) of an egress process that has something to say."""
    if options.alone:
        with Helper("bench.websocket.server", *rates(options)) as server:
            yield f"ws://127.0.0.1:{server.line()}", server.pid
        return
    folder = options.data or Path(os.environ.get("EXCHANGE_DATA") or "data")
    try:
        run = require(folder)
    except CommandError as error:
        raise BenchError(f"{error}; or measure egress by itself: --alone") from None
    if "egress" not in run.processes:
        raise BenchError(f"{folder}: its egress was started by somebody else, and its memory is not known: --alone")
    egress = run.ws, run.processes["egress"][0]
    if options.idle:
        yield egress
        return
    with Helper("bench.websocket.flow", "--redis", run.redis, "--symbol", options.symbol, *rates(options)) as flow:
        flow.line()
        yield egress


async def measure(options: argparse.Namespace, url: str, pid: int) -> tuple[dict[str, Any], Totals]:
    names = named(options.streams.split(","), options.symbol)
    server = psutil.Process(pid)
    memory_before = server.memory_info().rss
    compiled()
    totals = Totals()
    clients = await connect(url, options.clients, names, totals, StreamClient)
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


def figures(report: dict[str, Any]) -> tuple[list[Figure], list[Check]]:
    latency, lost = report["latency_ms"], report["connections_lost"]
    return [
        Figure("frames", report["frames_per_second"], "frames/s", "higher"),
        *(Figure(f"latency {name}", latency[name], "ms", "lower") for name in ("p50", "p99", "max")),
        Figure("egress", report["server_cpu"], "cores", "lower"),
        Figure("memory per client", report["kilobytes_per_client"], "KB", "lower"),
    ], [Check("connections", not lost, f"{lost} were lost")]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="exchange bench websocket", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=whole(1, 100_000), default=1000)
    parser.add_argument("--seconds", type=seconds(0.1, 86_400), default=10.0)
    parser.add_argument("--idle", type=whole(1, 60_000), metavar="N", help="measure N connections without frames")
    parser.add_argument("--storm", type=whole(1, 60_000), metavar="N", help="N more clients, who come back at once")
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
    options = parser.parse_args(argv)
    if options.idle and options.storm:
        parser.error("--idle and --storm: one at a time")
    return options


def measured(options: argparse.Namespace, url: str, pid: int) -> tuple[dict[str, Any], dict[str, Totals]]:
    """What was asked for, and the latencies of whose frames."""
    if options.idle:
        return idle.measure(url, pid, options.idle, named(IDLE_STREAMS, options.symbol), options.seconds), {}
    if options.storm:
        names = named(options.streams.split(","), options.symbol)
        returning = options.storm, named(STORM_STREAMS, options.symbol)
        return uvloop.run(storm.measure(url, pid, options.clients, names, returning, options.seconds))
    report, totals = uvloop.run(measure(options, url, pid))
    return report, {"all clients": totals}


def main(argv: Sequence[str] | None = None) -> int:
    options = parse(argv)
    run = Run("websocket", options, options.seed)
    idle.raise_descriptors()
    try:
        run.conditions = {} if options.alone else conditions_of(options.data)
        with flowing(options) as (url, pid):
            report, totals = measured(options, url, pid)
    except (BenchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    report |= {"alone": options.alone, "changes": options.changes, "trades": options.trades}
    print(json.dumps(report, indent=2))
    found, checks = (idle.figures if options.idle else storm.figures if options.storm else figures)(report)
    timed_of = {who: (int(of.counts[TIMED]), of.latency_ms) for who, of in totals.items()}
    curves = [percentile_curve("Latency of a frame", "ms", timed_of)]
    run.write(options.json, found, checks, curves if totals else [], report)
    timed = bool(options.idle or report["frames_timed"])
    return 0 if timed and not report["connections_lost"] else 1


if __name__ == "__main__":
    sys.exit(main())
