"""A NamedTuple of arrays, bound once for kernels that are called often for little.

Python unpacks a tuple of thirty arrays in 3 us, which is nothing for a block of a thousand commands and most of the
time of a single one. `bind(state)` does it once and leaves the words in a table; a kernel that is given the table, or
its address, reads them there:

    bound = reader_of(lambda: new_state(LEAST))     whose arrays have the types of all of them

    @entry
    def execute(table, ...):
        state = bound(table)                        as by_reference(state)

A table is good as long as the arrays are: it holds their addresses, and does not keep them. In plain Python (JIT off)
it is the NamedTuple.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import errors
from numba.extending import intrinsic

from engine_core.jit.by_reference import Reference, by_reference
from engine_core.jit.kernel import JIT_DISABLED, entry

_WORDS_AN_ARRAY = 7  # of Numba's own view of an array of one dimension


def _must_be_mutable(value: Any) -> None:
    """Whoever reads a table takes all that stands in it for arrays that may be written to."""
    for kind in value.types:
        if isinstance(kind, types.NamedTuple):
            _must_be_mutable(kind)
        elif not kind.mutable:
            raise errors.NumbaTypeError(f"only arrays that may be written to can be bound: {kind}")


@intrinsic  # type: ignore[untyped-decorator]
def _store(typing_context: Any, value: Any, table: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[1])(context, builder, args[1]).data
        builder.store(args[0], builder.bitcast(data, args[0].type.as_pointer()))
        return context.get_dummy_value()

    _must_be_mutable(value)
    return types.void(value, table), codegen


@entry
def _bind(value: Any, table: np.ndarray) -> None:
    _store(value, table)


def _arrays(value: Any) -> int:
    return sum(_arrays(field) if isinstance(field, tuple) else 1 for field in value)


def bind(value: Any) -> Any:
    """The table of a NamedTuple of arrays."""
    if JIT_DISABLED:
        return value
    table = np.zeros(_WORDS_AN_ARRAY * _arrays(value), np.int64)
    _bind(value, table)
    return table


class Binding:
    """bind(), remembered for the value that came last. It keeps that value, so the table is good."""

    def __init__(self) -> None:
        self._latest: tuple[Any, Any] = (None, None)

    def table(self, value: Any) -> Any:
        latest = self._latest  # one read: another thread may bind another value
        if latest[0] is not value:
            latest = self._latest = value, bind(value)
        return latest[1]


def reader_of(make: Callable[[], Any]) -> Any:
    """What reads a table in kernels; `make` gives an example of what is bound, whenever a kernel is compiled."""
    if JIT_DISABLED:
        return by_reference

    @intrinsic  # type: ignore[untyped-decorator]
    def bound(typing_context: Any, table: Any) -> Any:
        reference = Reference(numba.typeof(make()))

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind, pointer = signature.args[0], context.get_value_type(reference)
            if isinstance(kind, types.Array):
                return builder.bitcast(context.make_array(kind)(context, builder, args[0]).data, pointer)
            return builder.inttoptr(args[0], pointer)

        return reference(table), codegen

    return bound
