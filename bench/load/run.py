"""One load from beginning to end: processes, bytes, one clock for all, and what became of the orders."""

import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

import numpy as np
import psutil

from bench.load import worker
from bench.load.child import Child
from bench.load.job import STOP, Done, Job, Progress, Ready, Target
from bench.load.outcome.result import Result
from bench.load.outcome.tally import Columns
from bench.load.plan import spelling
from bench.load.plan.markets import Market
from bench.load.plan.orders import Orders
from bench.load.progress import Screen
from bench.load.targets import readers
from bench.load.targets.api import Account, Address, BenchError, now_ms
from bench.load.targets.readers import ReadersJob

SAMPLE_ORDERS = 100  # whose signing is timed
START_SECONDS = 2.0  # of a process
AHEAD_NS = 100_000_000  # of the start: until all processes know it
MOST_LATE_SECONDS = 45.0  # that the start may be later than what is signed says, of a window of a minute
WAIT_SECONDS = 0.2


@dataclass(frozen=True)
class Plan:
    """What stays the same from run to run."""

    target: Target
    address: Address
    accounts: list[Account]
    markets: list[Market]
    connections: int
    processes: int
    in_flight: int
    patience: float
    redis: str
    block: int
    stream_address: Address | None
    readers: int


def measure(plan: Plan, orders: Orders, text: str, screen: Screen, closed_seconds: float = 0.0) -> Result:
    """Send the orders, and say what became of them; nothing is settled yet. Ctrl-C ends it early."""
    seconds = closed_seconds or float(orders.at_ns.max(initial=0)) / 1e9
    if not len(orders.commands):
        raise BenchError("no order is due in that time: a higher --rate, or more --seconds")
    screen.phase(f"preparing {len(orders.commands):,} orders")
    jobs, start_ms = _jobs(plan, orders, closed_seconds)
    children = [Child.start(start_ms if plan.target is Target.REST else 0) for _ in jobs]
    reading = [Child.start() for _ in range(plan.readers > 0)]
    try:
        for child, job in zip(children, jobs, strict=True):
            child.work(worker.main, job)
        for child in reading:
            child.work(readers.main, _readers_job(plan))
        _ready([*children, *reading])
        screen.phase(text, seconds)
        busy, began = _busy_seconds(), time.monotonic()
        start_ns, start_ms = time.monotonic_ns() + AHEAD_NS, now_ms() + AHEAD_NS // 1_000_000
        for child in [*children, *reading]:
            child.send(start_ns)
        interrupted = _follow(children, screen, start_ns)
        machine = (_busy_seconds() - busy) / max(time.monotonic() - began, 1e-9)
        report = _end_readers(reading)
    finally:
        for child in [*children, *reading]:
            child.end()
    done = [child.done for child in children]
    return Result(
        load=text,
        columns=Columns.joined([each.columns for each in done]),
        start_ms=start_ms,
        end_ns=max(each.end_ns for each in done),
        processes=[(each.cpu_seconds, each.seconds) for each in done],
        machine_cpu=machine,
        readers=report,
        interrupted=interrupted,
        is_closed=closed_seconds > 0,
    )


def _jobs(plan: Plan, orders: Orders, closed_seconds: float) -> tuple[list[Job], int]:
    """One for every part of the accounts, so that an account's orders stay in order; and when they begin, about."""
    count = min(plan.processes, len(plan.accounts))
    start_ms = now_ms() + round(1000 * (START_SECONDS + _signing_seconds(plan, orders) / count))
    jobs = []
    for number in range(count):
        mine = orders.part(orders.commands["account"] % count == number)
        if not len(mine.commands):
            continue
        job = Job(
            target=plan.target,
            address=plan.address,
            accounts=plan.accounts,
            markets=plan.markets,
            orders=mine,
            connections=max(1, plan.connections // count),
            closed_seconds=closed_seconds,
            in_flight=plan.in_flight,
            patience=plan.patience,
            start_ms=start_ms,
            redis=plan.redis,
            block=plan.block,
        )
        jobs.append(job)
    return jobs, start_ms


def _readers_job(plan: Plan) -> ReadersJob:
    assert plan.stream_address is not None
    return ReadersJob(plan.stream_address, [market.symbol for market in plan.markets], plan.readers)


def _signing_seconds(plan: Plan, orders: Orders) -> float:
    """How long one process would take to make all requests."""
    if plan.target is not Target.REST:
        return 0.0
    sample = orders.part(np.arange(min(SAMPLE_ORDERS, len(orders.commands))))
    began = time.perf_counter()
    made = list(spelling.requests(sample, plan.accounts, plan.markets, plan.address, 0))
    return (time.perf_counter() - began) / max(1, len(made)) * len(orders.commands)


def _ready(children: list[Child]) -> None:
    for child in children:
        said = child.receive()
        assert isinstance(said, Ready), said
        if child.start_ms and now_ms() - child.start_ms > MOST_LATE_SECONDS * 1000:
            raise BenchError(
                "signing took so long that the first orders are too old by now: fewer orders (--rate, --seconds), or "
                "more --processes"
            )


def _follow(children: list[Child], screen: Screen, start_ns: int) -> bool:
    """Until all are done; whether somebody interrupted it."""
    interrupted = False
    while working := [child for child in children if child.done is None]:
        try:
            fresh: list[int] = []
            for pipe in wait([child.pipe for child in working], WAIT_SECONDS):
                child = next(each for each in working if each.pipe is pipe)
                said = child.receive()
                if isinstance(said, Progress):
                    child.progress = said
                    fresh += said.latencies_ns
                else:
                    assert isinstance(said, Done), said
                    child.done = said
            seconds = max((time.monotonic_ns() - start_ns) / 1e9, 0.1)
            answered = sum(child.progress.answered for child in children)
            refused = sum(child.progress.refused for child in children)
            screen.load(seconds, answered / seconds, refused, fresh)
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
            for child in working:
                child.send(STOP)
    return interrupted


def _end_readers(children: list[Child]) -> dict[str, Any]:
    for child in children:
        child.send(STOP)
        child.done = child.receive()
        assert isinstance(child.done, dict)
        return child.done
    return {}


def _busy_seconds() -> float:
    """CPU time that all cores of the machine have spent on something."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + times.irq + times.softirq)
