"""The book equals its slow twin: same events, byte for byte, same state, every invariant, on random command lists."""

import os
from collections.abc import Callable
from random import Random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine_core.book.audit import digest
from engine_core.book.memory.state import State, new_state
from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import COMMAND
from tests.model.generator import Generator, setup
from tests.model.pair import SMALL, START_MS, Pair, command, copy_state, run_book

LISTS = int(os.environ.get("EXCHANGE_MODEL_LISTS", "1000"))  # a soak asks for millions
BLOCKS, BLOCK_COMMANDS = 10, 6
SETUP = setup()


def many(lists: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return settings(max_examples=lists, deadline=None, suppress_health_check=list(HealthCheck))


def fresh_pair() -> Pair:
    pair = Pair()
    pair.run(SETUP)
    return pair


@many(LISTS)
@given(st.randoms(use_true_random=True), st.integers(1, BLOCKS))
def test_book_equals_twin(random: Random, blocks: int) -> None:
    pair = fresh_pair()
    generator = Generator(random, pair.twin)
    if random.random() < 0.5:
        pair.run([command(CommandKind.SHARES, code=1)])
    time_ms = START_MS
    for left in reversed(range(blocks)):
        time_ms += random.choice((0, 1, 10, 60))
        pair.run(generator.commands(BLOCK_COMMANDS), time_ms)
        if left == 0 or random.random() < 1 / 3:  # a look takes as long as the block; the soak looks after each
            pair.check_state()


def joined(commands: list[np.ndarray]) -> np.ndarray:
    return np.frombuffer(bytearray(b"".join(one.tobytes() for one in commands)), COMMAND)


def some_commands(random: Random) -> list[np.ndarray]:
    pair = fresh_pair()
    generator = Generator(random, pair.twin)
    commands: list[np.ndarray] = []
    for _ in range(BLOCKS):
        part = generator.commands(BLOCK_COMMANDS)
        pair.run(part)
        commands += part
    return commands


def state_after_setup() -> State:
    state = new_state(SMALL)
    run_book(state, joined(SETUP), START_MS)
    return state


@many(max(50, LISTS // 10))
@given(st.randoms(use_true_random=True), st.integers(0, BLOCKS * BLOCK_COMMANDS))
def test_replay_resplit_and_copy_give_the_same_bytes(random: Random, cut: int) -> None:
    block = joined(some_commands(random))
    state = state_after_setup()
    events = run_book(state, block, START_MS).tobytes()
    again = state_after_setup()
    assert run_book(again, block, START_MS).tobytes() == events
    assert digest(again) == digest(state)
    split = state_after_setup()
    first = run_book(split, block[:cut].copy(), START_MS).tobytes()
    continued = copy_state(split)
    assert first + run_book(continued, block, START_MS, cut).tobytes() == events
    assert digest(continued) == digest(state)


def test_time_never_goes_back() -> None:
    pair = fresh_pair()
    pair.run([command(1)], START_MS + 500)  # rejected, but time passes
    assert pair.run([command(1)], START_MS)["created_ms"].tolist() == [START_MS + 500]
