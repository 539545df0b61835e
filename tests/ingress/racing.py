"""What processes do that race for names (access/test_rate_limits.py); by itself, so they import hardly anything."""

from contextlib import closing
from pathlib import Path
from typing import Any

from engine_core.edge.expiring_set import Remembered


def use(path: Path, names: list[bytes], start: Any, results: Any) -> None:
    with closing(Remembered(path, sets=64)) as remembered:
        start.wait()
        results.put([name for name in names if remembered.add(name, 2_000, 1_000)])
