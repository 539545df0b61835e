"""The number of a process among several of its role, where nobody gives one: EXCHANGE_WORKER=auto.

Copies of one container (`docker compose up --scale ingress=3`) all have the same environment; what they share is the
runtime folder. Each takes the lowest number of which nobody holds the lock, which the kernel gives back whatever the
process dies of. Where there is an ordinal already, as in a StatefulSet, it is given instead.
"""

import fcntl
import os
import sys
from pathlib import Path

AUTO = "auto"
MOST = 1024


def chosen(role: str) -> str:
    """The number, in the environment from now on, where the settings look for it."""
    given = os.environ.get("EXCHANGE_WORKER") or "0"
    if given == AUTO:
        runtime = os.environ.get("EXCHANGE_RUNTIME")
        if not runtime:
            sys.exit("error: EXCHANGE_WORKER=auto: EXCHANGE_RUNTIME must name the folder that all of them share")
        given = os.environ["EXCHANGE_WORKER"] = str(claim(role, Path(runtime)))
    return given


def claim(role: str, runtime: Path) -> int:
    """Ours until this process ends: the descriptor stays open."""
    for number in range(MOST):
        path = runtime / f"{role}.{number}.worker"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            sys.exit(f"error: EXCHANGE_WORKER=auto: {path}: {error.strerror}")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return number
    sys.exit(f"error: EXCHANGE_WORKER=auto: all {MOST} numbers of {role} are taken in {runtime}")
