"""Kernels as C calls them: every argument and the result an int64, an address or a number.

    def match(table, messages, count): ...          a plain function of kernels, on rows_at(address, count, dtype)
    match_address = c_entry(match, 3)               int64_t (*)(int64_t, int64_t, int64_t)

What it does must not fail: C gets 0, and the error goes to standard error. Compiled when first asked for, and kept with
the other kernels. There is no such entry in plain Python (JIT off).
"""

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from engine_core.jit.kernel import READ_ONLY
from engine_core.jit.row_types import RowsType

_I64 = ir.IntType(64)


def c_entry(function: Callable[..., int], arguments: int) -> int:
    """The address of the compiled function; it stays there as long as the process."""
    signature = types.int64(*[types.int64] * arguments)
    compiled = numba.cfunc(signature, cache=not READ_ONLY)(function)
    _kept.append(compiled)
    return int(compiled.address)


_kept: list[Any] = []  # their code would be freed with them


@intrinsic  # type: ignore[untyped-decorator]
def rows_at(typing_context: Any, address: Any, size: Any, dtype: Any) -> Any:
    """In a kernel: the Rows of this dtype that stand at an address."""
    kind = RowsType(dtype.dtype, True)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = cgutils.create_struct_proxy(kind)(context, builder)
        made.data, made.size = builder.inttoptr(args[0], made.data.type), args[1]
        return made._getvalue()

    return kind(types.int64, types.int64, dtype), codegen


@intrinsic  # type: ignore[untyped-decorator]
def call(typing_context: Any, address: Any, *arguments: Any) -> Any:
    """In a kernel: call what stands at an address, as C would."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        words = cgutils.unpack_tuple(builder, args[1], len(arguments))
        pointer = ir.FunctionType(_I64, [_I64] * len(words)).as_pointer()
        return builder.call(builder.inttoptr(args[0], pointer), words)

    return types.int64(types.int64, types.StarArgTuple(arguments)), codegen
