"""`exchange stages` without a single order: it says so, and what to do."""

import argparse
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine_core.operator.look import stages as command


def test_no_order_was_timed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    nothing = SimpleNamespace(every=16, look=lambda: None, all=list)
    monkeypatch.setattr(command, "require", lambda _: SimpleNamespace(runtime=Path()))
    monkeypatch.setattr(command, "of_roles", lambda _: ["engine"])
    monkeypatch.setattr(command, "Journeys", lambda _: nothing)
    monkeypatch.setattr(command, "_watch", lambda *_: None)
    assert command.stages(argparse.Namespace(data=Path(), seconds=1.0, json=False)) == 1
    assert capsys.readouterr().out == (
        "0 orders in 0 s, one of each 16th block\n"
        "no order was timed: place some meanwhile, or look for longer (--seconds)\n"
        "(those that are put straight into the log, as by exchange load --target log, never are)\n"
    )
