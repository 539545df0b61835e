"""The measurements of bench.kernel: each returns plain numbers, and checks that what it timed was right.

Times are of kernels alone, after a warm-up, as the median of pairs that alternate with the yardstick in the same
process; so a busy machine slows both. Each flow is taken both ways: all at once, where the kernel looks ahead at what
has come, and to the letter, a call for each message (entries.py). Non-goals: latency (latency.py), or
anything with a log or a socket in it (bench.pipeline has those).
"""

import importlib.util
import mmap
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from bench.conformance.answers import known_answer
from bench.conformance.flow import Flow, name_of, read_flow
from bench.conformance.kernel import MESSAGE, REPORT, Book, new_book, run_flow
from bench.conformance.passes import digest_of, max_reports, touch
from bench.kernel.entries import Bound, execute_address, match_address, new_engine, place, singly
from bench.workloads import NORMAL, TIME_MS, deep_flow, mixed_flow, with_order_ids
from engine_core.book.audit import conservation, digest
from engine_core.book.commands import NOT_KEPT, execute_blocks
from engine_core.book.ledger.gateways import BLOCK, NO_GATEWAY
from engine_core.book.memory.state import EVENTS, MARKETS, OPEN_ORDERS, Capacities, State, new_state
from engine_core.wire.layout import COMMAND, EVENT
from engine_core.wire.limits import MAX_BLOCK_EVENTS

BATCH = 256  # commands in a block
ORDER_ARRAYS = (
    "orders", "info", "terms", "free_orders", "levels", "pages", "page_levels", "page_heads", "nodes", "client_heads"
)  # fmt: skip


class BookResult(NamedTuple):
    flow: str
    messages: int
    ours: float  # messages a second
    yardstick: float
    ratio: float  # median of the pairs
    ratios: list[float]
    digest: str
    singly: float  # messages a second, a call each
    singly_ratios: list[float]  # to the yardstick, which is given all at once


class EngineResult(NamedTuple):
    name: str
    commands: int
    events: int
    commands_a_second: float
    ratio: float  # to the yardstick on `normal`
    ratios: list[float]
    open_orders: int
    singly: float  # commands a second, a call each
    order_bytes: int  # memory of the arrays that orders fill, as the system has given it


def load_yardstick(folder: Path) -> ModuleType:
    """The prototype that everything is held against, from the folder of the conformance flows."""
    path = folder / "yardstick.py"
    spec = importlib.util.spec_from_file_location("yardstick", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise FileNotFoundError(f"{path}: no yardstick there; name its folder with --shared")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Yardstick:
    """The yardstick on one flow, a fresh book each time."""

    def __init__(self, module: ModuleType, flow: Flow) -> None:
        self._module, self._ids = module, flow.max_id + 2
        self._messages = flow.messages.view(module.MSG)
        self._reports = np.zeros(max_reports(flow.messages), module.REP)
        self.count = 0

    def seconds(self) -> float:
        fresh = self._module.fresh(self._ids)
        touch(fresh)
        started = time.perf_counter()
        self.count = int(self._module.run(self._messages, len(self._messages), *fresh[:5], self._reports, *fresh[5:]))
        return time.perf_counter() - started


def measure_book(path: Path, module: ModuleType, pairs: int, limit: int | None) -> BookResult:
    """One conformance flow: our book functions and the yardstick in turns; of a whole flow also its known answer."""
    flow, answer = read_flow(path), None if limit else known_answer(path)
    if limit is not None:
        flow = flow._replace(messages=flow.messages[:limit].copy())
    messages, yardstick = flow.messages, Yardstick(module, flow)
    reports = np.zeros(max_reports(messages), REPORT)
    match = match_address()  # compiled before the clock starts
    ours: list[float] = []
    alone: list[float] = []
    theirs, digests = [], set()
    for _ in range(pairs + 1):
        theirs.append(yardstick.seconds())
        for times in ours, alone:
            book = new_book(messages, flow.max_id)
            touch((*book.state, book.slots))
            bound = Bound(book)
            started = time.perf_counter()
            if times is alone:
                count = singly(match, bound.address, place(messages), place(reports), True)
            else:
                count = run_flow(book.state, book.slots, messages, reports)
            times.append(time.perf_counter() - started)
            assert count == yardstick.count, f"{path}: {count} reports, the yardstick gives {yardstick.count}"
            if len(times) == 1:  # the warm-up
                digests.add(digest_of(reports[:count]))
    assert len(digests) == 1, f"{path}: one message a call gives other reports than all in one"
    assert answer is None or digests == {answer}, f"{path}: the known answer is {answer}, not {digests}"
    ratios, singly_ratios = ([b / a for a, b in zip(times[1:], theirs[1:], strict=True)] for times in (ours, alone))
    n = len(messages)
    rates = n / median(ours[1:]), n / median(theirs[1:]), median(ratios), ratios
    return BookResult(name_of(path), n, *rates, digests.pop(), n / median(alone[1:]), singly_ratios)


def run_commands(state: State, commands: np.ndarray, events: np.ndarray) -> tuple[int, float]:
    """(events, seconds) of a COMMAND array, in blocks of BATCH, all in one call of the kernel."""
    blocks = np.zeros(-(-len(commands) // BATCH), BLOCK)
    blocks["gateway"], blocks["time_ms"] = NO_GATEWAY, TIME_MS
    blocks["first"] = np.arange(0, len(commands), BATCH)
    blocks["end"] = np.minimum(blocks["first"] + BATCH, len(commands))
    before = int(state.scalars[EVENTS])
    number = first = 0
    started = time.perf_counter()
    while first < len(commands):  # ends early only in a block whose events might not fit
        number, first, _, _ = execute_blocks(state, blocks, number, len(blocks), first, commands, events, NOT_KEPT)
    seconds = time.perf_counter() - started
    return int(state.scalars[EVENTS]) - before, seconds


def run_singly(state: State, commands: np.ndarray, events: np.ndarray) -> tuple[int, float]:
    """The same, a call for each command."""
    function, bound = execute_address(), Bound(new_engine(state, TIME_MS))
    started = time.perf_counter()
    count = singly(function, bound.address, place(commands), place(events), False)
    return count, time.perf_counter() - started


def measure_engine(
    module: ModuleType, normal: Path, pairs: int, commands: int, markets: int, accounts: int, resting: int
) -> EngineResult:
    """Everything an order costs in the kernel, held against the yardstick on the regime `normal`."""
    if resting:
        flow, start = deep_flow(7, resting, commands, markets, accounts)
    else:
        flow, start = with_order_ids(mixed_flow(7, commands, markets, accounts, spread=200, mix=NORMAL)), 0
    setup = flow.setup.view(COMMAND).copy()
    before, timed = flow.commands[:start].copy(), flow.commands[start:].copy()
    yardstick, events = Yardstick(module, read_flow(normal)), np.zeros(MAX_BLOCK_EVENTS, EVENT)
    messages = len(read_flow(normal).messages)
    rates: list[float] = []
    alone: list[float] = []
    ratios, totals, digests, state = [], set(), set(), new_state(flow.capacities)
    for turn in range(pairs + 1):
        theirs = messages / yardstick.seconds()
        for found, run in (rates, run_commands), (alone, run_singly):
            state = new_state(flow.capacities)
            touch(state)
            run_commands(state, setup, events)
            run_commands(state, before, events)
            total, seconds = run(state, timed, events)
            totals.add(total)
            if turn:
                found.append(len(timed) / seconds)
            else:
                digests.add(digest(state))
        ratios += [rates[-1] / theirs] if turn else []
    assert len(totals) == len(digests) == 1, "one command a call gives another book or other events than blocks do"
    for asset, sums in conservation(state).items():
        assert sums.supplied == sums.held, f"asset {asset}: {sums.held} atoms held, {sums.supplied} supplied"
    name = f"{int(state.scalars[MARKETS])} markets, {accounts} accounts, {resting} resting"
    resting_now = int(state.scalars[OPEN_ORDERS])
    figures = len(timed), totals.pop(), median(rates), median(ratios), ratios
    order_bytes = sum(in_memory(getattr(state, array)) for array in ORDER_ARRAYS)
    return EngineResult(name, *figures, resting_now, median(alone), order_bytes)


def resting_book(seed: int, resting: int, span_bits: int, messages: int) -> tuple[Book, np.ndarray]:
    """(book with `resting` orders at prices over 2**span_bits ticks, messages that add and cancel as many)."""
    random = np.random.default_rng(seed)
    rows = np.zeros(resting + messages, MESSAGE)
    rows["sequence"], rows["quantity"] = np.arange(len(rows)), random.integers(1, 100, len(rows))
    half = 1 << (span_bits - 1)
    rows["side"] = random.integers(0, 2, len(rows))
    away = random.integers(1, half, len(rows))
    rows["price"] = half + np.where(rows["side"] == 0, -away, away)
    cancels = np.arange(resting, len(rows), 2)
    rows["type"][cancels] = 1
    rows["order_id"] = np.arange(len(rows))
    rows["order_id"][cancels] = random.permutation(np.arange(max(resting, len(cancels))))[: len(cancels)]
    book = new_book(rows, len(rows))
    run_flow(book.state, book.slots, rows[:resting].copy(), np.zeros(2 * resting + 16, REPORT))
    return book, rows[resting:].copy()


def measure_depths(cases: list[tuple[str, int, int]], messages: int, turns: int) -> dict[str, float]:
    """Nanoseconds a message at each (name, resting orders, bits of the price span), taken in turns."""
    times: dict[str, list[float]] = {name: [] for name, _, _ in cases}
    reports = np.zeros(4 * messages + 16, REPORT)
    for turn in range(turns):
        for name, resting, span_bits in cases:
            book, rows = resting_book(turn, resting, span_bits, messages)
            touch((*book.state, book.slots))
            started = time.perf_counter()
            run_flow(book.state, book.slots, rows, reports)
            times[name].append((time.perf_counter() - started) / messages * 1e9)
    return {name: median(values) for name, values in times.items()}


def reserved(capacities: Capacities) -> float:
    """Bytes of address space for each order of capacity, everything that grows with orders included."""
    state = new_state(capacities)
    return float(sum(getattr(state, name).nbytes for name in ORDER_ARRAYS) / capacities.orders)


def in_memory(array: np.ndarray) -> int:
    """Bytes of an array's pages that the system has given so far, by /proc/self/pagemap (whose highest bit says so)."""
    address, page = array.ctypes.data, mmap.PAGESIZE
    first, last = address // page, (address + array.nbytes - 1) // page
    with Path("/proc/self/pagemap").open("rb", buffering=0) as pagemap:
        pagemap.seek(8 * first)
        entries = np.frombuffer(pagemap.read(8 * (last - first + 1)), np.uint64)
    return int((entries >> np.uint64(63)).sum()) * page


def seconds_to_first_command() -> float:
    """A new interpreter: imports, a state of the default size, and one command, from the compiled cache."""
    program = (
        "import numpy as np\n"
        "from engine_core.book.commands import apply_batch\n"
        "from engine_core.book.memory.state import Capacities, new_state\n"
        "from engine_core.wire.layout import ADMIN, COMMAND, EVENT\n"
        "commands = np.zeros(1, COMMAND)\n"
        "apply_batch(new_state(Capacities()), commands, 0, 1, 1, np.zeros(65536, EVENT))\n"
    )
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.perf_counter() - started


def as_dict(result: Any) -> dict[str, Any]:
    return dict(result._asdict())
