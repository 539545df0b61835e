"""One load from beginning to end: processes, bytes, one clock for all, and what became of the orders."""

import multiprocessing
import signal
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any

import numpy as np
import psutil

from bench.load import readers, spelling, worker
from bench.load.api import Account, Address, BenchError, now_ms
from bench.load.job import STOP, Done, Failed, Job, Progress, Ready, Target
from bench.load.markets import Market
from bench.load.orders import Orders
from bench.load.progress import Screen
from bench.load.readers import ReadersJob
from bench.load.result import Result
from bench.load.tally import Columns

SAMPLE_ORDERS = 100  # whose signing is timed
START_SECONDS = 2.0  # of a process
AHEAD_NS = 100_000_000  # of the start: until all processes know it
MOST_LATE_SECONDS = 45.0  # that the start may be later than what is signed says, of a window of a minute
END_SECONDS = 5.0
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


@dataclass
class _Child:
    process: SpawnProcess
    pipe: Pipe
    start_ms: int = 0  # what its bytes say; 0: they say none
    done: Any = None  # Done, or the readers' report
    progress: Progress = field(default_factory=lambda: Progress(0, 0, 0, []))


def measure(plan: Plan, orders: Orders, text: str, screen: Screen, closed_seconds: float = 0.0) -> Result:
    """Send the orders, and say what became of them; nothing is settled yet. Ctrl-C ends it early."""
    seconds = closed_seconds or float(orders.at_ns.max(initial=0)) / 1e9
    screen.phase(f"preparing {len(orders.commands):,} orders")
    children = _start(plan, orders, closed_seconds)
    reading = _start_readers(plan) if plan.readers else []
    try:
        _ready([*children, *reading])
        screen.phase(text, seconds)
        busy, began = _busy_seconds(), time.monotonic()
        start_ns = time.monotonic_ns() + AHEAD_NS
        for child in [*children, *reading]:
            child.pipe.send(start_ns)
        interrupted = _follow(children, screen, start_ns)
        machine = (_busy_seconds() - busy) / max(time.monotonic() - began, 1e-9)
        report = _end_readers(reading)
    finally:
        for child in [*children, *reading]:
            child.process.join(END_SECONDS if child.done else 0)
            child.process.kill()
    done = [child.done for child in children]
    return Result(
        load=text,
        columns=Columns.joined([each.columns for each in done]),
        end_ns=max(each.end_ns for each in done),
        processes=[(each.cpu_seconds, each.seconds) for each in done],
        machine_cpu=machine,
        readers=report,
        interrupted=interrupted,
        is_closed=closed_seconds > 0,
    )


def _start(plan: Plan, orders: Orders, closed_seconds: float) -> list[_Child]:
    """A process for every part of the accounts, so that an account's orders stay in order."""
    count = min(plan.processes, len(plan.accounts))
    start_ms = now_ms() + round(1000 * (START_SECONDS + _signing_seconds(plan, orders) / count))
    children = []
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
        child = _spawn(worker.main, job)
        child.start_ms = start_ms if plan.target is Target.REST else 0
        children.append(child)
    return children


def _start_readers(plan: Plan) -> list[_Child]:
    if plan.stream_address is None:
        raise BenchError("--readers needs the address of the streams: name it with --ws")
    job = ReadersJob(plan.stream_address, [market.symbol for market in plan.markets], plan.readers)
    return [_spawn(readers.main, job)]


def _spawn(main: Any, job: Job | ReadersJob) -> _Child:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=main, args=(theirs, job), daemon=True)
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a child inherits it: Ctrl-C is this process's business
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, handler)
    theirs.close()
    return _Child(process, ours)


def _signing_seconds(plan: Plan, orders: Orders) -> float:
    """How long one process would take to make all requests."""
    if plan.target is not Target.REST:
        return 0.0
    sample = orders.part(np.arange(min(SAMPLE_ORDERS, len(orders.commands))))
    began = time.perf_counter()
    made = list(spelling.requests(sample, plan.accounts, plan.markets, plan.address, 0))
    return (time.perf_counter() - began) / max(1, len(made)) * len(orders.commands)


def _ready(children: list[_Child]) -> None:
    for child in children:
        said = _receive(child)
        assert isinstance(said, Ready), said
        if child.start_ms and now_ms() - child.start_ms > MOST_LATE_SECONDS * 1000:
            raise BenchError(
                "signing took so long that the first orders are too old by now: fewer orders (--rate, --seconds), or "
                "more --processes"
            )


def _receive(child: _Child) -> Any:
    try:
        said = child.pipe.recv()
    except (EOFError, OSError):
        child.process.join(END_SECONDS)
        raise BenchError(
            f"a process of the generator ended by itself ({child.process.exitcode}); what it says stands above"
        ) from None
    if isinstance(said, Failed):
        raise BenchError(said.message)
    return said


def _follow(children: list[_Child], screen: Screen, start_ns: int) -> bool:
    """Until all are done; whether somebody interrupted it."""
    interrupted = False
    while working := [child for child in children if child.done is None]:
        try:
            fresh: list[int] = []
            for pipe in wait([child.pipe for child in working], WAIT_SECONDS):
                child = next(each for each in working if each.pipe is pipe)
                said = _receive(child)
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
                child.pipe.send(STOP)
    return interrupted


def _end_readers(children: list[_Child]) -> dict[str, Any]:
    for child in children:
        child.pipe.send(STOP)
        child.done = _receive(child)
        assert isinstance(child.done, dict)
        return child.done
    return {}


def _busy_seconds() -> float:
    """CPU time that all cores of the machine have spent on something."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + times.irq + times.softirq)
