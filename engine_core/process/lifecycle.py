"""What every process of the exchange does at its start: logging, a clean stop, and dying with the supervisor.

The supervisor passes, in the environment (all optional, so a role also runs by hand):
    EXCHANGE_PARENT_PID  the pid whose death must be ours
    EXCHANGE_PARENT_FD   read end of a pipe that the supervisor holds open: end-of-file means that it died
    EXCHANGE_READY_FD    where to write one byte once this process is healthy

On Linux the kernel does the watching (PR_SET_PDEATHSIG); elsewhere a thread waits for the end of the pipe.
Non-goals: restarting anything, and what "healthy" means (each role knows).
"""

import atexit
import ctypes
import gc
import logging
import os
import resource
import signal
import sys
import threading
from types import FrameType

from engine_core.config.toml_section import ConfigError
from engine_core.config.whole_numbers import whole_number
from engine_core.process import log_lines
from engine_core.process.names import OF_A_SHARD, role_name
from engine_core.process.worker import chosen
from engine_core.wire.limits import MOST_SHARDS

_PR_SET_PDEATHSIG = 1
_MOST_OF_THE_KERNEL = 2**31 - 1  # of pids, and of descriptors
MAX_DESCRIPTORS = 65_536
OWN_DESCRIPTORS = 128  # for everything that is not a client, and for clients that are refused with an answer


def die_with_parent(parent: int, death_signal: int = signal.SIGKILL) -> None:
    """Ask Linux to send us `death_signal` when the parent dies; exit now if it already has.

    Call it after any change of user (a change clears it) and in a process started by a thread that stays alive.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if parent and os.getppid() != parent:
        os._exit(1)


def _watch_pipe(descriptor: int) -> None:
    while os.read(descriptor, 64):
        pass
    os._exit(1)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _end() -> None:
    """All is done. The interpreter would give up its handlers now, and who asks a second time would kill us."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def most_descriptors() -> int:
    """How many files and sockets this process may hold."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def room_for_clients(wanted: int) -> int:
    """So many connections, or as many as there are descriptors for beside our own files and sockets."""
    return min(wanted, most_descriptors() - OWN_DESCRIPTORS)


def _raise_descriptors(wanted: int = MAX_DESCRIPTORS) -> None:
    """The soft limit is 1,024 on many systems, for the sake of programs that use select(); ours do not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def start(role: str) -> None:
    """Begin life as `role`. SIGTERM and SIGINT raise SystemExit(0) until the role installs its own handlers."""
    os.umask(0o077)  # snapshots, logs and sockets hold what only our user may know
    parent, pipe = _given("EXCHANGE_PARENT_PID"), _given("EXCHANGE_PARENT_FD")
    if sys.platform == "linux" and parent:
        die_with_parent(parent)
    elif pipe:
        threading.Thread(target=_watch_pipe, args=(pipe,), name="parent-watch", daemon=True).start()
    no_core_dumps()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    atexit.register(_end)
    _raise_descriptors()
    role = role_name(role, _shard() if role in OF_A_SHARD else 0)
    worker = chosen(role)
    name = role if worker == "0" else f"{role}.{worker}"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(log_lines.formatter(name))
    logging.basicConfig(handlers=[handler], level=_log_level(), force=True)


def no_core_dumps() -> None:
    """What this process and its children have in memory, keys and passwords among it, is never written to a disk."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def _given(name: str) -> int:
    """A number that the supervisor gives; 0 where there is none."""
    try:
        return whole_number(os.environ, name, 0, _MOST_OF_THE_KERNEL)
    except ConfigError as error:
        sys.exit(f"error: {error}; the supervisor sets it, so leave it out")


def _shard() -> int:
    """For this process's name; what is wrong with it, the settings say."""
    try:
        return whole_number(os.environ, "EXCHANGE_SHARD", 0, MOST_SHARDS - 1)
    except ConfigError:
        return 0


def _log_level() -> str:
    level = os.environ.get("EXCHANGE_LOG_LEVEL") or "INFO"
    if level not in logging.getLevelNamesMapping():
        known = "DEBUG, INFO, WARNING, ERROR, CRITICAL"
        sys.exit(f"error: EXCHANGE_LOG_LEVEL: must be one of {known}, is {level[:40]!r}")
    return level


def ready() -> None:
    """Tell the supervisor, if there is one, once, that this process is healthy. Garbage is collected from here on: the
    programs begin without, because what they import and load is a million objects that all stay."""
    gc.enable()
    descriptor = _given("EXCHANGE_READY_FD")
    os.environ.pop("EXCHANGE_READY_FD", None)
    if descriptor:
        os.write(descriptor, b"1")
        os.close(descriptor)
