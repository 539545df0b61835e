"""The same bytes whether the kernels are compiled, plain Python, or compiled with every index checked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.book.fixed_list import fixed_digest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)  # the kernels have to be compiled with checks, once for each version of the code
@pytest.mark.parametrize("flag", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_same_bytes(flag: str) -> None:
    """In plain Python overflow is a warning, and so an error: nothing here may count on wrapping."""
    environment = os.environ | {flag: "1", "NUMBA_OPT": "0"}  # checks are the same in code that compiles sooner
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "tests.book.fixed_list"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == fixed_digest()
