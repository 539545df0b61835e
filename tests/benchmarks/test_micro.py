"""The parts that an order passes, each alone and each with its answer checked: `make microbench` times them.

In `make test` every one runs once, untimed, so that it does not rot. Non-goals: the whole exchange (`exchange bench`).
"""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.workloads import TIME_MS, mixed_flow
from egress import frames
from engine_core.book.commands import apply_batch
from engine_core.book.memory.state import OPEN_ORDERS, State, new_state
from engine_core.edge.text_frame import text_frame
from engine_core.replica.market_data import MarketData
from engine_core.transport.ring import RingReader, RingWriter, Stamp
from engine_core.wire.layout import COMMAND, EVENT, join
from engine_core.wire.limits import MAX_BLOCK_EVENTS
from engine_core.wire.streams import ORIGIN, EntryId, Header, decode_block, encode_block
from ingress.fast_path.message_kernel import message_buffers, read_messages, take_texts
from ingress.fast_path.order_kernel import buffers, read_order, rules_of
from ingress.fast_path.shown_orders import ShownOrders
from persistence.projection.balances import FeeBalances
from persistence.projection.definitions import Setup
from persistence.projection.numbering import Numbering
from persistence.projection.rows import Books, make_rows
from tests.benchmarks.conftest import Measure
from tests.ingress.fast_path.test_answers import accepted, slots
from tests.ingress.fast_path.test_http_orders import LIMIT, request
from tests.markets import SOL, setup
from tests.replica.test_against_the_book import Kernel
from tests.transport.rig import numbered

COMMANDS, BLOCK = 20_000, 256
MESSAGE = b'{"id":1,"method":"order.place","params":{"symbol":"SOL_USDC","side":"Bid","orderType":"Limit","price":"100.5","quantity":"1.25"}}'  # noqa: E501


def run_commands(state: State, commands: np.ndarray, events: np.ndarray) -> int:
    total = 0
    for first in range(0, len(commands), BLOCK):
        end = min(first + BLOCK, len(commands))
        while first < end:
            first, count = apply_batch(state, commands, first, end, TIME_MS, events)
            total += count
    return total


def test_kernel(measure: Measure) -> None:
    """A busy flow in two markets, in blocks of 256, from an empty book."""
    flow, events = mixed_flow(3, COMMANDS, markets=2, accounts=100), np.zeros(MAX_BLOCK_EVENTS, EVENT)
    states: list[State] = []

    def fresh() -> tuple[State, np.ndarray, np.ndarray]:
        states[:] = [new_state(flow.capacities)]
        run_commands(states[0], flow.setup.view(COMMAND), events)
        return states[0], flow.commands, events

    assert measure(run_commands, fresh, items=COMMANDS) > COMMANDS
    assert states[0].scalars[OPEN_ORDERS] > 100


def test_codec(measure: Measure) -> None:
    """A block of 256 events, written and read."""
    header, events = Header(1, 0, 0, 0, 0, 0, BLOCK), numbered(1, BLOCK)

    def both(header: Header, events: np.ndarray) -> np.ndarray:
        return decode_block(encode_block(header, events), EVENT)[1]

    assert measure(both, lambda: (header, events), items=BLOCK).tobytes() == events.tobytes()


@pytest.fixture
def ring(runtime: Path) -> Iterator[tuple[RingWriter, RingReader]]:
    writer, reader = RingWriter(runtime, 0, 4096, 77, 1, ORIGIN), RingReader(runtime, 0, 0)
    assert reader.attach()
    yield writer, reader
    reader.close()
    writer.close()


def test_ring(measure: Measure, ring: tuple[RingWriter, RingReader]) -> None:
    """256 events over the ring, from the writer to a reader."""
    writer, reader = ring
    events, entries = numbered(1, BLOCK), itertools.count(1)

    def through(events: np.ndarray, entry: int) -> np.ndarray | None:
        writer.write(events, Stamp(EntryId(entry, 0), 9, 1, entry, entry))
        return reader.read()

    slots = measure(through, lambda: (events, next(entries)), items=BLOCK)
    assert slots["event"].tobytes() == events.tobytes()


def test_request_reader(measure: Measure) -> None:
    """A hundred signed orders, each as an HTTP request in its common form."""
    rules, made, data = rules_of(setup().markets.values()), buffers(), request(LIMIT)

    def read(data: bytes) -> int:
        return sum(read_order(data, rules.symbols, rules.words, *made) > 0 for _ in range(100))

    assert measure(read, lambda: (data,), items=100) == 100
    assert made.command["quantity_lots"][0] == 125


def test_message_reader(measure: Measure) -> None:
    """Orders as messages of order entry's WebSocket, twenty in each piece, from their frames."""
    rules, made = rules_of(setup().markets.values()), message_buffers()
    frame = b"\x81\xfe" + len(MESSAGE).to_bytes(2, "big") + bytes(4) + MESSAGE

    def read(data: bytes) -> int:
        taken = 0
        for _ in range(5):
            count = take_texts(data, made.text, made.ends)
            text = made.text[: made.ends[count - 1]].tobytes()
            taken += read_messages(text, 0, count, rules, made)
        return taken

    assert measure(read, lambda: (frame * 20,), items=100) == 100


def test_answer_writer(measure: Measure) -> None:
    """A hundred placements that rest, from their events to the JSON of their answers."""
    shown = ShownOrders(setup(), 100)
    orders = [accepted(number) for number in range(1, 101)]

    def write(read: np.ndarray) -> int:
        shown.observe(read)
        return sum(shown.of(each) is not None for each in orders)

    assert measure(write, lambda: (slots(*orders),), items=100) == 100


def test_frames(measure: Measure) -> None:
    """A depth change of 20 levels, as the WebSocket frame that all its listeners get."""
    market = setup().markets[SOL]
    texts = frames.Texts(market)
    sides = ({10_000 + level: 5 * level for level in range(first, first + 10)} for first in (1, 11))
    change = frames.DepthChange(1, 2, TIME_MS, *sides)

    def built(now_us: int) -> bytes:
        return text_frame(frames.message("depth.SOL_USDC", frames.depth(market, texts, change, now_us)))

    frame = measure(built, lambda: (1,), items=1)
    assert frame[0] == 0x81 and frame.count(b'["100.') == 20


def test_replica(measure: Measure) -> None:
    """The levels, trades and candles of two markets, fed with what a busy book says."""
    start, running = Kernel(8, 4_000), Kernel(8, 4_000)
    batches = list(running.run(running.flow.commands, [BLOCK] * (4_000 // BLOCK)))
    replicas: list[MarketData] = []

    def fresh() -> tuple[MarketData]:
        replicas[:] = [asyncio.run(MarketData.bootstrap(start.query, []))]
        return (replicas[0],)

    def fed(data: MarketData) -> None:
        for read in batches:
            data.apply(read)

    measure(fed, fresh, items=sum(map(len, batches)))
    assert replicas[0].gaps == 0 and len(replicas[0].recent_trades(1, 1_000)) > 100


def test_rows(measure: Measure) -> None:
    """What the writer stores of a busy book's events, as rows, without a database."""
    flow, events = mixed_flow(3, 4_000, markets=2, accounts=100), np.zeros(MAX_BLOCK_EVENTS, EVENT)
    state, made = new_state(flow.capacities), list[list[np.ndarray]]()
    for records in (flow.setup.view(COMMAND), flow.commands):
        made.append([])
        first = 0
        while first < len(records):
            first, count = apply_batch(state, records, first, min(first + BLOCK, len(records)), TIME_MS, events)
            made[-1].append(events[:count].copy())
    defined, busy = (join(each) for each in made)

    def fresh() -> tuple[np.ndarray, np.ndarray, Setup, Books]:
        known, numbers = Setup(), [Numbering(lambda pairs: [0] * len(pairs)) for _ in range(2)]
        books = Books(*numbers, FeeBalances(lambda asset: 0), 0, 0)
        make_rows(defined, np.full(len(defined), TIME_MS), known, books)
        return busy, np.full(len(busy), TIME_MS), known, books

    rows = measure(make_rows, fresh, items=len(busy))
    assert len(rows.fills) == 2 * len(rows.trades) > 1_000
