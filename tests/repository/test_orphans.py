"""A test session that is killed takes along what it started (tests/orphans.py)."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from tests.exchange import eventually
from tests.folders import SESSION

_SESSION = """
import os, signal, subprocess, sys
from pathlib import Path
from tests.folders import short_folder
from tests.orphans import watched
SLEEPS = "import subprocess as s; print(s.Popen(['sleep', '600'], stdout=s.DEVNULL, stderr=s.DEVNULL).pid)"
with watched(Path(sys.argv[1])):
    orphan = subprocess.run([sys.executable, "-c", SLEEPS], capture_output=True, text=True, check=True).stdout
    print(int(orphan), short_folder(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_session_started_ends(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _SESSION, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    orphan, folder = done.stdout.split()
    eventually(lambda: psutil.pid_exists(int(orphan)), lambda lives: not lives, f"process {orphan}", 60)
    eventually(Path(folder).exists, lambda there: not there, folder, 60)


def test_this_session_is_watched() -> None:
    running = [each.info for each in psutil.process_iter(["ppid", "cmdline"])]
    commands = [each["cmdline"] or [] for each in running if each["ppid"] == os.getpid()]
    assert [command[3] for command in commands if "tests.orphans" in command] == [os.environ[SESSION]]
