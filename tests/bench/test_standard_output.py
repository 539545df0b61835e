"""A disk that is full where standard output goes: every command says so in one line, and its other work is done."""

import json
import os
import signal
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


@pytest.mark.parametrize(("ended_by", "status"), [("ValueError", 1), ("KeyboardInterrupt", -signal.SIGINT)])
def test_what_ends_a_program_is_said_and_not_the_full_disk(ended_by: str, status: int) -> None:
    """What is still in the buffer then ends nothing."""
    code = f"""
from engine_core import standard_output
with standard_output.guarded(goes_on=True):
    print("on its way")
    raise {ended_by}
"""
    environment = os.environ | {"PYTHONUNBUFFERED": ""}
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == status and "Exception ignored" not in done.stderr
