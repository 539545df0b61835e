"""Folders of tests outside of pytest's own, and those that exchanges choose themselves."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

SESSION = "TEST_SESSION"  # in the environment of everything that a test session starts (orphans.py)


def short_folder() -> Path:
    """A private folder whose path is short enough for a Unix socket; pytest's own are not."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix=_prefix(os.environ.get(SESSION, "")), dir=base))


def _prefix(session: str) -> str:
    return f"xt-{session[:8]}-"


def remove_short_folders(session: str) -> None:
    for base in _bases():
        for folder in Path(base).glob(f"{_prefix(session)}*"):
            shutil.rmtree(folder, ignore_errors=True)


def remove_runtime_folders(home: Path) -> None:
    """Those that exchanges chose for their data folders in `home`: their names tell whose they are."""
    own = {_digest(Path(folder)) for folder, _, _ in os.walk(home)}
    for base in _bases():
        for folder in Path(base).glob(f"exchange-{os.getuid()}-*"):
            if folder.name.rpartition("-")[2] in own:
                shutil.rmtree(folder, ignore_errors=True)


def _bases() -> set[str]:
    return {"/dev/shm", "/tmp", tempfile.gettempdir()}


def _digest(data: Path) -> str:
    return hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:8]
