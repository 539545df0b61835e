"""One process of the exchange for tests that need no supervisor, and where it may listen."""

import atexit
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")


@contextmanager
def process(module: str, environment: dict[str, str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m module`, ready, its output in `folder`; it ends with the block."""
    log = folder / f"{module}.log"
    ready, tell = os.pipe()
    with log.open("ab") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", module],
            env={**os.environ, **environment, "EXCHANGE_READY_FD": str(tell), "EXCHANGE_PARENT_PID": str(os.getpid())},
            pass_fds=[tell],
            stdout=output,
            stderr=output,
        )
    os.close(tell)
    try:
        assert os.read(ready, 1) == b"1", f"{module} did not start:\n{log.read_text()}"
        yield running
    finally:
        os.close(ready)
        running.terminate()
        assert running.wait(60) in (0, -signal.SIGKILL), log.read_text()


def seen_of(processes: Iterable[psutil.Process], look: Callable[[psutil.Process], T]) -> list[T]:
    """What `look` sees of each process that is still there: some of PostgreSQL's come and go."""
    seen = []
    for each in processes:
        with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            seen.append(look(each))
    return seen


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ones, on which nobody listens now, and which nobody takes before the process that they are for: each
    worker has its own, below those that the system deals out to whoever asks for any, and of other sessions each says
    by the name of a socket which it has taken (on Linux, where such names need no file)."""
    return list(itertools.islice(filter(_is_free, _ports), count))


def _ports_of_this_worker() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % (len(_PORTS) // _PORTS_OF_A_WORKER)
    own = _PORTS[worker * _PORTS_OF_A_WORKER :][:_PORTS_OF_A_WORKER]
    first = os.getpid() % len(own)  # where another session has hardly begun
    return itertools.cycle([*own[first:], *own[:first]])


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return port in _taken or _take(port)


def _take(port: int) -> bool:
    """Whether no other session has it."""
    name = socket.socket(socket.AF_UNIX)
    try:
        if sys.platform == "linux":
            name.bind(f"\0test-port-{port}")
    except OSError:
        name.close()
        return False
    _taken[port] = name
    return True


_PORTS, _PORTS_OF_A_WORKER = range(20_000, 32_000), 1_500
_ports = _ports_of_this_worker()
_taken: dict[int, socket.socket] = {}  # for as long as this process lives


@atexit.register
def _give_back() -> None:
    for name in _taken.values():
        name.close()
