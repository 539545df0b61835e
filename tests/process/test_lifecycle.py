"""A process of the exchange begins and ends as its supervisor expects."""

import signal
import subprocess
import sys

import pytest

ENDS = """
import os, sys
from engine_core.process import lifecycle

class Last:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=int(sys.argv[1])):
        kill(pid, number)  # while the interpreter takes itself apart

lifecycle.start("role")
last = Last()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_asks_again_does_not_kill_what_has_ended(number: signal.Signals) -> None:
    done = subprocess.run([sys.executable, "-c", ENDS, str(int(number))], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
