"""Memory-mapped files that have all their memory from the beginning.

A file that is only made long takes its pages when they are written, and where the file system is full by then the
kernel ends the process by SIGBUS, in the middle of its work. So the pages are reserved here, or there is an error that
says where, how much, and what to change.
"""

import errno
import os
from pathlib import Path

from engine_core.config.toml_section import ConfigError

_PAGE = 4096
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NoRoom(ConfigError):
    """A file system that is too small; the message names it, the size, and the knobs."""

    def __init__(self, folder: Path, size: int, what: str) -> None:
        super().__init__(
            f"{folder}: has no room for {what} ({-(-size // 2**20)} MB): make that file system larger (a container's "
            "by --shm-size, or shm_size in the compose file), make [engine] ring_slots smaller, or name another folder "
            "with EXCHANGE_RUNTIME=DIR"
        )


def reserve(descriptor: int, size: int, path: Path, what: str) -> None:
    """Make the file `size` bytes long, each of which can be written from now on; NoRoom if that cannot be."""
    os.ftruncate(descriptor, size)
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        os.ftruncate(descriptor, 0)
        raise NoRoom(path.parent, size, what) from None


def give_back(path: Path) -> None:
    """Keep only the pages of a file that hold something; for one that nobody has mapped."""
    content = path.read_bytes()
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        for at in range(0, len(content), _PAGE):
            page = content[at : at + _PAGE]
            if page.strip(b"\0"):
                file.seek(at)
                file.write(page)
        file.truncate(len(content))
    beside.replace(path)
