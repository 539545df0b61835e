"""Environments of clients whose requirements do not go with ours: made once, on demand, beside our own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

INSTALL_SECONDS = 180
_FOLDER = Path(sys.prefix) / "clients"


def python_with(*requirements: str) -> Path:
    """The interpreter of an environment that has these packages; the test is skipped where they cannot be had."""
    folder = _FOLDER / "-".join("".join(c if c.isalnum() or c == "." else "_" for c in name) for name in requirements)
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    try:
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
            if done.returncode:
                pytest.skip(f"{', '.join(requirements)} cannot be installed here: {done.stderr.strip()[-300:]}")
    except subprocess.TimeoutExpired:
        pytest.skip(f"{', '.join(requirements)} could not be installed within {INSTALL_SECONDS} s")
    (folder / "ready").touch()
    return python


def run(python: Path, script: str, *arguments: str) -> str:
    """The last line that the script prints."""
    path = Path(__file__).parent / script
    done = subprocess.run(
        [str(python), str(path), *arguments], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-1]
