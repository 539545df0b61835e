"""A seed gives the same bytes: on every machine, in chunks of any size, with or without a file between."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.flow.__main__ import main
from bench.flow.generator import Generator, generate
from bench.flow.messages import MESSAGE, to_commands
from bench.flow.parameters import DEFAULT, MODELS
from bench.flow.regimes import REGIMES
from engine_core.wire.codes import CommandKind, OrderFlag

DIGESTS = {
    "zero-intelligence": "89bc873761dcd90f7a0ab9c151d0f70dfcfed54d48b07f0766a12aeb5a1eaf49",
    "hawkes": "3b46dc73ef01d1fd62a65c60f22d031b2c6ba2f3d377434a95f7f769a93e77a1",
    "queue-reactive": "70fa1b687c11f994093b48e0f76f2fec250f07d158351ffaa0fa43f0e930aa4a",
}
MANY = replace(DEFAULT, population=replace(DEFAULT.population, markets=3))


@pytest.mark.parametrize("model", MODELS)
def test_the_bytes_of_a_seed_are_known(model: str) -> None:
    """They change with the generator, never with the machine: no function of a C library is on the way."""
    flow = generate(MANY, model, 7, messages=20_000)
    assert hashlib.sha256(flow.tobytes()).hexdigest() == DIGESTS[model]


@pytest.mark.parametrize("model", MODELS)
def test_chunks_of_any_size_are_the_same_flow(model: str) -> None:
    whole = generate(MANY, model, 3, messages=3_000)
    generator, messages = Generator(MANY, model, 3), np.zeros(3_000, MESSAGE)
    at, sizes = 0, (1, 2, 997, 3_000)
    while at < len(messages):
        room = messages[at : at + sizes[at % len(sizes)]]
        assert generator.fill(room) == len(room)
        at += len(room)
    assert messages.tobytes() == whole.tobytes()


def test_a_flow_up_to_a_time_goes_on_where_it_stopped() -> None:
    generator = Generator(DEFAULT, "hawkes", 5)
    parts = [part.copy() for end in (1.0, 1.5, 4.0) for part in generator.chunks(until_s=end)]
    together = np.concatenate(parts)
    assert together.tobytes() == generate(DEFAULT, "hawkes", 5, seconds=4.0).tobytes()
    assert (np.diff(together["time_ns"]) >= 0).all()
    assert together["time_ns"][-1] < 4_000_000_000


def test_other_seeds_models_and_regimes_are_other_flows() -> None:
    flows = [generate(DEFAULT, model, seed, messages=1_000).tobytes() for model in MODELS for seed in (1, 2)]
    rough = Generator(DEFAULT, "hawkes", 1, regime=REGIMES["opening"])
    flows.append(next(rough.chunks(1_000)).tobytes())
    assert len(set(flows)) == len(flows)


def test_the_file_is_the_flow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flow.npy"
    arguments = ["--model", "zero-intelligence", "--seed", "11", "--messages", "9000", "--markets", "2"]
    assert main([*arguments, "-o", str(path)]) == 0
    flow = replace(DEFAULT, population=replace(DEFAULT.population, markets=2))
    expected = generate(flow, "zero-intelligence", 11, messages=9_000)
    assert np.load(path).tobytes() == expected.tobytes()
    assert hashlib.sha256(expected.tobytes()).hexdigest() in capsys.readouterr().out


def test_messages_become_commands_of_the_engine() -> None:
    messages = generate(MANY, "hawkes", 1, messages=5_000)
    commands = to_commands(messages)
    places = messages["kind"] == CommandKind.PLACE
    assert (commands["kind"] == messages["kind"]).all()
    assert (commands["client_id"] == messages["order"]).all()
    assert (commands["flags"] & OrderFlag.HAS_CLIENT_ID != 0).all()
    assert (commands["account"] == messages["account"] + 1).all()
    for field in ("market", "price_ticks"):
        assert (commands[field] == messages[field]).all()
    assert (commands["quantity_lots"][places] == messages["lots"][places]).all()
    icebergs = messages["display_lots"] != 0
    assert icebergs.any()
    assert (commands["display_lots"][icebergs] == messages["display_lots"][icebergs]).all()
    cancels = messages["kind"] == CommandKind.CANCEL
    assert not commands["price_ticks"][cancels].any()
