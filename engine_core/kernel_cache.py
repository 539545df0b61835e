"""Where compiled kernels are kept. Apart from jit.py so that asking costs no import of Numba.

The folder is named by a hash of the sources that kernels come from and of the flags that Numba's own cache key leaves
out (constants imported from other files, bounds checking), so a stale kernel can never be loaded.
"""

import hashlib
import importlib.metadata
import os
from pathlib import Path

KERNEL_FOLDERS = ("book", "replica", "wire")  # of engine_core; jit.py itself counts too
COMPLETE = "complete"  # a file that `exchange warm` leaves in the folder once every kernel is there


def folder() -> Path:
    here = Path(__file__).parent
    flags = [os.environ.get(name, "0") for name in ("NUMBA_BOUNDSCHECK", "NUMBA_OPT", "NUMBA_CPU_NAME")]
    digest = hashlib.sha256(f"{importlib.metadata.version('numba')} {flags}".encode())
    sources = [path for name in KERNEL_FOLDERS for path in sorted((here / name).rglob("*.py"))]
    for source in (here / "jit.py", *sources):
        digest.update(source.read_bytes())
    given, home = os.environ.get("EXCHANGE_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    base = Path(given) if given else (Path(home) if home else Path.home() / ".cache") / "exchange"
    return base / f"kernels-{digest.hexdigest()[:16]}"


def is_complete() -> bool:
    return (folder() / COMPLETE).exists()
