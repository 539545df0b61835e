"""When an engine lets a snapshot be taken, and where that cannot be."""

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from engine_core.book.memory.state import new_state
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.schedule import Keeper, Rules
from engine_core.runtime.snapshots.snapshot import Place
from engine_core.wire.streams import EntryId
from tests.model.pair import SMALL

PLACE = Place(1, 1, EntryId(5, 0), 0)


def keeper(data: Path) -> Keeper:
    return Keeper(Rules(data, 0, every_seconds=0.0, every_commands=10, keep=1, trim=str))


def test_an_engine_for_which_no_process_can_be_started_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It had taken that for a Redis that is away, and connected to it again and again."""

    def refused() -> NoReturn:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    made = keeper(tmp_path)
    monkeypatch.setattr(os, "fork", refused)
    made.ask()
    made.look(new_state(SMALL), lambda: PLACE, 1, active=True)
    assert (made.taken, made.failed) == (0, 1) and "no snapshot this time" in caplog.text
    monkeypatch.undo()
    made.ask()
    made.look(new_state(SMALL), lambda: PLACE, 2, active=True)
    made.wait()
    assert len(snapshot.found(tmp_path, 0)) == 1


def test_a_snapshot_that_goes_while_one_looks_at_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A standby's child removes old ones."""
    made = keeper(tmp_path)
    monkeypatch.setattr(snapshot, "found", lambda data, shard: [tmp_path / "gone.snapshot"])
    asked: list[Place] = []
    made.look(new_state(SMALL), lambda: asked.append(PLACE), 5, active=True)
    assert asked == [PLACE], "nobody took one lately"
