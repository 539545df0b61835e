"""`exchange stages`: what it says of how many orders of how long a time."""

import argparse
import json
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine_core.operator.look import stages as command
from engine_core.process.stages import WAY, Journey, Sender


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


def journeys(starts: list[float]) -> list[Journey]:
    """Of orders that came then, and were on their way for 6 ms each."""
    return [
        Journey(Sender(1, 1, number), at, at={stage: at + place / 1000 for place, stage in enumerate(WAY)})
        for number, at in enumerate(starts)
    ]


def test_orders_of_the_time_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It looks for a second more, for the database, and what comes then is not counted."""
    clock = count(100.0, 2.015)  # when it begins, and when it has looked
    found = SimpleNamespace(every=16, all=lambda: journeys([100.1, 100.9, 101.5]))
    monkeypatch.setattr(command, "timed", lambda _: found)
    monkeypatch.setattr(command, "now", lambda: next(clock))
    monkeypatch.setattr(command, "_watch", lambda *_: None)
    assert command.stages(argparse.Namespace(data=Path(), seconds=1.0, json=True)) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["seconds"], said["orders"]) == (1.0, 2)


def test_a_percentile_is_given_by_as_many_orders_as_it_takes() -> None:
    """As `exchange load` gives them."""
    few, many = (command.rows_of(journeys([1.0] * orders))[-1] for orders in (2, 100))
    assert (few["p50_us"], few["p99_us"], many["p99_us"]) == (6_000.0, None, 6_000.0)
    assert list(command.table([few]))[1].split()[-4:] == ["6,000", "6,000", "-", "6,000"]
