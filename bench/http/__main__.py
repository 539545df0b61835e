"""Orders a second through the whole exchange over HTTP, against a bare FastAPI echo under the same load.

    exchange bench http [--seconds N] [--connections N] [--batch N] [--json FILE]

Sends signed, unique limit orders of the two demo accounts, which trade with each other, to a running exchange. The same
bytes go to `bench.http.echo`, one uvicorn process too, in turns, so that what else the machine does hits both. Then one
connection measures the latency of an exchange at rest. At the end every accepted order must be in the accounts'
history: a count that does not fit fails the benchmark. With `--batch`, requests to `/api/v1/orders` of so many orders
each, and everything but the latencies is in orders. Non-goals: matching speed (kernel/), the log's (pipeline.py).
"""

import sys
from dataclasses import dataclass

from bench.against_echo import ROUNDS, Accounts, Result, Watch, parser, run
from bench.http.client import Exchange
from bench.http.load import WRK, Load, run_python, run_wrk
from engine_core.arguments import whole
from ingress.schemas.bodies import MAX_BATCH

PREPARED_PER_SECOND = 20_000  # requests: more than the ingress workers answer
PREPARED_ORDERS_PER_SECOND = 100_000
LATENCY_SECONDS = 3.0
LATENCY_ORDERS = 3_000
BAR_RATIO, BAR_P50_MS = 2.5, 0.7


@dataclass(frozen=True)
class Plan:
    """Of one run, from the options."""

    seconds: float
    connections: int
    client: str
    batch: int  # orders in a request; 0: the route of single orders

    def requests(self, exchange: Exchange, seconds: float) -> list[bytes]:
        """More than are answered in that time."""
        if not self.batch:
            return exchange.prepare(round(seconds * PREPARED_PER_SECOND))
        most = min(PREPARED_PER_SECOND, PREPARED_ORDERS_PER_SECOND // self.batch)
        return exchange.prepare_batches(round(seconds * most) + self.connections, self.batch)

    def load(self, port: int, requests: list[bytes], seconds: float) -> Load:
        run = run_wrk if self.client == "wrk" else run_python
        return run(port, requests, seconds, self.connections, self.batch).of_orders(max(1, self.batch))

    def __str__(self) -> str:
        batches = f", {self.batch} orders in each request" if self.batch else ""
        return f"{self.connections} connections of {self.client}{batches}"


def measure(exchange: Exchange, echo_port: int, plan: Plan, watch: Watch) -> Result:
    before = exchange.orders_known()
    loads, echoes = list[Load](), list[Load]()
    for _ in range(ROUNDS):
        part = plan.seconds / ROUNDS
        requests = plan.requests(exchange, part)
        with watch:
            loads.append(plan.load(exchange.port, requests, part))
        echoes.append(plan.load(echo_port, requests, part))
        print(f"  exchange {loads[-1].per_second:,.0f}/s, echo {echoes[-1].per_second:,.0f}/s", flush=True)
    unloaded = run_python(exchange.port, exchange.prepare(LATENCY_ORDERS), LATENCY_SECONDS, 1)
    exchange.cancel_all()
    known = exchange.orders_known() - before
    unanswered = plan.connections * ROUNDS * max(1, plan.batch) if plan.client == "wrk" else 0
    accounts = Accounts.of([*loads, unloaded], known, unanswered)
    return Result.of(str(plan), loads, echoes, unloaded, accounts)


def main(argv: list[str] | None = None) -> int:
    arguments = parser("http", __doc__, connections=64)
    arguments.add_argument(
        "--client", choices=("auto", "wrk", "python"), default="auto", help="load generator (default: wrk if installed)"
    )
    arguments.add_argument(
        "--batch", type=whole(1, MAX_BATCH), default=0, help="orders in each request (default: single orders)"
    )
    options = arguments.parse_args(argv)
    if options.seconds <= 0 or options.connections < 1:
        arguments.error("--seconds and --connections must be greater than zero")
    client = ("wrk" if WRK else "python") if options.client == "auto" else options.client
    if client == "wrk" and not WRK:
        arguments.error("wrk is not installed: install it, or use --client python")

    def measured(exchange: Exchange, echo_port: int, watch: Watch) -> Result:
        plan = Plan(options.seconds, options.connections, client, options.batch)
        return measure(exchange, echo_port, plan, watch)

    return run("http", options, measured, BAR_RATIO, BAR_P50_MS)


if __name__ == "__main__":
    sys.exit(main())
