"""Ends what a test session leaves behind that is killed: exchanges, servers, browsers, and their folders in memory.

    python -m tests.orphans NAME FOLDER

All that a session starts has NAME in its environment. A watcher in a session of its own reads a pipe of which only the
tests hold the other end; the exchange's own processes end with their supervisor. A session that ends by itself has
cleaned up, and its watcher finds nothing.
"""

import contextlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.folders import SESSION, remove_runtime_folders, remove_short_folders

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 10.0  # for a clean end


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[None]:
    """What this process starts in the block does not outlive it, however it ends; its data folders are in `folder`."""
    name = uuid.uuid4().hex
    command = [sys.executable, "-m", "tests.orphans", name, str(folder)]
    nowhere = subprocess.DEVNULL  # whoever reads what the session says does not wait for its watcher
    watcher = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, start_new_session=True
    )
    os.environ[SESSION] = name
    try:
        yield
    finally:
        del os.environ[SESSION]
        watcher.communicate(timeout=200)


def of_session(name: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(SESSION) == name:
                found.append(process)
    return found


def end(name: str) -> None:
    """Supervisors and servers get the chance to clean up; what is stopped or busy then is killed."""
    for process in of_session(name):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while of_session(name) and time.monotonic() < deadline:  # one that nobody took note of has ended, too
        time.sleep(0.1)
    for process in of_session(name):  # and what those started meanwhile
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def main() -> None:
    name, folder = sys.argv[1:]
    sys.stdin.read()  # until the session has ended
    end(name)
    remove_runtime_folders(Path(folder))
    remove_short_folders(name)


if __name__ == "__main__":
    main()
