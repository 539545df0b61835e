"""`exchange trail` of a venue of two shards, whose logs stand on a real Valkey."""

import argparse
import json
from pathlib import Path

import pytest

from engine_core.operator.look.trail import trail
from engine_core.wire.codes import CommandKind
from tests.operator.test_verify_shards import Log, logs

__all__ = ["logs"]


def test_a_move_is_told_once_however_often_it_was_sent(
    valkey: str,
    logs: tuple[Log, Log],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever finds one half done sends the other half; all but the first of them change nothing."""
    home, other = logs
    for _ in range(2):
        home.move(CommandKind.MOVE_OUT, 1)
    for _ in range(5):
        other.move(CommandKind.MOVE_IN, 1)
    other.move(CommandKind.MOVE_IN, 7)
    for name, value in {"REDIS_URL": valkey, "EXCHANGE_SHARDS": "2", "EXCHANGE_DATA": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    assert trail(argparse.Namespace(data=tmp_path, json=True, account=None)) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    moves = [(each["action"], each["sequence"], each["outcome"]) for each in told if each["action"].startswith("MOVE_")]
    assert moves == [("MOVE_OUT", 1, "applied"), ("MOVE_IN", 1, "applied"), ("MOVE_IN", 7, "BAD_SEQUENCE")]
