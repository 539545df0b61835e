"""Arrays whose elements read like records in kernels: `order = state.orders[slot]`, then `order.remaining_lots -= 1`.

    Rows    a one-dimensional array, seen by a kernel. `rows[i]` of a record array is a Row, of any other an int64;
            `rows.size` is the number of elements. Indexes are never negative.
    Row     the address of one record: nothing is copied. `row.field` is an int64, whatever its width in memory, and
            `row.field = value` narrows again: arithmetic never wraps at a narrow width, and never becomes a float.

How an array becomes Rows: `rows(array)` in a kernel; as a field of a state handed on by reference (by_reference.py).
Fields are signed or unsigned integers of 1 to 8 bytes (an unsigned one of 8 bytes must stay below 2**63); text and
nested fields are not for kernels, and a kernel that asks for one does not compile.

With NUMBA_BOUNDSCHECK=1 an index outside the array raises IndexError. With NUMBA_DISABLE_JIT=1 the same kernels run as
plain Python on the classes below, which check every index, and that a stored value fits.

Records are declared as classes (records.py), so that mypy knows their fields: `Rows[Order]`, `order: Order`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast, overload

import numpy as np

from engine_core.jit.kernel import JIT_DISABLED
from engine_core.jit.records import Record, fitting
from engine_core.jit.row_types import (
    clear_row,
    copy_row,
    load_word_of,
    prefetch_row,
    row_seen_as,
    rows_of,
    setter_of_either,
    store_word_of,
)

Row: TypeAlias = Any  # in kernels

R = TypeVar("R", covariant=True)


if TYPE_CHECKING:

    class Rows(np.ndarray[Any, Any], Generic[R]):
        """To Python an array of records `R`; in a kernel what the head of this file says."""

        @overload  # type: ignore[override]
        def __getitem__(self, index: int) -> R: ...
        @overload
        def __getitem__(self, index: Any) -> Any: ...
        def __getitem__(self, index: Any) -> Any: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

else:

    class Rows:
        """An array in plain Python, as a kernel sees it."""

        def __class_getitem__(cls, record: type) -> type:
            return cls

        def __init__(self, array: np.ndarray) -> None:
            assert array.ndim == 1, "rows are of one dimension"
            self.array, self.size = array, array.size

        def __getitem__(self, index: int) -> "Record | int":
            assert 0 <= index < self.size, f"row {index} of {self.size}"
            return Record(self.array, index) if self.array.dtype.names else int(self.array[index])

        def __setitem__(self, index: int, value: int) -> None:
            assert 0 <= index < self.size, f"row {index} of {self.size}"
            self.array[index] = fitting(self.array.dtype, value, "element")


def _plain_clear(row: Any) -> None:
    array, index = object.__getattribute__(row, "_place")
    array[index : index + 1].view(np.uint8)[:] = 0


def _plain_copy(row: Any, other: Any) -> None:
    (array, index), (source, at) = (object.__getattribute__(one, "_place") for one in (row, other))
    array[index : index + 1].view(np.uint8)[:] = source[at : at + 1].view(np.uint8)


def _plain_seen_as(row: Any, dtype: np.dtype) -> Any:
    array, index = object.__getattribute__(row, "_place")
    return Record(array[index : index + 1].view(dtype), 0)  # type: ignore[call-arg]


def _plain_prefetch(rows: Any, index: int) -> None:
    return None


def _plain_setter_of_either(name: str, other_name: str) -> Any:
    def set_either(condition: bool, row: Any, other: Any, value: int) -> None:
        setattr(*((row, name) if condition else (other, other_name)), value)

    return set_either


def _plain_words(row: Any) -> np.ndarray:
    array, index = object.__getattribute__(row, "_place")
    words: np.ndarray = array[index : index + 1].view(np.int64)
    return words


def _plain_load_word(row: Any, word: int) -> int:
    return int(_plain_words(row)[word])


def _plain_store_word(row: Any, word: int, value: int) -> None:
    _plain_words(row)[word] = value


rows = cast(Callable[[np.ndarray], Any], Rows if JIT_DISABLED else rows_of)  # of an array, in a kernel
clear = _plain_clear if JIT_DISABLED else clear_row  # a row: every byte 0
copy = _plain_copy if JIT_DISABLED else copy_row  # into a row, from another one of the same size
seen_as = _plain_seen_as if JIT_DISABLED else row_seen_as  # a row as another record of the same size
prefetch = _plain_prefetch if JIT_DISABLED else prefetch_row  # an element of rows; an index beyond them does no harm
load_word = _plain_load_word if JIT_DISABLED else load_word_of  # word w of a row: its bytes 8 w to 8 w + 7
store_word = _plain_store_word if JIT_DISABLED else store_word_of  # whole, so that it can be read at once

# either_field("next", "head")(condition, row, other, value): `row.next = value` if the condition holds, else
# `other.head = value`, of fields of the same width; without a branch, where none could be foreseen
either_field = _plain_setter_of_either if JIT_DISABLED else setter_of_either
