"""Orders a second over order entry's WebSocket, against a bare FastAPI echo over HTTP on as many connections.

    exchange bench orders_ws [--seconds N] [--connections N] [--in-flight N] [--json FILE]

Each connection logs on once with a signature and keeps so many orders in flight: messages have ids, so nobody waits for
an answer before sending the next order, as a bot would not. The two demo accounts trade with each other. The echo gets
the orders of `bench http` in turns with the exchange. At the end every accepted order must be in the accounts'
history. Non-goals: REST (http/), streams (websocket/).
"""

import json
import sys

from bench.against_echo import ROUNDS, Accounts, Result, Watch, parser, run
from bench.http.client import Exchange
from bench.http.load import Load, run_python
from bench.load.plan.spelling import logon
from bench.load.targets.api import now_ms
from bench.orders_ws.load import Entry, Prepared
from bench.orders_ws.load import run as run_entries
from engine_core.arguments import whole

PREPARED_PER_SECOND = 40_000  # more than one ingress process answers
ECHO_PER_SECOND = 12_000
LATENCY_SECONDS = 2.0
LATENCY_ORDERS = 4_000
BAR_RATIO, BAR_RATIO_SINGLY = 5.0, 1.0


def measure(
    exchange: Exchange, echo_port: int, seconds: float, connections: int, in_flight: int, watch: Watch
) -> Result:
    before = exchange.orders_known()
    part = seconds / ROUNDS
    loads, echoes = list[Load](), list[Load]()
    for _ in range(ROUNDS):
        prepared = _prepared(exchange, connections, round(part * PREPARED_PER_SECOND) // connections)
        with watch:
            loads.append(run_entries(exchange.address, prepared, part, in_flight))
        requests = exchange.prepare(round(part * ECHO_PER_SECOND))
        echoes.append(run_python(echo_port, requests, part, connections))
        print(f"  exchange {loads[-1].per_second:,.0f}/s, echo {echoes[-1].per_second:,.0f}/s", flush=True)
    unloaded = run_entries(exchange.address, _prepared(exchange, 1, LATENCY_ORDERS), LATENCY_SECONDS, 1)
    exchange.cancel_all()
    known = exchange.orders_known() - before
    accounts = Accounts.of([*loads, unloaded], known)
    return Result.of(
        f"{connections} connections, {in_flight} orders in flight on each", loads, echoes, unloaded, accounts
    )


def _prepared(exchange: Exchange, connections: int, orders: int) -> Prepared:
    """What each connection sends: its logon, then its orders; one account buys, the other sells."""
    sides = ("Bid", "Ask")
    entries = [
        Entry(
            logon(exchange.accounts[number % 2], now_ms()),
            [json.dumps(exchange.order(sides[number % 2])) for _ in range(orders)],
        )
        for number in range(connections)
    ]
    return Prepared.of(entries)


def main(argv: list[str] | None = None) -> int:
    arguments = parser("orders_ws", __doc__, connections=8)
    arguments.add_argument(
        "--in-flight", type=whole(1, 100_000), default=32, help="unanswered orders per connection (default: 32)"
    )
    options = arguments.parse_args(argv)
    if options.seconds <= 0 or options.connections < 1 or options.in_flight < 1:
        arguments.error("--seconds, --connections and --in-flight must be greater than zero")

    def measured(exchange: Exchange, echo_port: int, watch: Watch) -> Result:
        return measure(exchange, echo_port, options.seconds, options.connections, options.in_flight, watch)

    return run("orders_ws", options, measured, BAR_RATIO if options.in_flight > 1 else BAR_RATIO_SINGLY)


if __name__ == "__main__":
    sys.exit(main())
