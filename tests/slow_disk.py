"""A disk whose fsync hangs, for one process: Valkey's background thread that syncs the append-only file is stopped.

With `everysec` Valkey then holds back its writes, up to two seconds, and goes on answering: what it acknowledges
meanwhile is in its memory alone, and kill -9 loses it. No other process, and no other thread, is slowed down. A test
that stops it before it kills it can see whether the two seconds were over: what is stopped writes no more.
"""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.exchange import eventually

_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17
_ALL_THREADS = 0x40000000  # __WALL


@contextlib.contextmanager
def fsync_hangs(client: redis.Redis) -> Iterator[int]:
    """While inside, nothing is synced; the process may be killed. Its pid."""
    if sys.platform != "linux":
        pytest.skip("threads of another process can be stopped on Linux only")
    pid = int(_info(client, "server")["process_id"])
    thread = next(
        int(task.name) for task in Path(f"/proc/{pid}/task").iterdir() if (task / "comm").read_text() == "bio_aof\n"
    )
    _trace(_SEIZE, thread)
    try:
        _trace(_INTERRUPT, thread)
        os.waitpid(thread, _ALL_THREADS)
        yield pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            _trace(_DETACH, thread)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(thread, _ALL_THREADS | os.WNOHANG)


def is_syncing(client: redis.Redis) -> bool:
    """Whether a sync is under way, so that writes are held back from now on."""
    return bool(_info(client, "persistence")["aof_pending_bio_fsync"])


def held_back(client: redis.Redis) -> int:
    """Bytes that were acknowledged and are not even written."""
    return int(_info(client, "persistence")["aof_buffer_length"])


def written_bytes(data: Path) -> int:
    """What is in the append-only files of the Valkey of this data folder."""
    return sum(path.stat().st_size for path in (data / "valkey").rglob("*.aof"))


def until_writes_are_held_back(client: redis.Redis) -> None:
    def syncing() -> bool:
        client.incr("something to write")
        return is_syncing(client)

    eventually(syncing, bool, "a sync that hangs")


def _info(client: redis.Redis, section: str) -> dict[str, Any]:
    values: Any = client.info(section)
    return dict(values)


def _trace(request: int, thread: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    library.ptrace.restype = ctypes.c_long
    if library.ptrace(request, thread, None, None) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "ptrace")
