"""Orders a second through the whole exchange over HTTP, against a bare FastAPI echo under the same load.

    exchange bench http [--seconds N] [--connections N] [--json FILE]

Sends signed, unique limit orders of the two demo accounts, which trade with each other, to a running exchange. The same
bytes go to `bench.http.echo`, one uvicorn process too, in turns, so that what else the machine does hits both. Then one
connection measures the latency of an exchange at rest. At the end every accepted order must be in the accounts'
history: a count that does not fit fails the benchmark. Non-goals: matching speed (kernel/), the log's (pipeline.py).
"""

import sys

from bench.against_echo import ROUNDS, Accounts, Result, parser, run
from bench.http.client import Exchange
from bench.http.load import WRK, Load, run_python, run_wrk
from bench.report.stages import StageSampler

PREPARED_PER_SECOND = 20_000  # more than the ingress workers answer
LATENCY_SECONDS = 3.0
LATENCY_ORDERS = 3_000
BAR_RATIO, BAR_P50_MS = 1.75, 0.9


def measure(
    exchange: Exchange, echo_port: int, seconds: float, connections: int, client: str, stages: StageSampler
) -> Result:
    before = exchange.orders_known()
    loads, echoes = list[Load](), list[Load]()
    for _ in range(ROUNDS):
        part = seconds / ROUNDS
        requests = exchange.prepare(round(part * PREPARED_PER_SECOND))
        with stages:
            loads.append(_load(client, exchange.port, requests, part, connections))
        echoes.append(_load(client, echo_port, requests, part, connections))
        print(f"  exchange {loads[-1].per_second:,.0f}/s, echo {echoes[-1].per_second:,.0f}/s", flush=True)
    unloaded = run_python(exchange.port, exchange.prepare(LATENCY_ORDERS), LATENCY_SECONDS, 1)
    exchange.cancel_all()
    known = exchange.orders_known() - before
    accounts = Accounts.of([*loads, unloaded], known, connections * ROUNDS if client == "wrk" else 0)
    return Result.of(f"{connections} connections of {client}", loads, echoes, unloaded, accounts)


def _load(client: str, port: int, requests: list[bytes], seconds: float, connections: int) -> Load:
    if client == "wrk":
        return run_wrk(port, requests, seconds, connections)
    return run_python(port, requests, seconds, connections)


def main(argv: list[str] | None = None) -> int:
    arguments = parser("http", __doc__, connections=64)
    arguments.add_argument(
        "--client", choices=("auto", "wrk", "python"), default="auto", help="load generator (default: wrk if installed)"
    )
    options = arguments.parse_args(argv)
    if options.seconds <= 0 or options.connections < 1:
        arguments.error("--seconds and --connections must be greater than zero")
    client = ("wrk" if WRK else "python") if options.client == "auto" else options.client
    if client == "wrk" and not WRK:
        arguments.error("wrk is not installed: install it, or use --client python")

    def measured(exchange: Exchange, echo_port: int, stages: StageSampler) -> Result:
        return measure(exchange, echo_port, options.seconds, options.connections, client, stages)

    return run("http", options, measured, BAR_RATIO, BAR_P50_MS)


if __name__ == "__main__":
    sys.exit(main())
