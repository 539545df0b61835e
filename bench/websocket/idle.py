"""Connections that have nothing to hear: what each costs egress in memory, and how long they took to open.

    python -m bench.websocket.idle ws://127.0.0.1:8081 10000 trade.SOL_USDC     opens them and says so

The clients are those of the `websockets` package, not ours, in a process of their own. Non-goals: frames and latency.
"""

import asyncio
import json
import resource
import sys
import time
from typing import Any

import psutil
import uvloop
from websockets.asyncio.client import ClientConnection, connect

from bench.report.result import Check, Figure
from bench.websocket.helper import Helper, cpu_seconds

TOGETHER = 100  # handshakes under way at once
OPENING_SECONDS = 300.0


def raise_descriptors() -> None:
    """As many sockets as this system allows a process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def hold(url: str, clients: int, names: list[str]) -> None:
    """Open them all, subscribed and answered; say how many, and keep them."""
    free = asyncio.Semaphore(TOGETHER)
    subscribe = json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1})

    async def one() -> ClientConnection:
        async with free:
            client = await connect(url, compression=None, ping_interval=None, proxy=None, open_timeout=OPENING_SECONDS)
            await client.send(subscribe)
            await client.recv()
            return client

    opened = await asyncio.gather(*(one() for _ in range(clients)))
    print(len(opened), flush=True)
    await asyncio.gather(*(client.wait_closed() for client in opened))


def measure(url: str, pid: int, clients: int, names: list[str], seconds: float) -> dict[str, Any]:
    server = psutil.Process(pid)
    before, began, spent = server.memory_info().rss, time.perf_counter(), cpu_seconds(server)
    with Helper("bench.websocket.idle", url, str(clients), *names) as helper:
        opened = int(helper.line())
        opening, opening_cpu = time.perf_counter() - began, cpu_seconds(server) - spent
        spent = cpu_seconds(server)
        time.sleep(seconds)
        after, idle_cpu = server.memory_info().rss, cpu_seconds(server) - spent
        lost = opened - sum(1 for each in server.net_connections() if each.status == psutil.CONN_ESTABLISHED)
    return {
        "idle_connections": opened,
        "streams": names,
        "connections_lost": max(lost, 0),
        "megabytes_before": round(before / 1e6, 1),
        "megabytes_after": round(after / 1e6, 1),
        "megabytes_of_connections": round((after - before) / 1e6, 1),
        "kilobytes_per_client": round((after - before) / 1024 / opened, 1),
        "opened_per_second": round(opened / opening),
        "opening_cpu_us": round(opening_cpu / opened * 1e6),
        "idle_cpu": round(idle_cpu / seconds, 3),
    }


def figures(report: dict[str, Any]) -> tuple[list[Figure], list[Check]]:
    lost = report["connections_lost"]
    return [
        Figure("memory of idle connections", report["megabytes_of_connections"], "MB", "lower"),
        Figure("memory per client", report["kilobytes_per_client"], "KB", "lower"),
        Figure("CPU of opening one", report["opening_cpu_us"], "us", "lower"),
        Figure("egress, idle", report["idle_cpu"], "cores", "lower"),
    ], [Check("connections", not lost, f"{lost} were lost")]


if __name__ == "__main__":
    raise_descriptors()
    uvloop.run(hold(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
