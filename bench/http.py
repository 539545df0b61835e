"""Orders a second through the whole exchange over HTTP, against a bare FastAPI echo under the same load.

    exchange bench http [--seconds N] [--connections N] [--json FILE]

Sends signed, unique limit orders of the two demo accounts, which trade with each other, to a running exchange. The same
bytes go to `bench.http_echo`, one uvicorn process too, in turns, so that what else the machine does hits both. Then one
connection measures the latency of an exchange at rest. At the end every accepted order must be in the accounts'
history: a count that does not fit fails the benchmark. Non-goals: matching speed (kernel.py), the log's (pipeline.py).
"""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.http_client import BenchError, Exchange
from bench.http_load import WRK, Load, run_python, run_wrk

ROUNDS = 2
PREPARED_PER_SECOND = 12_000  # more than one ingress process answers
LATENCY_SECONDS = 3.0
LATENCY_ORDERS = 3_000
ECHO_START_SECONDS = 20.0
BAR_RATIO, BAR_P50_MS = 1.5, 1.0


@dataclass(frozen=True)
class Result:
    """What the benchmark says."""

    client: str
    connections: int
    exchange_per_second: float
    echo_per_second: float
    ratio: float
    exchange_p50_ms: float
    exchange_p99_ms: float
    unloaded_p50_ms: float
    unloaded_p99_ms: float
    accepted: int
    refused: int
    unanswered: int  # at most so many were in flight when wrk's time was up
    known: int  # orders that the history has more than before

    @property
    def accounted(self) -> bool:
        return self.accepted <= self.known <= self.accepted + self.unanswered


def measure(exchange: Exchange, echo_port: int, seconds: float, connections: int, client: str) -> Result:
    before = exchange.orders_known()
    loads, echoes = [], []
    for _ in range(ROUNDS):
        part = seconds / ROUNDS
        requests = exchange.prepare(round(part * PREPARED_PER_SECOND))
        loads.append(_load(client, exchange.port, requests, part, connections))
        echoes.append(_load(client, echo_port, requests, part, connections))
        print(f"  exchange {loads[-1].per_second:,.0f}/s, echo {echoes[-1].per_second:,.0f}/s", flush=True)
    unloaded = run_python(exchange.port, iter(exchange.prepare(LATENCY_ORDERS)), LATENCY_SECONDS, 1)
    exchange.cancel_all()
    known = exchange.orders_known() - before
    everything = [*loads, unloaded]
    exchange_rate, echo_rate = _rate(loads), _rate(echoes)
    return Result(
        client=client,
        connections=connections,
        exchange_per_second=exchange_rate,
        echo_per_second=echo_rate,
        ratio=exchange_rate / echo_rate,
        exchange_p50_ms=statistics.mean(load.p50_ms for load in loads),
        exchange_p99_ms=max(load.p99_ms for load in loads),
        unloaded_p50_ms=unloaded.p50_ms,
        unloaded_p99_ms=unloaded.p99_ms,
        accepted=sum(load.accepted for load in everything),
        refused=sum(load.answered - load.accepted for load in everything),
        unanswered=connections * ROUNDS if client == "wrk" else 0,
        known=known,
    )


def _load(client: str, port: int, requests: list[bytes], seconds: float, connections: int) -> Load:
    if client == "wrk":
        return run_wrk(port, requests, seconds, connections)
    return run_python(port, iter(requests), seconds, connections)


def _rate(loads: list[Load]) -> float:
    return sum(load.answered for load in loads) / sum(load.seconds for load in loads)


@contextmanager
def echo() -> Iterator[int]:
    """The echo in a process of its own; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-P", "-m", "bench.http_echo", str(port)])
    try:
        deadline = time.monotonic() + ECHO_START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise BenchError("the echo server did not start") from None
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def report(result: Result) -> None:
    print(f"exchange  {result.exchange_per_second:9,.0f} orders/s   p50 {result.exchange_p50_ms:6.2f} ms at load")
    print(f"echo      {result.echo_per_second:9,.0f} requests/s")
    print(f"ratio     {result.ratio:9.2f}            bar {BAR_RATIO}")
    print(
        f"unloaded  {result.unloaded_p50_ms:9.2f} ms p50      bar {BAR_P50_MS} ms, p99 {result.unloaded_p99_ms:.2f} ms"
    )
    fits = "every order is accounted for" if result.accounted else "ORDERS ARE MISSING OR DOUBLED"
    print(f"accepted {result.accepted}, refused {result.refused}, in the history {result.known}: {fits}")
    if result.refused:
        print("orders were refused: run the exchange with --profile bare, which has no limits")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="exchange bench http", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of load on each of the two servers (default: 10)")
    parser.add_argument("--connections", type=int, default=64, help="kept-alive connections (default: 64)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there, too")
    parser.add_argument("--data", type=Path, metavar="DIR", default=None, help="data folder of the running exchange")
    parser.add_argument("--market", default="SOL_USDC", help="where to trade (default: SOL_USDC)")
    parser.add_argument(
        "--client", choices=("auto", "wrk", "python"), default="auto", help="load generator (default: wrk if installed)"
    )
    options = parser.parse_args(argv)
    if options.seconds <= 0 or options.connections < 1:
        parser.error("--seconds and --connections must be greater than zero")
    client = ("wrk" if WRK else "python") if options.client == "auto" else options.client
    if client == "wrk" and not WRK:
        parser.error("wrk is not installed: install it, or use --client python")
    try:
        exchange = Exchange.find(options.data, options.market)
        with echo() as echo_port:
            result = measure(exchange, echo_port, options.seconds, options.connections, client)
    except (BenchError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    report(result)
    if options.json:
        document = {name: getattr(result, name) for name in Result.__dataclass_fields__}
        options.json.write_text(json.dumps(document | {"accounted": result.accounted}, indent=2) + "\n")
    return 0 if result.accounted else 1


if __name__ == "__main__":
    sys.exit(main())
