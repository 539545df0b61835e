"""What `bench http` and `bench orders_ws` share: the echo in a process of its own, options, rounds, the accounting."""

import argparse
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from types import TracebackType

from bench.http.client import Exchange
from bench.http.load import Load
from bench.load.targets.api import BenchError
from bench.report.conditions import conditions_of
from bench.report.result import Check, Figure, Run
from bench.report.spent import CpuSampler, table
from bench.report.stages import StageSampler
from engine_core.arguments import folder, new_file, seconds, whole
from engine_core.operator.target.running import CommandError
from ingress.access.rate_limits import OVER_THE_LIMIT

ROUNDS = 2  # of exchange and echo in turns, so that what else the machine does hits both
ECHO_START_SECONDS = 20.0


class Watch:
    """Looks at the exchange while a block runs, of which there may be several: where the time of its orders goes, and
    the processors'."""

    def __init__(self, exchange: Exchange) -> None:
        self.stages, self._spent = StageSampler(exchange.runtime), CpuSampler(exchange.processes)

    def __enter__(self) -> "Watch":
        self.stages.__enter__()
        self._spent.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._spent.__exit__(kind, error, at)
        self.stages.__exit__(kind, error, at)

    def cpu_us(self, result: "Result") -> dict[str, float]:
        """Of an order, by role; the client is one of them."""
        return self._spent.microseconds(result.loaded)


@dataclass(frozen=True)
class Accounts:
    """Orders that clients got confirmed, against those that the history has more than before."""

    accepted: int
    refused: int
    unanswered: int  # at most so many were in flight when the time was up
    known: int

    def __str__(self) -> str:
        others = f"{self.refused} were refused, at most {self.unanswered} were in flight when the time was up"
        return f"{self.accepted} were accepted, {others}; the history has {self.known} more"

    @property
    def fit(self) -> bool:
        return self.accepted <= self.known <= self.accepted + self.unanswered

    @classmethod
    def of(cls, loads: list[Load], known: int, unanswered: int = 0) -> "Accounts":
        accepted = sum(load.accepted for load in loads)
        return cls(accepted, sum(load.answered for load in loads) - accepted, unanswered, known)


@dataclass(frozen=True)
class Result:
    """What a benchmark says. Times in milliseconds."""

    load: str  # who loaded how, in words
    exchange_per_second: float
    echo_per_second: float
    p50_ms: float
    p99_ms: float
    unloaded_p50_ms: float
    unloaded_p99_ms: float
    accounts: Accounts
    rounds_per_second: list[float]
    rounds_echo_per_second: list[float]
    loaded: int  # orders that were answered in the rounds
    refusals: dict[str, int]  # how often for which reason, as far as the client knows
    notes: dict[str, int]  # what else happened, and how often

    @classmethod
    def of(cls, load: str, loads: list[Load], echoes: list[Load], unloaded: Load, accounts: Accounts) -> "Result":
        return cls(
            load=load,
            exchange_per_second=rate(loads),
            echo_per_second=rate(echoes),
            p50_ms=statistics.mean(load.p50_ms for load in loads),
            p99_ms=max(load.p99_ms for load in loads),
            unloaded_p50_ms=unloaded.p50_ms,
            unloaded_p99_ms=unloaded.p99_ms,
            accounts=accounts,
            rounds_per_second=[load.per_second for load in loads],
            rounds_echo_per_second=[load.per_second for load in echoes],
            loaded=sum(load.answered for load in loads),
            refusals=dict(sum((Counter(load.refusals) for load in (*loads, unloaded)), Counter())),
            notes=dict(sum((Counter(load.notes) for load in (*loads, unloaded)), Counter())),
        )

    @property
    def ratio(self) -> float:
        return self.exchange_per_second / self.echo_per_second

    @property
    def warnings(self) -> list[str]:
        """Why its rates may not be what they seem to be."""
        found = []
        if unexplained := self.accounts.refused - sum(self.refusals.values()):
            found.append(
                f"refused {unexplained:,} times: wrk does not say why, --client python does; if it was the limit of "
                "requests, an exchange with --profile bare has none"
            )
        elif any(OVER_THE_LIMIT in reason for reason in self.refusals):
            found.append("orders met the limit of requests: an exchange with --profile bare has none")
        return found


def rate(loads: list[Load]) -> float:
    return sum(load.answered for load in loads) / sum(load.seconds for load in loads)


def figures(result: Result, cpu_us: dict[str, float]) -> list[Figure]:
    rounds = list(zip(result.rounds_per_second, result.rounds_echo_per_second, strict=True))
    return [
        Figure("orders", result.exchange_per_second, "orders/s", "higher", result.rounds_per_second),
        Figure("echo", result.echo_per_second, "requests/s", "", result.rounds_echo_per_second),
        Figure("ratio to the echo", result.ratio, "x", "higher", [ours / echo for ours, echo in rounds]),
        Figure("p50 under load", result.p50_ms, "ms", "lower"),
        Figure("p99 under load", result.p99_ms, "ms", "lower"),
        Figure("p50 at rest", result.unloaded_p50_ms, "ms", "lower"),
        Figure("p99 at rest", result.unloaded_p99_ms, "ms", "lower"),
        Figure("CPU of an order, client included", sum(cpu_us.values()), "us", "lower"),
    ]


def report(result: Result, bar_ratio: float, bar_p50_ms: float | None = None) -> None:
    bar = f"bar {bar_p50_ms} ms, " if bar_p50_ms else ""
    latency = f"p50 {result.p50_ms:.2f} ms, p99 {result.p99_ms:.2f} ms"
    print(f"exchange  {result.exchange_per_second:9,.0f} orders/s   {result.load}: {latency}")
    print(f"echo      {result.echo_per_second:9,.0f} requests/s")
    print(f"ratio     {result.ratio:9.2f}            bar {bar_ratio}")
    print(f"unloaded  {result.unloaded_p50_ms:9.2f} ms p50      {bar}p99 {result.unloaded_p99_ms:.2f} ms")
    accounts = result.accounts
    fits = "every order is accounted for" if accounts.fit else "ORDERS ARE MISSING OR DOUBLED"
    print(f"accepted {accounts.accepted}, refused {accounts.refused}, in the history {accounts.known}: {fits}")
    if accounts.fit and accounts.known > accounts.accepted:
        late = accounts.known - accounts.accepted
        print(f"{late} of them were executed, and the time was up before their answers came")
    for note, count in result.notes.items():
        print(f"note: {count:,} times: {note}")
    for reason, count in result.refusals.items():
        print(f"refused {count:,} times: {reason}")
    for warning in result.warnings:
        print(f"warning: {warning}")


def parser(program: str, doc: str | None, connections: int) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog=f"exchange bench {program}", description=(doc or "").split("\n", 1)[0])
    made.add_argument(
        "--seconds", type=seconds(0.1, 86_400), default=10.0, help="duration of the load on each server (default: 10)"
    )
    made.add_argument(
        "--connections",
        type=whole(1, 100_000),
        default=connections,
        help=f"number of connections (default: {connections})",
    )
    made.add_argument("--json", type=new_file, metavar="FILE", help="also write the result to FILE")
    made.add_argument("--data", type=folder, metavar="DIR", default=None, help="data folder of the running exchange")
    made.add_argument("--market", default="SOL_USDC", help="market to trade in (default: SOL_USDC)")
    return made


def run(
    name: str,
    options: argparse.Namespace,
    measure: Callable[[Exchange, int, Watch], Result],
    bar_ratio: float,
    bar_p50_ms: float | None = None,
) -> int:
    """Measure a running exchange beside an echo on a port of its own; the exit status."""
    measured = Run(name, options)
    try:
        exchange = Exchange.find(options.data, options.market)
        measured.conditions = conditions_of(options.data)
        watch = Watch(exchange)
        with _echo() as port:
            result = measure(exchange, port, watch)
    except (BenchError, CommandError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    report(result, bar_ratio, bar_p50_ms)
    cpu_us = watch.cpu_us(result)
    print(table(cpu_us))
    watch.stages.report()
    accounted = Check("every order is accounted for", result.accounts.fit, str(result.accounts))
    own = {name: value for name, value in asdict(result).items() if name != "load"} | {"loaded_by": result.load}
    own |= {"ratio": result.ratio, "accounted": result.accounts.fit, "stages": watch.stages.rows, "cpu_us": cpu_us}
    own |= {"warnings": result.warnings}
    measured.write(options.json, figures(result, cpu_us), [accounted], own=own)
    return 0 if result.accounts.fit else 1


@contextmanager
def _echo() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-P", "-m", "bench.http.echo", str(port)])
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
