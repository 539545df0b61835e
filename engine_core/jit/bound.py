"""A NamedTuple of arrays, bound once for kernels that are called often for little.

Python unpacks a tuple of thirty arrays in 3 us, which is nothing for a block of a thousand commands and most of the
time of a single one. `bind(state)` does it once and leaves the words in a table; a kernel that is given the table, or
its address, reads them there:

    bound = reader_of(example)      a function that makes a small State, whose arrays have the types of all of them

    @entry
    def execute(table, ...):
        state = bound(table)                        as by_reference(state)

A table is good as long as the arrays are: it holds their addresses, and does not keep them. In plain Python (JIT off)
it is the NamedTuple.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from engine_core.jit.by_reference import Reference, by_reference
from engine_core.jit.kernel import JIT_DISABLED


def _arrays(value: Any) -> Iterator[np.ndarray]:
    for field in value:
        if isinstance(field, tuple):
            yield from _arrays(field)
        else:
            yield field


def _words(array: np.ndarray) -> tuple[int, ...]:
    """Numba's own view of an array of one dimension: nobody counts references to it, rows, bytes a row, address; shape
    and strides."""
    if array.ndim != 1 or not array.flags.c_contiguous or not array.flags.writeable:
        raise ValueError("only arrays of one dimension, in one piece, that may be written to can be bound")
    return 0, 0, array.size, array.itemsize, array.ctypes.data, *array.shape, *array.strides


def bind(value: Any) -> Any:
    """The table of a NamedTuple of arrays. Made here and not by a kernel: the shared cache of kernels would keep the
    type of all that was ever bound, and a process that cannot import one of them could load none."""
    if JIT_DISABLED:
        return value
    return np.array([word for array in _arrays(value) for word in _words(array)], np.int64)


class Binding:
    """bind(), remembered for the value that came last. It keeps that value, so the table is good."""

    def __init__(self, example: Callable[[], Any]) -> None:
        self._example = example
        self._latest: tuple[Any, Any] = (None, None)

    def table(self, value: Any) -> Any:
        """Of a value like the example; what else a kernel would read wrongly is a TypeError."""
        latest = self._latest  # one read: another thread may bind another value
        if latest[0] is not value:
            if [array.dtype for array in _arrays(value)] != [array.dtype for array in _arrays(self._example())]:
                raise TypeError(f"this {type(value).__name__} has other types than kernels are compiled for")
            latest = self._latest = value, bind(value)
        return latest[1]


def reader_of(example: Callable[[], Any]) -> Any:
    """What reads a table in kernels; the example of what is bound is made whenever a kernel is compiled."""
    if JIT_DISABLED:
        return by_reference

    @intrinsic  # type: ignore[untyped-decorator]
    def bound(typing_context: Any, table: Any) -> Any:
        reference = Reference(numba.typeof(example()))

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind, pointer = signature.args[0], context.get_value_type(reference)
            if isinstance(kind, types.Array):
                return builder.bitcast(context.make_array(kind)(context, builder, args[0]).data, pointer)
            return builder.inttoptr(args[0], pointer)

        return reference(table), codegen

    return bound
