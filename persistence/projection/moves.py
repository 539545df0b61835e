"""Moves of money between shards as rows: what left for another shard, and what arrived from one."""

import numpy as np

from engine_core.wire.codes import CommandKind
from persistence.tables import MOVE_CHANGES, timestamps


def move_changes(applied: np.ndarray, times_ms: np.ndarray) -> np.ndarray:
    """MOVE_CHANGES rows of APPLIED events (ADMIN_EVENT), whatever they are of, in log order."""
    kinds = applied["command"]["kind"]
    places = np.flatnonzero((kinds == CommandKind.MOVE_OUT) | (kinds == CommandKind.MOVE_IN))
    rows = MOVE_CHANGES.rows(len(places))
    if len(places):
        commands = applied["command"][places]
        for name in ("account", "asset", "amount_atoms", "sequence"):
            rows[name] = commands[name]
        rows["other"], rows["reference"] = commands["code"], commands["move_reference"]
        rows["is_out"] = commands["kind"] == CommandKind.MOVE_OUT
        rows["time"] = timestamps(times_ms[places])
    return rows
