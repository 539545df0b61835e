"""What kernels need of the machine and Python does not have: fences, bits, hashes, and where a kernel's code stands.

With NUMBA_DISABLE_JIT=1 these are plain functions, or do nothing.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from engine_core.jit.kernel import JIT_DISABLED


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    view = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, array_type, view, [index], wraparound=False)


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
def _compare_exchange(typing_context: Any, array: Any, index: Any, old: Any, new: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], *args[:2])
        return builder.extract_value(builder.cmpxchg(pointer, *args[2:], "seq_cst", "seq_cst"), 1)

    return types.boolean(array, types.int64, types.int64, types.int64), codegen


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
# copy into each place that calls it, in LLVM's words: `noinline` stands by itself; `cold` is, besides, not expected to
# be called.
_noinline, _cold = _attribute("noinline"), _attribute("noinline", "cold")


def _nothing() -> None:
    return None


if JIT_DISABLED:  # plain Python: one thread at a time, and no cache to warm

    def store_release(array: Any, index: int, value: int) -> None:
        array[index] = value

    def load_acquire(array: Any, index: int) -> int:
        return int(array[index])

    def compare_exchange(array: Any, index: int, old: int, new: int) -> bool:
        is_old = int(array[index]) == old
        if is_old:
            array[index] = new
        return is_old

    def either(condition: bool, one: int, other: int) -> int:
        return one if condition else other

    def trailing_zeros(value: int) -> int:
        return (int(value) & -int(value)).bit_length() - 1

    mixed = plain_mixed
    fence_acquire = fence_release = fence_seq_cst = noinline = cold = _nothing
else:
    either = _either  # a choice between two numbers without a branch, where none could be foreseen
    store_release, load_acquire, trailing_zeros = _store_release, _load_acquire, _trailing_zeros
    compare_exchange = _compare_exchange  # `new` in the place of `old`, unless another was there: whether `old` was
    mixed = _mixed  # a hash of 64 bits; no two numbers have the same
    fence_acquire, fence_release, fence_seq_cst = _fence_acquire, _fence_release, _fence_seq_cst
    noinline, cold = _noinline, _cold
