"""What landed code wrote: of this behaviour version its log gives the same events, and its snapshot is the same state;
of the one before the same, but for what says which version it is."""

import lzma
from pathlib import Path

import numpy as np
import pytest

from engine_core.book.audit import audit, digest
from engine_core.book.memory.state import BEHAVIOUR, State, new_state
from engine_core.runtime.snapshots import migration, snapshot
from engine_core.runtime.snapshots.snapshot import Snapshot
from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import ADMIN, BEHAVIOUR_VERSION, COMMAND, EVENT
from tests.model.pair import run_book

LANDED = Path(__file__).parents[1] / "data"
THIS, BEFORE = LANDED / f"behaviour_{BEHAVIOUR_VERSION}", LANDED / f"behaviour_{BEHAVIOUR_VERSION - 1}"


def landed(folder: Path, name: str) -> bytes:
    return lzma.decompress((folder / f"{name}.xz").read_bytes())


def snapshot_of(folder: Path, at: Path) -> Path:
    path = at / "landed.snapshot"
    path.write_bytes(landed(folder, "snapshot"))
    return path


def replayed(folder: Path, found: Snapshot) -> tuple[State, bytes]:
    """The state and the events that its commands give here; GENESIS is made one of this version."""
    commands = np.frombuffer(bytearray(landed(folder, "commands")), COMMAND)
    assert commands["kind"][0] == CommandKind.GENESIS
    commands.view(ADMIN)["behaviour"][:1] = BEHAVIOUR_VERSION
    state, events, first = new_state(found.capacities), b"", 0
    for time_ms, count in np.frombuffer(landed(folder, "blocks"), "<i8").reshape(-1, 2).tolist():
        events += run_book(state, commands[first : first + count], time_ms).tobytes()
        first += count
    return state, events


def test_log_and_snapshot_of_landed_code_are_good(tmp_path: Path) -> None:
    found, kept = snapshot.read(snapshot_of(THIS, tmp_path))
    state, events = replayed(THIS, found)
    assert events == landed(THIS, "events"), "the same commands give other events: that is another behaviour version"
    audit(kept)
    assert digest(kept) == digest(state)


def test_what_the_version_before_executed_is_what_this_one_would_have(tmp_path: Path) -> None:
    """Of commands that it knew nothing has changed; so a state that is taken over is the one that a replay gives."""
    path = snapshot_of(BEFORE, tmp_path)
    with pytest.raises(snapshot.OldSnapshot, match=f"this is version {BEHAVIOUR_VERSION}"):
        snapshot.read(path)
    found, kept = migration.read(path)
    audit(kept)
    assert kept.scalars[BEHAVIOUR] == BEHAVIOUR_VERSION - 1
    state, events = replayed(BEFORE, found)
    assert events[EVENT.itemsize :] == landed(BEFORE, "events")[EVENT.itemsize :], "GENESIS alone names its version"
    kept.scalars[BEHAVIOUR] = BEHAVIOUR_VERSION
    assert digest(kept) == digest(state)
