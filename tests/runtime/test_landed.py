"""What landed code of this behaviour version wrote: its log gives the same events, its snapshot is the same state."""

import lzma
from pathlib import Path

import numpy as np

from engine_core.book.audit import audit, digest
from engine_core.book.memory.state import State, new_state
from engine_core.runtime.snapshots import snapshot
from engine_core.wire.layout import COMMAND
from tests.model.pair import run_book

LANDED = Path(__file__).parents[1] / "data" / "behaviour_2"


def landed(name: str) -> bytes:
    return lzma.decompress((LANDED / f"{name}.xz").read_bytes())


def read_snapshot(folder: Path) -> tuple[snapshot.Snapshot, State]:
    path = folder / "landed.snapshot"
    path.write_bytes(landed("snapshot"))
    return snapshot.read(path)


def test_log_and_snapshot_of_landed_code_are_good(tmp_path: Path) -> None:
    found, kept = read_snapshot(tmp_path)
    commands = np.frombuffer(bytearray(landed("commands")), COMMAND)
    state, events, first = new_state(found.capacities), b"", 0
    for time_ms, count in np.frombuffer(landed("blocks"), "<i8").reshape(-1, 2).tolist():
        events += run_book(state, commands[first : first + count], time_ms).tobytes()
        first += count
    assert events == landed("events"), "the same commands give other events: that is another behaviour version"
    audit(kept)
    assert digest(kept) == digest(state)
