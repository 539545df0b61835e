"""The one place that knows Numba: the typed @kernel decorator, its cache folder, and the machine intrinsics.

Compiled kernels are kept where kernel_cache.py says. With NUMBA_DISABLE_JIT=1 the kernels run as plain Python and the
intrinsics become no-ops.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.caching import UserProvidedCacheLocator
from numba.extending import intrinsic

from engine_core import kernel_cache

F = TypeVar("F", bound=Callable[..., Any])

JIT_DISABLED = bool(numba.config.DISABLE_JIT)
BOUNDS_CHECKED = bool(numba.config.BOUNDSCHECK)


class KernelLocator(UserProvidedCacheLocator):  # type: ignore[misc]
    """Numba keeps a checkout's kernels under a hash of its path; ours belong to their content, wherever that lies.
    Otherwise a second or a moved checkout finds the folder complete, and compiles while it starts."""

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        folder, root = Path(py_file).absolute().parent, Path(__file__).absolute().parents[1]
        if not folder.is_relative_to(root):
            return str(super().get_suitable_cache_subpath(py_file))
        return "_".join(folder.relative_to(root).parts)

    def ensure_cache_path(self) -> None:
        """Numba uses no folder that it cannot write to; kernels that come with an image are only read."""
        if not READ_ONLY:
            super().ensure_cache_path()


CACHE_FOLDER, READ_ONLY = kernel_cache.folder(), kernel_cache.is_read_only()
numba.config.CACHE_DIR = str(CACHE_FOLDER)
numba.config.CACHE_LOCATOR_CLASSES = f"{__name__}.{KernelLocator.__name__},InTreeCacheLocator"


def _cached(function: F, **options: bool) -> F:
    compiled = numba.njit(cache=True, nogil=True, **options)(function)
    if READ_ONLY and not JIT_DISABLED:
        compiled._cache.save_overload = lambda *ignored: None  # what `exchange warm` did not foresee is kept in memory
    return cast(F, compiled)


def kernel(function: F) -> F:
    """Compile a module-level function in nopython mode, cached on disk, releasing the GIL."""
    return _cached(function)


# Widens a narrow field, or a literal, to int64 before arithmetic: np.int64 under a name that mypy takes for an int.
wide = cast(Callable[[Any], int], np.int64)

# Marks a position that is never negative, which spares the test for Python's indexing from the end. For indexing and
# comparing only: uint64 and int64 make a float in NumPy.
index = cast(Callable[[Any], int], np.uint64)


def entry(function: F) -> F:
    """A kernel that Python calls, and that allocates nothing: without reference counting it is a third smaller."""
    return _cached(function, _nrt=False, no_cfunc_wrapper=True)


def inner(function: F) -> F:
    """A kernel that only kernels call: no way in from Python, which is most of the time that compiling takes."""
    options = {"nogil": True, "_nrt": False, "no_cfunc_wrapper": True, "no_cpython_wrapper": True}
    return cast(F, numba.njit(forceinline=False, **options)(function))  # else it inherits that of a caller


def hot(function: F) -> F:
    """An inner kernel on the way of every order, small enough to stand in each place that calls it."""
    options = {"nogil": True, "_nrt": False, "no_cfunc_wrapper": True, "no_cpython_wrapper": True}
    options["forceinline"] = not BOUNDS_CHECKED  # with a check at every index that would take minutes to compile
    return cast(F, numba.njit(**options)(function))


def inlined(function: F) -> F:
    """A small helper of kernels: LLVM decides on inlining as for any kernel; kept apart to say what it is."""
    return _cached(function)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    view = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, array_type, view, [index], wraparound=False)


@intrinsic  # type: ignore[untyped-decorator]
def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte_pointer, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        address = builder.bitcast(_pointer(context, builder, signature.args[0], *args), byte_pointer)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte_pointer, i32, i32, i32]), "llvm.prefetch.p0i8"
        )
        builder.call(function, [address, i32(1), i32(3), i32(1)])  # for writing, keep in all caches, data
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def _store_release(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1])
        builder.store_atomic(args[2], pointer, ordering="release", align=8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def _load_acquire(typing_context: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], *args)
        return builder.load_atomic(pointer, ordering="acquire", align=8)

    return types.int64(array, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def _trailing_zeros(typing_context: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))  # never called with 0

    return types.int64(types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def _either(typing_context: Any, condition: Any, one: Any, other: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        chosen = builder.select(*args)
        chosen.set_metadata("unpredictable", builder.module.add_metadata([]))
        return chosen

    return types.int64(types.boolean, types.int64, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def _load_word(typing_context: Any, array: Any, index: Any, word: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        words = builder.bitcast(_pointer(context, builder, signature.args[0], *args[:2]), ir.IntType(64).as_pointer())
        return builder.load(builder.gep(words, [args[2]]), align=8)

    return types.int64(array, index, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def _store_word(typing_context: Any, array: Any, index: Any, word: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        words = builder.bitcast(_pointer(context, builder, signature.args[0], *args[:2]), ir.IntType(64).as_pointer())
        builder.store(args[3], builder.gep(words, [args[2]]), align=8)
        return context.get_dummy_value()

    return types.void(array, index, types.int64, types.int64), codegen


_ODD = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio
_M64 = (1 << 64) - 1


def plain_mixed(value: int) -> int:
    """The same as `mixed`, in plain Python."""
    product = (int(value) * _ODD) & _M64
    product ^= product >> 32
    return product - (product >> 63 << 64)


@intrinsic  # type: ignore[untyped-decorator]
def _mixed(typing_context: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i64 = ir.IntType(64)
        product = builder.mul(args[0], ir.Constant(i64, _ODD))
        return builder.xor(product, builder.lshr(product, ir.Constant(i64, 32)))

    return types.int64(types.int64), codegen


def _fence(ordering: str) -> Any:
    @intrinsic  # type: ignore[untyped-decorator]
    def fence(typing_context: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            builder.fence(ordering)
            return context.get_dummy_value()

        return types.void(), codegen

    return fence


_fence_acquire, _fence_release, _fence_seq_cst = _fence("acquire"), _fence("release"), _fence("seq_cst")


def _attribute(*names: str) -> Any:
    """A statement of no effect that gives these attributes to the compiled kernel in which it stands."""

    @intrinsic  # type: ignore[untyped-decorator]
    def mark(typing_context: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            for name in names:
                builder.function.attributes.add(name)
            return context.get_dummy_value()

        return types.void(), codegen

    return mark


# An order's way should fill few cache lines of code. First statement of an `inner` kernel that LLVM would otherwise
# copy into each place that calls it: `apart` stands by itself; `rare` is, besides, not expected to be called.
_apart, _rare = _attribute("noinline"), _attribute("noinline", "cold")


def _nothing() -> None:
    return None


if JIT_DISABLED:  # plain Python: one thread at a time, and no cache to warm

    def prefetch(array: Any, index: int) -> None:
        return None

    def store_release(array: Any, index: int, value: int) -> None:
        array[index] = value

    def load_acquire(array: Any, index: int) -> int:
        return int(array[index])

    def either(condition: bool, one: int, other: int) -> int:
        return one if condition else other

    def load_word(array: np.ndarray, index: int, word: int) -> int:
        return int(array[index : index + 1].view(np.int64)[word])

    def store_word(array: np.ndarray, index: int, word: int, value: int) -> None:
        array[index : index + 1].view(np.int64)[word] = value

    def trailing_zeros(value: int) -> int:
        return (int(value) & -int(value)).bit_length() - 1

    mixed = plain_mixed
    fence_acquire = fence_release = fence_seq_cst = apart = rare = _nothing
else:
    prefetch = _prefetch
    either = _either  # a choice between two numbers without a branch, where none could be foreseen
    load_word, store_word = _load_word, _store_word  # word w of a record: its bytes 8 w to 8 w + 7
    store_release, load_acquire, trailing_zeros = _store_release, _load_acquire, _trailing_zeros
    mixed = _mixed  # a hash of 64 bits; no two numbers have the same
    fence_acquire, fence_release, fence_seq_cst = _fence_acquire, _fence_release, _fence_seq_cst
    apart, rare = _apart, _rare
