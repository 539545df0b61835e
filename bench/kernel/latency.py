"""How long a message waits until its reports are read on another core, in an open loop.

Arrivals are random (exponential gaps, seeded) at a fixed rate, and drawn before the run. A message waits from when it
was due, however late it was looked at: a matcher that is held up for a millisecond has kept everybody waiting who came
in that millisecond, and a measurement that sends the next message when it has the answer to the last would not show
that (coordinated omission). What it reports must be what it reports without a clock.
"""

import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from bench.conformance.flow import read_flow
from bench.conformance.kernel import REPORT, new_book, run_flow
from bench.conformance.passes import digest_of, max_reports, touch
from bench.kernel import arrivals
from bench.kernel.entries import Bound, execute_address, match_address, new_engine, place
from bench.kernel.measurements import run_commands
from bench.workloads import NORMAL, TIME_MS, mixed_flow, with_order_ids
from engine_core.book.audit import digest
from engine_core.book.memory.state import new_state
from engine_core.wire.layout import COMMAND, EVENT
from engine_core.wire.limits import MAX_BLOCK_EVENTS, MAX_EVENTS_PER_COMMAND

RATES = (1_000_000, 5_000_000, 8_000_000, 12_000_000)  # messages a second
SHARES = (50.0, 99.0, 99.9, 99.99)
SEED = 7

Match = Callable[[np.ndarray, np.ndarray], int]  # of arrivals and shared words: the number of reports


class Latency(NamedTuple):
    name: str  # of what matches
    rate: int  # at which messages arrive
    percentiles_ns: list[float]  # of SHARES: the median of the rounds
    rounds_ns: list[list[float]]
    reached: float  # messages a second from the start until the last report was read, the median
    interrupted: int  # times that the system gave a core to somebody else, in all rounds


class Round(NamedTuple):
    reports: int
    waited_ns: np.ndarray
    interrupted: int


def due_times(seed: int, count: int, rate: int) -> np.ndarray:
    """Nanoseconds from the start on, ascending."""
    gaps = np.random.default_rng(seed).exponential(1e9 / rate, count)
    return np.cumsum(gaps).astype(np.int64)


@contextmanager
def _on_core(number: int) -> Iterator[None]:
    """This thread, on the number-th core that it may use."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[number % len(allowed)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _interruptions() -> int:
    return resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)).ru_nivcsw


def matcher(function: int, bound: Bound, messages: np.ndarray, reports: np.ndarray) -> Match:
    def match(due: np.ndarray, words: np.ndarray) -> int:
        return arrivals.run(function, bound.address, place(messages), place(reports), due, words)

    return match


def play(match: Match, due: np.ndarray, reports: np.ndarray) -> Round:
    """One round: match here, read on another core."""
    words, waited = np.zeros(arrivals.WORDS, np.int64), np.full(len(due), -1)  # mapped before the clock starts
    flat, read = reports.view(np.int64), {}

    def reader() -> None:
        with _on_core(1):
            before = _interruptions()
            width = reports.itemsize // flat.itemsize
            try:
                read["sum"] = arrivals.read(flat, width, due, waited, words)
            finally:
                words[arrivals.READY] = 1  # the matcher must not wait for it either
            read["interrupted"] = _interruptions() - before

    thread = threading.Thread(target=reader)
    thread.start()  # from a thread that is on no core yet: it would begin on the same one
    with _on_core(0):
        before = _interruptions()
        try:
            count = match(due, words)
        finally:
            words[arrivals.START] = words[arrivals.START] or 1
            words[arrivals.DONE] = len(due)  # the reader must not wait for what never comes
            thread.join()
        interrupted = _interruptions() - before
    assert read["sum"] == int(reports[:count].view(np.int64).sum()), "the other core has read something else"
    return Round(count, waited, interrupted + read["interrupted"])


def _summary(name: str, rate: int, due: np.ndarray, rounds: list[Round]) -> Latency:
    percentiles = [np.percentile(one.waited_ns, SHARES).tolist() for one in rounds]
    middle = [median(values) for values in zip(*percentiles, strict=True)]
    reached = median(1e9 * len(due) / float((due + one.waited_ns).max()) for one in rounds)
    return Latency(name, rate, middle, percentiles, reached, sum(one.interrupted for one in rounds))


def measure_book_latency(path: Path, rates: tuple[int, ...], rounds: int, limit: int | None) -> Iterator[Latency]:
    flow = read_flow(path)
    messages = flow.messages[:limit].copy()
    reports = np.zeros(max_reports(messages), REPORT)
    book = new_book(messages, flow.max_id)
    expected = digest_of(reports[: run_flow(book.state, book.slots, messages, reports)])
    for rate in rates:
        found = []
        due = due_times(SEED, len(messages), rate)
        for _ in range(rounds + 1):  # the first warms up
            book = new_book(messages, flow.max_id)
            touch((*book.state, book.slots, reports))
            reports["kind"] = 0
            found.append(play(matcher(match_address(), Bound(book), messages, reports), due, reports))
            assert digest_of(reports[: found[-1].reports]) == expected, "pieces give other reports than the whole"
        yield _summary("book", rate, due, found[1:])


def measure_engine_latency(rates: tuple[int, ...], rounds: int, size: int, accounts: int) -> Iterator[Latency]:
    flow = with_order_ids(mixed_flow(SEED, size, 8, accounts, spread=200, mix=NORMAL))
    setup, commands, scratch = flow.setup.view(COMMAND).copy(), flow.commands.copy(), np.zeros(MAX_BLOCK_EVENTS, EVENT)
    state = new_state(flow.capacities)
    run_commands(state, setup, scratch)
    total, _ = run_commands(state, commands, scratch)
    expected, events = digest(state), np.zeros(total + MAX_EVENTS_PER_COMMAND, EVENT)
    for rate in rates:
        found = []
        due = due_times(SEED, len(commands), rate)
        for _ in range(rounds + 1):
            state = new_state(flow.capacities)
            touch((*state, events))
            run_commands(state, setup, scratch)
            found.append(
                play(matcher(execute_address(), Bound(new_engine(state, TIME_MS)), commands, events), due, events)
            )
            assert digest(state) == expected, "pieces give another book than blocks do"
        yield _summary("whole engine", rate, due, found[1:])
