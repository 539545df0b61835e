"""A disk that is full where standard output goes: every command says so in one line, and its other work is done."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXCHANGE = (sys.executable, "-P", "-m", "engine_core.cli")
FULL = Path("/dev/full")  # each write to it fails as on a full disk


@pytest.mark.parametrize("unbuffered", ["", "1"])  # Python's own buffer fails at the end, the other way at once
@pytest.mark.parametrize(
    "command",
    [
        ("config",),
        ("status",),
        ("bench",),
        ("bench", "flow", "--messages", "1000", "--json", "result.json"),
    ],
)
def test_a_full_disk_is_said_in_one_line(command: tuple[str, ...], unbuffered: str, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with FULL.open("w") as full:
        done = subprocess.run(
            [*EXCHANGE, *command], cwd=tmp_path, env=environment, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, done.stderr) == (1, "error: standard output: No space left on device\n")
    if "--json" in command:
        assert json.loads((tmp_path / "result.json").read_text())["name"] == "flow"
