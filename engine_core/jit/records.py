"""Records declared once, as classes: for NumPy, for mypy and for kernels (see rows.py). This file imports no Numba.

    class Order(Record):
        remaining_lots: I8
        level: U4
        slot: Annotated[U4, "level"]  # a second name of the same bytes

    ORDER = dtype_of(Order)

With NUMBA_DISABLE_JIT=1 a Record is what a kernel gets for a row.
"""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, get_type_hints

import numpy as np

I1: TypeAlias = Annotated[int, "i1"]
I2: TypeAlias = Annotated[int, "<i2"]
I4: TypeAlias = Annotated[int, "<i4"]
I8: TypeAlias = Annotated[int, "<i8"]
U1: TypeAlias = Annotated[int, "u1"]
U2: TypeAlias = Annotated[int, "<u2"]
U4: TypeAlias = Annotated[int, "<u4"]
U8: TypeAlias = Annotated[int, "<u8"]
Text8: TypeAlias = Annotated[int, "S8"]  # its bytes as one number


class Record:
    """A row in plain Python. Subclasses declare the fields, in the order of memory, and nothing else."""

    if TYPE_CHECKING:  # the declared fields, so misspelt ones are found; and what NumPy gives to Python's own code

        def __getitem__(self, name: str) -> Any: ...
        def __setitem__(self, name: str, value: Any) -> None: ...

    else:

        def __init__(self, array: np.ndarray, index: int) -> None:
            object.__setattr__(self, "_place", (array, index))

        def __getattr__(self, name: str) -> int:
            array, index = object.__getattribute__(self, "_place")
            column = column_of(array, name)
            return Record(column, index) if column.dtype.names else int(column[index])

        def __setattr__(self, name: str, value: int) -> None:
            array, index = object.__getattribute__(self, "_place")
            column = column_of(array, name)
            column[index] = fitting(column.dtype, value, name)


def dtype_of(record: type[Record]) -> np.dtype:
    """The packed little-endian layout of a record: its fields in the order of their declaration."""
    formats: list[Any] = []
    offsets: dict[str, int] = {}
    size = 0
    for name, hint in get_type_hints(record, include_extras=True).items():
        form, *same = hint.__metadata__
        formats.append(form)
        offsets[name] = offsets[same[0]] if same else size
        size = max(size, offsets[name] + np.dtype(form).itemsize)
    if len(set(offsets.values())) == len(offsets):
        return np.dtype(list(zip(offsets, formats, strict=True)))
    return np.dtype({"names": [*offsets], "formats": formats, "offsets": [*offsets.values()], "itemsize": size})


def column_of(array: np.ndarray, name: str) -> np.ndarray:
    """A field of all rows; 8 bytes of text as an int64."""
    if name not in (array.dtype.names or ()):
        raise AttributeError(f"no field {name!r} among {array.dtype.names}")
    column = array[name]
    return column.view(np.int64) if column.dtype == np.dtype("S8") else column


def fitting(kind: np.dtype, value: int, name: str) -> int:
    bounds, value = np.iinfo(kind), int(value)
    if kind.itemsize == 8:
        return value - (((value - int(bounds.min)) >> 64) << 64)
    assert bounds.min <= value <= bounds.max, f"{value} does not fit in {name} ({kind})"
    return value
