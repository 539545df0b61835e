"""What surrounds the commands: capacities, the table of gateways, batches that do not fit, the set-up read back."""

import os
import subprocess
import sys

import numpy as np
import pytest

from bench.workloads import TIME_MS, deep_flow, mixed_flow
from engine_core.book import queries
from engine_core.book.audit import audit, conservation, digest
from engine_core.book.commands import NOT_KEPT, apply_batch, execute_blocks
from engine_core.book.ledger.gateways import BLOCK
from engine_core.book.memory.state import COMMANDS, Capacities, State, engine_time, new_state
from engine_core.wire.codes import CommandKind, Reason
from engine_core.wire.layout import COMMAND, EVENT
from engine_core.wire.limits import MAX_EVENTS_PER_COMMAND
from tests.model.generator import setup
from tests.model.pair import SMALL, Pair, copy_state, run_book


def check_block(state: State, gateway: int, incarnation: int, sequence: int) -> Reason:
    """Why a block of one TICK is not executed."""
    commands, events = np.zeros(1, COMMAND), np.zeros(MAX_EVENTS_PER_COMMAND, EVENT)
    commands["kind"] = CommandKind.TICK
    block = np.array([(gateway, incarnation, sequence, TIME_MS, 0, 1)], BLOCK)
    before = int(state.scalars[COMMANDS])
    *_, reason = execute_blocks(state, block, 0, 1, 0, commands, events, NOT_KEPT)
    assert state.scalars[COMMANDS] - before == (reason == Reason.NONE)
    return Reason(reason)


def test_new_block_of_each_gateway_is_the_next_one() -> None:
    state = new_state(SMALL)  # room for four gateways
    assert check_block(state, 1, 10, 1) == Reason.NONE
    assert check_block(state, 1, 10, 1) == Reason.DUPLICATE_BLOCK
    assert check_block(state, 1, 10, 3) == Reason.SEQUENCE_GAP
    assert check_block(state, 1, 10, 2) == Reason.NONE
    assert check_block(state, 1, 9, 3) == Reason.STALE_INCARNATION
    assert check_block(state, 1, 11, 2) == Reason.SEQUENCE_GAP
    assert check_block(state, 1, 11, 1) == Reason.NONE


def test_least_recently_used_gateway_is_forgotten() -> None:
    state = new_state(SMALL)
    for gateway in (1, 2, 3, 4):
        assert check_block(state, gateway, 1, 1) == Reason.NONE
    assert check_block(state, 1, 1, 2) == Reason.NONE
    assert check_block(state, 5, 1, 1) == Reason.NONE  # takes the place of 2
    assert check_block(state, 1, 1, 2) == Reason.DUPLICATE_BLOCK
    assert check_block(state, 2, 1, 1) == Reason.NONE


@pytest.mark.parametrize("wrong", [{"orders": 1 << 24}, {"orders": 0}, {"markets": 70_000}, {"pages": -1}])
def test_bad_capacity_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="capacit"):
        new_state(SMALL._replace(**wrong))


def test_batch_stops_before_its_buffer_could_overflow() -> None:
    flow = mixed_flow(3, 400, 2, 10)
    state, whole = new_state(flow.capacities), new_state(flow.capacities)
    for one in (state, whole):
        run_book(one, flow.setup.view(COMMAND).copy(), TIME_MS)
    events = np.zeros(MAX_EVENTS_PER_COMMAND + 3, EVENT)
    parts, first, calls = [], 0, 0
    commands = flow.commands.copy()
    while first < len(commands):
        first, count = apply_batch(state, commands, first, len(commands), TIME_MS, events)
        parts.append(events[:count].tobytes())
        calls += 1
    assert calls > 10
    assert b"".join(parts) == run_book(whole, commands, TIME_MS).tobytes()
    with pytest.raises(AssertionError, match="room"):
        apply_batch(state, commands, 0, 1, TIME_MS, events[:10])


def test_setup_read_back_rebuilds_the_same_setup() -> None:
    pair = Pair()
    pair.run(setup(with_last_price=False))
    records = queries.setup(pair.state)
    again = new_state(SMALL)
    run_book(again, records.view(COMMAND).copy(), 1)
    assert queries.setup(again).tobytes() == records.tobytes()


def test_copy_is_independent() -> None:
    pair = Pair()
    pair.run(setup())
    copied = copy_state(pair.state)
    before = digest(copied)
    pair.run(setup())
    assert digest(copied) == before != digest(pair.state)
    assert engine_time(copied) == engine_time(pair.state)


def test_busy_flow_keeps_every_invariant() -> None:
    flow, _ = deep_flow(5, 1_000, 2_000, 3, 40)
    state = new_state(flow.capacities)
    run_book(state, flow.setup.view(COMMAND).copy(), TIME_MS)
    run_book(state, flow.commands.copy(), TIME_MS)
    audit(state)
    assert all(sums.supplied == sums.held for sums in conservation(state).values())
    assert int(queries.status(state)["open_orders"][0]) > 500


def test_prices_far_apart_need_no_memory_for_what_lies_between() -> None:
    small = sum(array.nbytes for array in new_state(Capacities(orders=1000, levels=1000, accounts=10, references=10)))
    assert small < 40 << 20


GROWN = """
from engine_core.book.audit import audit, digest
from engine_core.book.memory.state import new_state
from engine_core.book.resize import resized
from tests.book.test_state import MORE
from tests.model.generator import setup
from engine_core.wire.layout import join
from tests.model.pair import SMALL, run_book
state = new_state(SMALL)
run_book(state, join(setup()), 1)
grown = resized(state, MORE)
audit(grown)
print(digest(grown))
"""
MORE = SMALL._replace(
    orders=2 * SMALL.orders, levels=2 * SMALL.levels, keys=4 * SMALL.keys, accounts=2 * SMALL.accounts
)


def test_a_state_grows_without_the_compiler_as_with_it() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", GROWN],
            env={**os.environ, "NUMBA_DISABLE_JIT": jit},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for jit in ("0", "1")
    }
    assert len(said) == 1 and len(said.pop().strip()) == 64
