"""The typed decorators of kernels, and the folder where compiled ones are kept (see cache.py).

With NUMBA_DISABLE_JIT=1 the kernels run as plain Python.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core.caching import FunctionCache, UserProvidedCacheLocator
from numba.core.runtime import rtsys

from engine_core.jit import cache, integer_members
from engine_core.jit.inner_compiler import InnerCompiler

_ = integer_members  # imported for what it tells Numba: members of Codes are integers in kernels

F = TypeVar("F", bound=Callable[..., Any])

JIT_DISABLED = bool(numba.config.DISABLE_JIT)
BOUNDS_CHECKED = bool(numba.config.BOUNDSCHECK)


class KernelLocator(UserProvidedCacheLocator):  # type: ignore[misc]
    """Numba keeps a checkout's kernels under a hash of its path; ours belong to their content, wherever that lies.
    Otherwise a second or a moved checkout finds the folder complete, and compiles while it starts."""

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        folder, root = Path(py_file).absolute().parent, Path(__file__).absolute().parents[2]
        if not folder.is_relative_to(root):
            return str(super().get_suitable_cache_subpath(py_file))
        parts = folder.relative_to(root).parts
        return "_".join(parts) if parts[0] != "bench" else f"{'_'.join(parts)}-{cache.digest_of(folder)}"

    def ensure_cache_path(self) -> None:
        """Numba uses no folder that it cannot write to; kernels that come with an image are only read."""
        if not READ_ONLY:
            super().ensure_cache_path()


class KernelCache(FunctionCache):  # type: ignore[misc]
    """Numba's, without what only compiling needs, and does by itself when it comes to that: before the first kernel is
    loaded Numba reads all that it knows of NumPy, and imports SciPy where there is one. That took 0.3 to 0.7 s of each
    process."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)  # what kernels that allocate call
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """What `exchange warm` did not foresee is kept in memory where kernels are only read."""
        if not READ_ONLY:
            super().save_overload(sig, data)


CACHE_FOLDER = cache.folder()
READ_ONLY = cache.is_read_only(CACHE_FOLDER)
numba.config.CACHE_DIR = str(CACHE_FOLDER)
numba.config.CACHE_LOCATOR_CLASSES = f"{__name__}.{KernelLocator.__name__},InTreeCacheLocator"


def _cached(function: F, **options: bool) -> F:
    compiled = numba.njit(cache=True, nogil=True, **options)(function)
    if not JIT_DISABLED:
        compiled._cache = KernelCache(compiled.py_func)
    return cast(F, compiled)


def kernel(function: F) -> F:
    """Compile a module-level function in nopython mode, cached on disk, releasing the GIL."""
    return _cached(function)


# Widens a narrow field, or a literal, to int64 before arithmetic: np.int64 under a name that mypy takes for an int.
wide = cast(Callable[[Any], int], np.int64)


def entry(function: F) -> F:
    """A kernel that Python calls, and that allocates nothing: without reference counting it is a third smaller."""
    return _cached(function, _nrt=False, no_cfunc_wrapper=True)


_INNER: dict[str, Any] = {
    "nogil": True,
    "_nrt": False,
    "no_cfunc_wrapper": True,
    "no_cpython_wrapper": True,
    "pipeline_class": InnerCompiler,
}


def inner(function: F) -> F:
    """A kernel that only kernels call: no way in from Python, and no machine code of its own."""
    return cast(F, numba.njit(forceinline=False, **_INNER)(function))  # else it inherits that of a caller


def hot(function: F) -> F:
    """An inner kernel on the way of every order, small enough to stand in each place that calls it."""
    in_place = not BOUNDS_CHECKED  # with a check at every index that would take minutes to compile
    return cast(F, numba.njit(forceinline=in_place, **_INNER)(function))
