"""A crowd of clients that all lose their connection at once and all come back at once, and what the others notice.

    python -m bench.websocket.storm ws://127.0.0.1:8081 5000 depth.1000ms.SOL_USDC

The crowd has a process of its own: opens its connections, says so, and for each line that it reads cuts all of them
and connects again. A client is served when its SUBSCRIBE is answered. Non-goals: clients that wait before they return.
"""

import asyncio
import json
import sys
import time
from typing import Any, cast

import numpy as np
import psutil
import uvloop

from bench.load.targets.api import BenchError
from bench.report.result import Check, Figure
from bench.websocket.client import CLOSED, FRAMES, TIMED, StreamClient, Totals, compiled, connect
from bench.websocket.helper import Helper, cpu_seconds
from bench.websocket.idle import raise_descriptors

SETTLE_SECONDS, WAIT_SECONDS = 2.0, 60.0


class Returning(StreamClient):
    """Notes when its first frame came: the answer to what it subscribed."""

    served_at = 0.0

    def data_received(self, data: bytes) -> None:
        before = self.totals.counts[FRAMES]
        super().data_received(data)
        if not self.served_at and self.totals.counts[FRAMES] > before:
            self.served_at = time.perf_counter()
            self.served.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.served: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        super().connection_made(transport)


async def crowd(url: str, clients: int, names: list[str]) -> None:
    compiled()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    here = await connect(url, clients, names, Totals(), Returning)
    print(len(here), flush=True)
    while await lines.readline():
        for client in here:
            cast(asyncio.Transport, client.transport).abort()
        began = time.perf_counter()
        here = await connect(url, clients, names, Totals(), Returning, together=clients, within=WAIT_SECONDS)
        await asyncio.gather(*(client.served for client in here))
        took = np.array([client.served_at - began for client in here])
        p50, p99 = (round(float(np.quantile(took, share)), 3) for share in (0.5, 0.99))
        print(json.dumps({"all": round(float(took.max()), 3), "p50": p50, "p99": p99}), flush=True)


async def listen(totals: Totals, seconds: float) -> None:
    """So long, and until a frame has come."""
    await asyncio.sleep(seconds)
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while not totals.counts[TIMED]:
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise BenchError(f"no frame came within {WAIT_SECONDS:g} s: nothing happens in this market") from None


async def measure(
    url: str, pid: int, clients: int, names: list[str], storm: tuple[int, list[str]], seconds: float
) -> tuple[dict[str, Any], dict[str, Totals]]:
    """What `clients` on `names` notice while as many as `storm` says come back: their latencies before and during."""
    server, totals = psutil.Process(pid), Totals()
    compiled()
    with Helper("bench.websocket.storm", url, str(storm[0]), *storm[1]) as returning:
        await asyncio.to_thread(returning.line)
        others = await connect(url, clients, names, totals, StreamClient)
        await asyncio.sleep(SETTLE_SECONDS)
        totals.clear()
        began, spent = time.perf_counter(), cpu_seconds(server)
        await listen(totals, seconds)
        took = time.perf_counter() - began
        calm, calm_cpu = totals.copy(), (cpu_seconds(server) - spent) / took
        totals.clear()
        spent = cpu_seconds(server)
        returning.tell("return")
        served = json.loads(await asyncio.to_thread(returning.line))
        storm_cpu, stormy = cpu_seconds(server) - spent, totals.copy()
        lost = totals.lost + int(totals.counts[CLOSED])
        for client in others:
            cast(asyncio.Transport, client.transport).abort()
    latencies = {
        when: {name: of.latency_ms(share) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}
        for when, of in (("before", calm), ("during", stormy))
    }
    report = {
        "clients": clients,
        "streams": names,
        "returning": storm[0],
        "streams_of_returning": storm[1],
        "served_seconds": served,
        "latency_ms": latencies,
        "p99_ratio": round(latencies["during"]["p99"] / latencies["before"]["p99"], 2),
        "frames_timed": int(calm.histogram.sum()),
        "connections_lost": lost,
        "server_cpu": round(calm_cpu, 2),
        "cpu_us_of_one_that_returns": round((storm_cpu - calm_cpu * served["all"]) / storm[0] * 1e6),
    }
    return report, {"before": calm, "during": stormy}


def figures(report: dict[str, Any]) -> tuple[list[Figure], list[Check]]:
    lost, latency = report["connections_lost"], report["latency_ms"]
    return [
        Figure("all served after", report["served_seconds"]["all"], "s", "lower"),
        Figure("p99 of the others before", latency["before"]["p99"], "ms", "lower"),
        Figure("p99 of the others during", latency["during"]["p99"], "ms", "lower"),
        Figure("p99 during / before", report["p99_ratio"], "x", "lower"),
    ], [Check("connections", not lost, f"{lost} of the others were lost")]


if __name__ == "__main__":
    raise_descriptors()
    try:
        uvloop.run(crowd(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
    except (BenchError, OSError) as error:
        sys.exit(f"a client that returned was not served: {error}")
