"""Orders a second over order entry's WebSocket, against a bare FastAPI echo over HTTP on as many connections.

    exchange bench orders_ws [--seconds N] [--connections N] [--in-flight N] [--json FILE]

Each connection logs on once with a signature and keeps so many orders in flight: messages have ids, so nobody waits for
an answer before sending the next order, as a bot would not. The two demo accounts trade with each other. The echo gets
the orders of `bench http` in turns with the exchange. At the end every accepted order must be in the accounts'
history. Non-goals: REST (http.py), streams (websocket.py).
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.http import ROUNDS, echo
from bench.http_client import BenchError, Exchange
from bench.http_load import Load, run_python
from bench.orders_ws_load import Entry, run

PREPARED_PER_SECOND = 40_000  # more than one ingress process answers
ECHO_PER_SECOND = 12_000
LATENCY_SECONDS = 2.0
LATENCY_ORDERS = 4_000
BAR_RATIO = 3.0


@dataclass(frozen=True)
class Result:
    """What the benchmark says."""

    connections: int
    in_flight: int  # of each connection
    orders_per_second: float
    echo_per_second: float
    ratio: float
    p50_ms: float
    p99_ms: float
    unloaded_p50_ms: float
    unloaded_p99_ms: float
    accepted: int
    refused: int
    known: int  # orders that the history has more than before

    @property
    def accounted(self) -> bool:
        return self.accepted == self.known


def measure(exchange: Exchange, echo_port: int, seconds: float, connections: int, in_flight: int) -> Result:
    before = exchange.orders_known()
    part = seconds / ROUNDS
    loads, echoes = list[Load](), list[Load]()
    for _ in range(ROUNDS):
        entries = _entries(exchange, connections, round(part * PREPARED_PER_SECOND) // connections)
        loads.append(run(exchange.port, entries, part, in_flight))
        requests = exchange.prepare(round(part * ECHO_PER_SECOND))
        echoes.append(run_python(echo_port, iter(requests), part, connections))
        print(f"  exchange {loads[-1].per_second:,.0f}/s, echo {echoes[-1].per_second:,.0f}/s", flush=True)
    unloaded = run(exchange.port, _entries(exchange, 1, LATENCY_ORDERS), LATENCY_SECONDS, 1)
    exchange.cancel_all()
    known = exchange.orders_known() - before
    everything = [*loads, unloaded]
    rate, echo_rate = (sum(x.answered for x in of) / sum(x.seconds for x in of) for of in (loads, echoes))
    return Result(
        connections=connections,
        in_flight=in_flight,
        orders_per_second=rate,
        echo_per_second=echo_rate,
        ratio=rate / echo_rate,
        p50_ms=sum(load.p50_ms for load in loads) / ROUNDS,
        p99_ms=max(load.p99_ms for load in loads),
        unloaded_p50_ms=unloaded.p50_ms,
        unloaded_p99_ms=unloaded.p99_ms,
        accepted=sum(load.accepted for load in everything),
        refused=sum(load.answered - load.accepted for load in everything),
        known=known,
    )


def _entries(exchange: Exchange, connections: int, orders: int) -> list[Entry]:
    """What each connection sends: its logon, then its orders; one account buys, the other sells."""
    sides = ("Bid", "Ask")
    return [
        Entry(
            exchange.logon(exchange.accounts[number % 2]),
            [json.dumps(exchange.order(sides[number % 2])) for _ in range(orders)],
        )
        for number in range(connections)
    ]


def report(result: Result) -> None:
    print(
        f"exchange  {result.orders_per_second:9,.0f} orders/s   {result.connections} connections, {result.in_flight} "
        f"orders in flight on each: p50 {result.p50_ms:.2f} ms, p99 {result.p99_ms:.2f} ms"
    )
    print(f"echo      {result.echo_per_second:9,.0f} requests/s   {result.connections} connections")
    print(f"ratio     {result.ratio:9.2f}              bar {BAR_RATIO}")
    print(f"unloaded  {result.unloaded_p50_ms:9.2f} ms p50, p99 {result.unloaded_p99_ms:.2f} ms")
    fits = "every order is accounted for" if result.accounted else "ORDERS ARE MISSING OR DOUBLED"
    print(f"accepted {result.accepted}, refused {result.refused}, in the history {result.known}: {fits}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="exchange bench orders_ws", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of load on each of the two servers (default: 10)")
    parser.add_argument("--connections", type=int, default=8, help="WebSockets (default: 8)")
    parser.add_argument("--in-flight", type=int, default=32, help="unanswered orders of each (default: 32)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there, too")
    parser.add_argument("--data", type=Path, metavar="DIR", default=None, help="data folder of the running exchange")
    parser.add_argument("--market", default="SOL_USDC", help="where to trade (default: SOL_USDC)")
    options = parser.parse_args(argv)
    if options.seconds <= 0 or options.connections < 1 or options.in_flight < 1:
        parser.error("--seconds, --connections and --in-flight must be greater than zero")
    try:
        exchange = Exchange.find(options.data, options.market)
        with echo() as echo_port:
            result = measure(exchange, echo_port, options.seconds, options.connections, options.in_flight)
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
