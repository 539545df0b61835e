"""`exchange verify` of a venue of two shards, whose logs stand on a real Valkey."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from engine_core.administration.client import admin
from engine_core.operator.proof.replay import Replay
from engine_core.operator.verify import verify
from engine_core.runtime.machine import Machine
from engine_core.runtime.recovery import capacity_records, own_block
from engine_core.wire.codes import CommandKind, MarketState
from engine_core.wire.layout import BEHAVIOUR_VERSION, COMMAND, SCHEMA_VERSION, join
from engine_core.wire.streams import FIELD, EntryId, keys
from tests.runtime.rig import FUNDS, SMALL

ROOM = SMALL._replace(links=64)


class Log:
    """Both logs of one shard, as its engine writes them."""

    def __init__(self, client: redis.Redis, shard: int) -> None:
        self._client, self.names, self.shard = client, keys(shard), shard
        self.machine = Machine(ROOM)
        genesis = {"code": SCHEMA_VERSION, "log_id": 7 + shard, "behaviour": BEHAVIOUR_VERSION, "market": shard}
        self.add(admin(CommandKind.GENESIS, **genesis), capacity_records(ROOM))
        for number, symbol in enumerate((b"USDC", b"SOL"), 1):
            self.add(admin(CommandKind.ASSET, asset=number, symbol=symbol, decimals=6))
        code = MarketState.ELSEWHERE if shard else MarketState.OPEN
        self.add(admin(CommandKind.MARKET, market=1, asset=2, quote_asset=1, code=code, a=1, b=1, c=1))
        self.add(admin(CommandKind.ACCOUNT, account=2))
        if shard == 0:
            self.add(admin(CommandKind.DEPOSIT, account=2, asset=1, a=FUNDS, b=1))

    def add(self, *records: np.ndarray) -> None:
        block = own_block(7 + self.shard, 1, join([record.view(COMMAND) for record in records]))
        entry: Any = self._client.xadd(self.names.orders, {FIELD: block})
        mirror = self.machine.encode(self.machine.execute(EntryId.parse(entry), block))
        self._client.xadd(self.names.events, {FIELD: mirror}, id=entry)

    def move(self, kind: CommandKind, sequence: int, atoms: int = 2_500_000) -> None:
        """Between the two, of account 2."""
        what = {"account": 2, "asset": 1, "code": 1 - self.shard, "amount_atoms": atoms}
        self.add(admin(kind, **what, sequence=sequence, move_reference=100 + sequence))


Proven = Callable[..., tuple[int, Any]]


@pytest.fixture
def logs(valkey: str) -> tuple[Log, Log]:
    client = redis.Redis.from_url(valkey)
    return Log(client, 0), Log(client, 1)


@pytest.fixture
def proven(valkey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Proven:
    """What the command ends with, and what it says."""
    for name, value in {"REDIS_URL": valkey, "EXCHANGE_SHARDS": "2", "EXCHANGE_DATA": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)

    def ask(as_json: bool = True) -> tuple[int, Any]:
        code = verify(argparse.Namespace(data=tmp_path, json=as_json, snapshot=None))
        said = capsys.readouterr().out
        return code, json.loads(said) if as_json else said

    return ask


def test_money_on_its_way_is_counted_and_listed(logs: tuple[Log, Log], proven: Proven) -> None:
    home, other = logs
    home.move(CommandKind.MOVE_OUT, 1)
    other.move(CommandKind.MOVE_IN, 1)
    home.move(CommandKind.MOVE_OUT, 2, 1_000_000)
    code, answer = proven()
    assert code == 0 and answer["ok"] and answer["unfinished"] == []
    assert answer["assets"]["USDC"] == {
        "deposited": "1000000",
        "withdrawnOutside": "0",
        "depositsMinusWithdrawals": "1000000",
        "availableLockedAndFees": "999999",
        "inFlight": "1",
        "feeAccount": "0",
    }
    move = {"account": 2, "asset": "USDC", "quantity": "1", "from": 0, "to": 1, "sequence": 2, "reference": "102"}
    assert answer["moves"] == [move]
    assert [shard["assets"]["USDC"]["availableLockedAndFees"] for shard in answer["shards"]] == ["999996.5", "2.5"]
    assert answer["entries"] == sum(shard["entries"] for shard in answer["shards"]) > 10
    code, text = proven(as_json=False)
    assert code == 0 and "everything is accounted for" in text
    assert "in flight: 1 USDC of account 2, from shard 0 to shard 1 (its move 2)" in text
    other.move(CommandKind.MOVE_IN, 2, 1_000_000)
    assert proven()[1]["moves"] == []


@pytest.mark.parametrize(("source", "left"), [(0, 0), (1, 1)])
def test_logs_that_grow_while_they_are_read_prove_the_same(
    source: int, left: int, logs: tuple[Log, Log], proven: Proven, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home is read first: what has come there since, or left, the other log tells of, until home is read on."""
    sender, taker = logs[source], logs[1 - source]
    if source:
        logs[0].move(CommandKind.MOVE_OUT, 1, 40_000_000)
        logs[1].move(CommandKind.MOVE_IN, 1, 40_000_000)
    run, reads = Replay.run, []

    def growing(self: Replay, *until: Any) -> None:
        if self.shard == 1 and not until:
            for number in range(1, 4):
                sender.move(CommandKind.MOVE_OUT, number, number)
                taker.move(CommandKind.MOVE_IN, number, number)
            sender.move(CommandKind.MOVE_OUT, 4, 4)
        reads.append((self.shard, bool(until)))
        run(self, *until)

    monkeypatch.setattr(Replay, "run", growing)
    code, answer = proven()
    assert code == 0 and answer["ok"], answer["problems"]
    assert reads == [(0, False), (1, False), (0, True)]
    assert len(answer["moves"]) == left, "of the last one home need not know"
    assert answer["assets"]["USDC"]["depositsMinusWithdrawals"] == "1000000"


def test_money_that_arrived_and_never_left_is_a_problem(logs: tuple[Log, Log], proven: Proven) -> None:
    logs[1].move(CommandKind.MOVE_IN, 1)
    code, answer = proven()
    assert code == 1 and not answer["ok"]
    assert "that money is there twice" in answer["problems"][0]
    assert "USDC: 1000000000000 atoms were deposited and not withdrawn, 1000002500000 are in" in answer["problems"][1]


def test_a_shard_without_the_setup_of_home_is_not_finished(logs: tuple[Log, Log], proven: Proven) -> None:
    logs[0].add(admin(CommandKind.ACCOUNT, account=3))
    code, answer = proven()
    assert code == 0 and answer["unfinished"] == ["shard 1 has not all of the setup of shard 0 yet: ACCOUNT"]


def test_events_of_any_shard_that_were_tampered_with_are_found(logs: tuple[Log, Log], proven: Proven) -> None:
    client, names = logs[1]._client, logs[1].names
    entries: Any = client.xrange(names.events)
    client.delete(names.events)
    for entry, fields in entries[:-1]:
        client.xadd(names.events, fields, id=entry)
    client.xadd(names.events, entries[0][1], id=entries[-1][0])
    code, answer = proven()
    assert code == 1 and [shard["ok"] for shard in answer["shards"]] == [True, False]
    assert answer["problems"][0].startswith("shard 1: entry ")
