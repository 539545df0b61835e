"""A flow file is checked where it is read, for all who read one; a write that fails leaves none."""

import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.calibrate.__main__ import main as calibrate
from bench.flow.__main__ import main as generate_to_file
from bench.flow.generator import generate
from bench.flow.messages import MESSAGE
from bench.flow.parameters import DEFAULT
from bench.load.plan import sources
from bench.load.plan.markets import Market
from bench.load.targets.api import BenchError
from bench.lobster.__main__ import main as lobster
from engine_core.wire.codes import CommandKind

COUNT = 1_000
FLOW = generate(DEFAULT, "zero-intelligence", 1, messages=COUNT)
LAST = int(np.flatnonzero(FLOW["kind"] == CommandKind.PLACE)[-1])
SOL = Market("SOL_USDC", "SOL", "USDC", 2, 1, 2, 1, min_lots=2, middle_ticks=15_000)

Refusal = Callable[[Path], str]


@pytest.fixture(params=["load", "calibrate", "export"])
def refusal(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """What a reader of flow files says against one."""

    def of_load(path: Path) -> str:
        with pytest.raises(BenchError) as refused:
            sources.of_flow(path, 1, [SOL])
        return str(refused.value)

    def of_command(path: Path) -> str:
        command, way = (calibrate, []) if request.param == "calibrate" else (lobster, ["export"])
        assert command([*way, str(path), "-o", str(tmp_path / "out")]) == 1
        return capsys.readouterr().err

    return of_load if request.param == "load" else of_command


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("kind", 77, "kind is 77: must be from 1 to 3 (PLACE, CANCEL, AMEND)"),
        ("side", 9, "side is 9: must be from 1 to 2 (BID, ASK)"),
        ("order_type", 3, "order_type is 3: must be from 1 to 2 (LIMIT, MARKET)"),
        ("time_in_force", 4, "time_in_force is 4: must be from 1 to 3 (GTC, IOC, FOK)"),
        ("self_trade", 5, "self_trade is 5: must be from 1 to 4 (REJECT_TAKER, "),
        ("flags", 64, "flags is 64: may have 41 (POST_ONLY | TRIGGER | ICEBERG) and no other bit"),
        ("market", 0, "market is 0: must be from 1 to 65,535"),
        ("account", 0, "account is 0: must be from 1 to 4,294,967,294"),
        ("account", 2**32 - 1, "account is 4,294,967,295: must be from 1 to 4,294,967,294"),
        ("order", 0, "order is 0: must be from 1 to 1,000"),
        ("order", 10**15, "order is 1,000,000,000,000,000: must be from 1 to 1,000"),
        ("time_ns", -5, "time_ns is -5: must be from 0 to"),
        ("time_ns", 2**63 - 1, "time_ns is 9,223,372,036,854,775,807: must be from 0 to"),
        ("lots", -1, "lots is -1: must be from 1 to"),
        ("lots", 2**62, "lots is 4,611,686,018,427,387,904: must be from 1 to"),
        ("display_lots", -1, "display_lots is -1: must be from 0 to"),
        ("price_ticks", 2**62, "price_ticks is 4,611,686,018,427,387,904: must be from 0 to 2,147,483,647"),
        ("trigger_ticks", -1, "trigger_ticks is -1: must be from 0 to 2,147,483,647"),
    ],
)
def test_a_row_that_no_flow_has_is_named(tmp_path: Path, refusal: Refusal, column: str, value: int, said: str) -> None:
    path, messages = tmp_path / "flow.npy", FLOW.copy()
    messages[column][LAST] = value
    np.save(path, messages)
    assert f"{path}: row {LAST} (the first is 0): {said}" in refusal(path)


def test_a_time_before_that_of_the_row_above_is_named(tmp_path: Path, refusal: Refusal) -> None:
    path, messages = tmp_path / "flow.npy", FLOW.copy()
    last = int(messages["time_ns"][COUNT - 2])
    messages["time_ns"][COUNT - 1] = 0
    np.save(path, messages)
    assert f"row {COUNT - 1} (the first is 0): time_ns is 0: must not be below {last:,}, that of the row" in refusal(
        path
    )


@pytest.mark.parametrize("column", ["order_type", "time_in_force", "self_trade", "lots"])
def test_a_placement_says_everything(tmp_path: Path, refusal: Refusal, column: str) -> None:
    path, messages = tmp_path / "flow.npy", FLOW.copy()
    messages[column][0] = 0
    np.save(path, messages)
    assert f"row 0 (the first is 0): {column} is 0: must be from 1 to" in refusal(path)


def test_a_file_of_another_form_is_refused(tmp_path: Path, refusal: Refusal) -> None:
    path = tmp_path / "flow.npy"
    np.save(path, FLOW.reshape(10, 100))
    assert f"{path}: holds an array of (10, 100), a flow has one dimension" in refusal(path)
    np.save(path, FLOW[:0])
    assert f"{path}: holds no message" in refusal(path)
    np.save(path, np.zeros(3))
    assert f"{path}: holds float64, not messages of a flow" in refusal(path)
    with path.open("wb") as file:
        np.savez(file, flow=FLOW)
    assert f"{path}: cannot be read as a flow" in refusal(path)
    np.save(path, FLOW)
    path.write_bytes(path.read_bytes()[:5_000])
    assert f"{path}: cannot be read as a flow" in refusal(path)


def test_a_write_that_fails_names_the_file_and_leaves_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "flow.npy"
    command = ["--model", "zero-intelligence", "--messages", "1000", "-o", str(path)]
    assert generate_to_file(command) == 0  # compiled: from here on this file is all that is written
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10 * MESSAGE.itemsize, hard))  # the disk is full after ten messages
    try:
        status = generate_to_file(command)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert status == 1 and str(path) in capsys.readouterr().err
    assert not path.exists()
