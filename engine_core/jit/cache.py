"""Where compiled kernels are kept. Apart from kernel.py so that asking costs no import of Numba.

The folder is named by a hash of the sources that kernels come from, of all that these import (Numba's own cache key
leaves out constants of other files), and of what they are compiled by and for: flags, Python, NumPy, Numba, the
processor. So a stale kernel can never be loaded, an edit elsewhere compiles nothing again, and a folder that is marked
complete holds all that this very program needs.
"""

import contextlib
import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from glob import glob
from pathlib import Path

COMPLETE = "complete"  # a file that `exchange warm` leaves in the folder once every kernel is there
KERNELS_FOLDER = "kernels"  # in the data folder, where there is no better place
_ROOT = Path(__file__).parents[2]
_KERNEL_FOLDERS = (
    *(f"engine_core/{name}" for name in ("book", "edge", "replica", "transport", "wire")),
    "ingress/fast_path",
)
_IMPORT = re.compile(r"^from ((?:engine_core|ingress)\S*) import (\([^)]*\)|.*)", re.MULTILINE)


class CacheError(RuntimeError):
    """Kernels cannot be kept anywhere, or not be compiled; the message says where and what to do."""


def folder() -> Path:
    """The first place that has these kernels or can take them."""
    digest = hashlib.sha256(repr(_made_by()).encode() + _digest_of_sources())
    places = [base / f"kernels-{digest.hexdigest()[:16]}" for base in _bases(os.environ)]
    for place in places:
        if os.path.exists(place / COMPLETE) or _can_be_written(place):
            return place
    return places[0]


def digest_of(folder: Path) -> str:
    """Of the files beside a kernel that the folder's own name leaves out: those of the benchmarks, which no process of
    the exchange loads, so that an edit there compiles nothing else again."""
    files = sorted(folder.parent.glob("*.py")) + sorted(folder.glob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:16]


def is_complete() -> bool:
    return os.path.exists(folder() / COMPLETE)


def require() -> None:
    """CacheError, instead of Numba's own words, if kernels cannot be kept anywhere."""
    place = folder()
    if not os.path.exists(place / COMPLETE) and not _can_be_written(place):
        raise CacheError(
            f"{place}: cannot be made, and compiled kernels must be kept somewhere: set EXCHANGE_CACHE_DIR=DIR"
        )


def ensure() -> None:
    """Compile what is missing, with progress, before processes start that would each do it in silence."""
    place = folder()
    if os.path.exists(place / COMPLETE) or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"{place}: cannot be made ({error.strerror}), and compiled kernels must be kept somewhere"
        raise CacheError(f"{why}: set EXCHANGE_CACHE_DIR=DIR") from None
    mine = {"EXCHANGE_PARENT_PID": str(os.getpid()), "EXCHANGE_PARENT_FD": "", "EXCHANGE_WORKER": "0"}
    command = [sys.executable, "-P", "-m", "engine_core.operator.warm"]
    if subprocess.run(command, env={**os.environ, **mine}, check=False).returncode:
        raise CacheError("the kernels could not be compiled (see above)")


def _bases(environment: Mapping[str, str]) -> Iterator[Path]:
    """Where caches may be, the wished place first: a user without a home has the data folder."""
    given, home = environment.get("EXCHANGE_CACHE_DIR"), environment.get("XDG_CACHE_HOME")
    if given:
        yield Path(given).absolute()
        return
    with contextlib.suppress(RuntimeError):  # HOME is not set, and the user has no entry in the system's list
        yield (Path(home) if home else Path.home() / ".cache").absolute() / "exchange"
    yield Path(environment.get("EXCHANGE_DATA") or "data").absolute() / KERNELS_FOLDER


def _can_be_written(place: Path) -> bool:
    """Whether files can be made there, or the folders that lead there."""
    while not os.path.exists(place) and place != place.parent:  # unlike Path.exists, false where one may not look
        place = place.parent
    return os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK)


def _made_by() -> list[str]:
    names = ("NUMBA_BOUNDSCHECK", "NUMBA_OPT", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")
    flags = [os.environ.get(name, "0") for name in names]
    versions = [importlib.metadata.version(name) for name in ("numba", "llvmlite", "numpy")]
    return [*flags, *versions, str(sys.implementation.cache_tag), *([] if flags[2] != "0" else _processor())]


def _processor() -> list[str]:
    """What the compiler takes this processor for."""
    from llvmlite import binding  # a tenth of a second, which only those pay who ask

    return [binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()]


def is_read_only(place: Path) -> bool:
    """Whether all kernels are there and may not be changed by this user: they came with a container's image."""
    return os.path.exists(place / COMPLETE) and not os.access(place, os.W_OK)


@lru_cache(1)
def _digest_of_sources() -> bytes:
    """Of every file that holds kernels, and of every one that these import."""
    digest = hashlib.sha256()
    for name, text in sorted(_sources().items()):
        digest.update(f"\0{name}\0".encode() + text)
    return digest.digest()


def _sources() -> dict[str, bytes]:
    """By path. Of strings and bytes: each process does this as it starts, and Path objects take twice as long."""
    root, texts = str(_ROOT), dict[str, bytes]()
    waiting = [path for name in _KERNEL_FOLDERS for path in glob(f"{root}/{name}/**/*.py", recursive=True)]
    kernels = {path: text for path in waiting if b"from engine_core.jit." in (text := _read(path))}
    waiting = list(kernels)
    while waiting:
        path = waiting.pop()
        name = path.removeprefix(f"{root}/")
        if name in texts or not os.path.exists(path):
            continue
        texts[name] = kernels.get(path) or _read(path)
        for module, names in _IMPORT.findall(texts[name].decode()):
            stem = f"{root}/{module.replace('.', '/')}"
            modules = (f"{stem}/{one}" for one in re.findall(r"\w+", names)) if os.path.isdir(stem) else (stem,)
            waiting += [f"{one}.py" for one in modules]
    return texts


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
