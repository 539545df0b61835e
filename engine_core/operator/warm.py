"""`exchange warm`: compiles every kernel into the cache, on two cores at once, and says how far it is.

Each job is a program that calls the kernels as the exchange does, on a tiny one, so that exactly the signatures that
will be needed are compiled. A stamp in the cache folder (whose name is a hash of the sources) says that all is there.
"""

import argparse
import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from engine_core.jit.cache import COMPLETE
from engine_core.jit.kernel import CACHE_FOLDER, JIT_DISABLED
from engine_core.operator.target.running import CommandError
from engine_core.process import lifecycle

JOBS = {
    "the book": ("engine_core.operator.warm_jobs", "book"),
    "the views": ("engine_core.operator.warm_jobs", "views"),
    "the requests": ("ingress.fast_path.warm",),
}
SAY_SOMETHING_EVERY_S = 5.0


def warm(options: argparse.Namespace) -> int:
    if JIT_DISABLED:
        print("NUMBA_DISABLE_JIT is set: there is nothing to compile")
        return 0
    stamp = CACHE_FOLDER / COMPLETE
    if stamp.exists() and not options.force:
        return 0
    CACHE_FOLDER.mkdir(parents=True, exist_ok=True)
    with (CACHE_FOLDER / "lock").open("w") as lock:  # two that compile the same help nobody
        _wait_for(lock)
        if not stamp.exists() or options.force:
            _compile(stamp)
    return 0


def _wait_for(lock: IO[str]) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            print("    … another process compiles the kernels", flush=True)
            time.sleep(SAY_SOMETHING_EVERY_S)


def _compile(stamp: Path) -> None:
    print("compiling the kernels (once for each version of the code)", flush=True)
    began, counts = time.monotonic(), dict.fromkeys(JOBS, 0)
    processes = {job: _start(job) for job in JOBS}
    readers = [threading.Thread(target=_count, args=(job, processes[job], counts)) for job in JOBS]
    for reader in readers:
        reader.start()
    for reader in readers:  # each ends with its process
        while reader.is_alive():
            reader.join(SAY_SOMETHING_EVERY_S)
            if reader.is_alive():
                print(f"    … {sum(counts.values())} kernels, {time.monotonic() - began:.0f} s", flush=True)
    for job, running in processes.items():
        if running.wait() != 0:
            raise CommandError(f"compiling the kernels of {job} failed with status {running.returncode} (see above)")
    stamp.touch()
    _forget_old_versions()
    print(f"  {sum(counts.values())} kernels compiled in {time.monotonic() - began:.0f} s", flush=True)


def _start(job: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", *JOBS[job]]
    mine = {"PYTHONWARNINGS": "ignore", "EXCHANGE_PARENT_PID": str(os.getpid()), "EXCHANGE_PARENT_FD": ""}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **mine})


def _count(job: str, process: "subprocess.Popen[str]", counts: dict[str, int]) -> None:
    assert process.stdout
    for line in process.stdout:
        counts[job] += line.startswith("compile ")


def _forget_old_versions(kept: int = 8) -> None:
    """The caches of former versions of the sources are of no use; a few are kept for switching branches."""
    caches = sorted(CACHE_FOLDER.parent.glob("kernels-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in [path for path in caches if path != CACHE_FOLDER][kept:]:
        for path in sorted(folder.rglob("*"), reverse=True):
            _remove(path)
        _remove(folder)


def _remove(path: Path) -> None:
    try:
        path.rmdir() if path.is_dir() else path.unlink()
    except OSError:
        return  # somebody still fills it; another time


if __name__ == "__main__":
    lifecycle.start("warm")
    sys.exit(warm(argparse.Namespace(force=False)))
