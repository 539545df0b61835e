"""The runtime folders of this user: whether there is room for what an exchange keeps there, and what dead ones left.

Each belongs to a data folder, which its file `owner` names. Ended sessions, used signatures and rate limits stay when
an exchange ends: forgetting those would make a restart a way around them. Rings, bells and sockets go, and so does all
of a folder whose data folder is gone.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from engine_core.config.settings import write_private
from engine_core.edge.shared_files import ENDED_SESSIONS, SET_WORDS, SETS, USED_SIGNATURES
from engine_core.edge.shared_words import file_bytes
from engine_core.transport.reserved_file import NoRoom, give_back

OWNER = "owner"
RATE_LIMITS = "rate-limits"
RING_HEADER_BYTES, RING_SLOT_BYTES = 2**16, 192  # at most, and as transport/ring.py has them, which would import Numba
RATE_LIMITS_BYTES = 64 + 2**21  # as ingress/access/rate_limits.py makes it
UNUSED_SECONDS = 600.0
SPARE_BYTES = 2 * 2**20  # for sockets, readers' rows and what a database takes


def check_room(runtime: Path, ring_slots: int, shards: int = 1) -> None:
    """NoRoom, before anything starts, unless the files of the processes fit: two rings of each shard, since a new one
    is made before the old one goes, and what the servers share."""
    ring = RING_HEADER_BYTES + ring_slots * RING_SLOT_BYTES
    there = sum(path.stat().st_blocks * 512 for path in runtime.iterdir() if path.is_file())
    needed = 2 * shards * ring + 2 * file_bytes(SETS * SET_WORDS) + RATE_LIMITS_BYTES + SPARE_BYTES
    found = os.statvfs(runtime)
    if found.f_bavail * found.f_frsize + there < needed:
        rings = "two rings of events" if shards == 1 else f"two rings of events of each of {shards} shards"
        raise NoRoom(runtime, needed, f"{rings} and what the servers share")


def own(runtime: Path, data: Path) -> None:
    """Say whose folder it is."""
    write_private(runtime / OWNER, str(data.absolute()))


def tidy(runtime: Path) -> None:
    """Give back what nobody uses any more, unless a role that was started by hand still runs."""
    if any(_is_served(path) for path in runtime.glob("*.metrics")):
        return
    for pattern in ("ring-*", "bell-*", "*.metrics"):
        for path in runtime.glob(pattern):
            path.unlink(missing_ok=True)
    for name in (USED_SIGNATURES, ENDED_SESSIONS, RATE_LIMITS):
        with contextlib.suppress(OSError):  # it is not there, or there is no room to copy it: the next time
            give_back(runtime / name)


def sweep(base: Path, mine: Path) -> list[Path]:
    """Tidy the folders beside `mine` whose exchange was killed and has not come back, or deleted; which they were."""
    swept = []
    for runtime in sorted(base.glob(f"exchange-{os.getuid()}-*")):
        if runtime == mine:
            continue
        _remove_unused(runtime)
        if not (runtime / OWNER).is_file():
            continue
        data = Path(os.fsdecode((runtime / OWNER).read_bytes()))
        if data.is_dir() and not any(runtime.glob("ring-*")):
            continue  # it ended as it should
        with contextlib.suppress(OSError), _nobody_runs(data) as is_free:
            if is_free and data.is_dir():
                tidy(runtime)
            elif is_free and not any(_is_served(path) for path in runtime.glob("*.metrics")):
                shutil.rmtree(runtime)
            if not any(runtime.glob("ring-*")):
                swept.append(runtime)
    return swept


def _remove_unused(runtime: Path) -> None:
    """One that was made for a data folder where nothing ever started; whoever makes one to use it does so at once."""
    with contextlib.suppress(OSError):  # it is not empty, or somebody else removes it
        if time.time() - runtime.stat().st_mtime > UNUSED_SECONDS:
            runtime.rmdir()


@contextlib.contextmanager
def _nobody_runs(data: Path) -> Iterator[bool]:
    """Whether no exchange holds `data`; none can begin meanwhile."""
    try:
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
