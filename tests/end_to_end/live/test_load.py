"""`exchange load` on the real exchange: every order and all money is accounted for, also when ingress is killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.flow.messages import MESSAGE
from bench.load.__main__ import main
from bench.load.plan import keys
from engine_core.wire.codes import CommandKind, OrderType, SelfTrade, Side, TimeInForce
from tests.exchange import Exchange, eventually

MARKET = "XRP_USDC"


@pytest.fixture(scope="module")
def keys_file(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of accounts that signed up and got their funds from the two demo accounts."""
    path = tmp_path_factory.mktemp("load") / "keys.json"
    funders = str(exchange.data / "demo-keys.json")
    given = ["--url", exchange.run["http"], "--make-keys", str(path), "--accounts", "3", "--fund-from", funders]
    assert main(given) == 0
    assert len({account.number for account in keys.read(path)}) == 3
    return path


def given(exchange: Exchange, keys_file: Path, result: Path, *more: str) -> list[str]:
    where = ["--data", str(exchange.data), "--ws", exchange.run["ws"], "--keys", str(keys_file), "--markets", MARKET]
    return [*where, "--json", str(result), *more]


def read(result: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(result.read_text())
    assert document["accounted"], document["problems"]
    assert document["sent"] == document["accepted"] + document["refused"] + document["unknown"]
    return document


@pytest.mark.parametrize(
    "how",
    [
        ("--target", "rest", "--ramp", "100:300", "--processes", "2", "--readers", "10"),
        ("--target", "ws", "--rate", "300"),
        ("--target", "ws", "--closed", "--in-flight", "4", "--seconds", "60"),
        ("--target", "log", "--rate", "2000"),
    ],
)
def test_every_order_and_all_money_is_accounted_for(
    how: tuple[str, ...], exchange: Exchange, keys_file: Path, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    if "--closed" in how:  # it ends with its orders: how many a second sees, the machine decides
        how = (*how, "--flow", str(crossing_orders(tmp_path)))
    assert main(given(exchange, keys_file, result, "--seconds", "1", *how)) == 0
    document = read(result)
    assert document["accepted"] == document["scheduled"] > 50 and document["fills"] > 0
    timed = {row["stage"] for row in document["stages"]}
    assert ("received to answered" in timed) is ("log" not in how), "what is written into the log nobody received"
    if "--readers" in how:
        assert document["readers"]["clients"] == 10 and not document["readers"]["lost"]
        assert document["readers"]["frames_per_second"] > 0


def crossing_orders(folder: Path, count: int = 200) -> Path:
    """A flow of two accounts, one of which buys what the other sells."""
    messages = np.zeros(count, MESSAGE)
    messages["order"] = np.arange(1, count + 1)
    messages["account"], messages["market"], messages["kind"] = 1 + np.arange(count) % 2, 1, CommandKind.PLACE
    messages["side"] = np.where(messages["account"] == 1, Side.BID, Side.ASK)
    messages["order_type"], messages["time_in_force"] = OrderType.LIMIT, TimeInForce.GTC
    messages["self_trade"], messages["price_ticks"], messages["lots"] = SelfTrade.REJECT_MAKER, 1_000, 10
    np.save(folder / "crossing.npy", messages)
    return folder / "crossing.npy"


def test_a_flow_names_its_orders_and_a_cancel_of_none_is_refused(
    exchange: Exchange, keys_file: Path, tmp_path: Path
) -> None:
    messages = np.zeros(4, MESSAGE)
    messages["order"], messages["account"], messages["market"] = [1, 1, 1, 2], 1, 1
    messages["kind"] = [CommandKind.PLACE, CommandKind.AMEND, CommandKind.CANCEL, CommandKind.CANCEL]
    messages["side"], messages["order_type"], messages["time_in_force"] = Side.BID, OrderType.LIMIT, TimeInForce.GTC
    messages["self_trade"] = SelfTrade.REJECT_TAKER
    messages["price_ticks"], messages["lots"] = [1_000, 990, 0, 0], [10, 20, 0, 0]
    np.save(tmp_path / "flow.npy", messages)
    result = tmp_path / "result.json"
    assert main(given(exchange, keys_file, result, "--target", "ws", "--flow", str(tmp_path / "flow.npy"))) == 0
    document = read(result)
    assert (document["accepted"], document["refused"]) == (3, 1)
    assert document["refused_by_reason"] == {"RESOURCE_NOT_FOUND: Not Found": 1}


def test_orders_under_way_when_ingress_dies_are_looked_up(exchange: Exchange, keys_file: Path, tmp_path: Path) -> None:
    result, market = tmp_path / "result.json", ["--rate", "300", "--seconds", "6", "--patience", "60"]
    command = [sys.executable, "-m", "bench.load", *given(exchange, keys_file, result, *market)]

    def traded() -> float:
        return float(exchange.get(f"ticker?symbol={MARKET}")["volume"])

    before = traded()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    eventually(traded, lambda volume: volume > before, "a trade", 60)
    stopped = exchange.pids("ingress")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    exchange.kill("ingress")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    document = read(result)
    assert document["unknown"] == document["unknown_found"] + document["unknown_not_found"]
    assert document["accepted"] > 0 and document["sent"] == document["scheduled"]
