"""Where compiled kernels are kept. Apart from jit.py so that asking costs no import of Numba.

The folder is named by a hash of the sources that kernels come from, of all that these import (Numba's own cache key
leaves out constants of other files), and of its flags, so a stale kernel can never be loaded, and an edit elsewhere
compiles nothing again.
"""

import hashlib
import importlib.metadata
import os
import re
from pathlib import Path

COMPLETE = "complete"  # a file that `exchange warm` leaves in the folder once every kernel is there
_HERE = Path(__file__).parent
_KERNEL_FOLDERS = ("book", "replica", "wire")
_IMPORT = re.compile(r"^from engine_core\.?(\S*) import (\([^)]*\)|.*)", re.MULTILINE)


def folder() -> Path:
    flags = [os.environ.get(name, "0") for name in ("NUMBA_BOUNDSCHECK", "NUMBA_OPT", "NUMBA_CPU_NAME")]
    digest = hashlib.sha256(f"{importlib.metadata.version('numba')} {flags}".encode())
    for name, text in sorted(_sources().items()):
        digest.update(f"\0{name}\0".encode() + text)
    given, home = os.environ.get("EXCHANGE_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    base = Path(given) if given else (Path(home) if home else Path.home() / ".cache") / "exchange"
    return base / f"kernels-{digest.hexdigest()[:16]}"


def is_complete() -> bool:
    return (folder() / COMPLETE).exists()


def _sources() -> dict[str, bytes]:
    """Every file of engine_core that holds kernels, and every one that these import, by path."""
    texts: dict[str, bytes] = {}
    waiting = [path for name in _KERNEL_FOLDERS for path in (_HERE / name).rglob("*.py") if _imports_jit(path)]
    while waiting:
        path = waiting.pop()
        name = str(path.relative_to(_HERE))
        if name in texts or not path.exists():
            continue
        texts[name] = path.read_bytes()
        for module, names in _IMPORT.findall(texts[name].decode()):
            stem = _HERE.joinpath(*module.split("."))
            modules = (stem / one for one in re.findall(r"\w+", names)) if stem.is_dir() else (stem,)
            waiting += [one.with_suffix(".py") for one in modules]
    return texts


def _imports_jit(path: Path) -> bool:
    return "from engine_core.jit import" in path.read_text(encoding="utf-8")
