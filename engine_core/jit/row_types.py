"""The Numba side of rows.py: the types of Rows and Row, and what a kernel's text about them is compiled to.

A Rows is an address and a number of elements, a Row the address of one record. Every load and store says of which kind
of record it is, so LLVM knows that different kinds do not overlap.
"""

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, errors
from numba.core.datamodel import models, register_default
from numba.core.imputils import lower_setattr_generic
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_global, signature
from numba.extending import infer_getattr, intrinsic, lower_builtin, lower_getattr, lower_getattr_generic

_I64, _BYTES = ir.IntType(64), ir.IntType(8).as_pointer()


class RowsType(types.Type):  # type: ignore[misc]
    def __init__(self, element: Any, mutable: bool) -> None:
        self.element, self.mutable = element, mutable
        super().__init__(f"Rows({element}, {mutable})")


class RowType(types.Type):  # type: ignore[misc]
    def __init__(self, record: Any, mutable: bool) -> None:
        self.record, self.mutable = record, mutable
        super().__init__(f"Row({record}, {mutable})")


@register_default(RowsType)
class _RowsModel(models.StructModel):  # type: ignore[misc]
    def __init__(self, manager: Any, rows_type: Any) -> None:
        super().__init__(manager, rows_type, [("data", types.voidptr), ("size", types.int64)])


@register_default(RowType)
class _RowModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, row_type: Any) -> None:
        super().__init__(manager, row_type, _BYTES)


def rows_type_of(array: Any) -> RowsType:
    return RowsType(array.dtype, array.mutable)


def _must_be_mutable(row: Any) -> None:
    if not row.mutable:
        raise errors.NumbaTypeError(f"this kernel would write to an array that may only be read: {row.record}")


def rows_of_array(context: Any, builder: Any, array_type: Any, value: Any) -> Any:
    """The Rows of an array, both as LLVM values."""
    array = context.make_array(array_type)(context, builder, value)
    return make_rows(context, builder, array_type, array.data, array.nitems)


def make_rows(context: Any, builder: Any, array_type: Any, data: Any, size: Any) -> Any:
    made = cgutils.create_struct_proxy(rows_type_of(array_type))(context, builder)
    made.data = builder.bitcast(data, _BYTES)
    made.size = size
    return made._getvalue()


@intrinsic  # type: ignore[untyped-decorator]
def rows_of(typing_context: Any, array: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return rows_of_array(context, builder, sig.args[0], args[0])

    return rows_type_of(array)(array), codegen


def _address(context: Any, builder: Any, rows_type: Any, rows: Any, index: Any, checked: bool = True) -> Any:
    """Of an element; checked where the kernel is compiled with bounds checks."""
    view = cgutils.create_struct_proxy(rows_type)(context, builder, rows)
    if checked and context.enable_boundscheck:
        cgutils.do_boundscheck(context, builder, index, view.size)
    size = context.get_abi_sizeof(context.get_data_type(rows_type.element))
    return builder.gep(view.data, [builder.mul(index, ir.Constant(_I64, size))], inbounds=True)


def _of_kind(builder: Any, access: Any, kind: str) -> Any:
    """Tell LLVM that this load or store touches no record of another kind: it need not fear that writing an event
    changes the order that it is written from."""
    module = builder.module
    root = module.add_metadata(["rows of records"])
    node = module.add_metadata([kind, root, ir.Constant(_I64, 0)])
    access.set_metadata("tbaa", module.add_metadata([node, node, ir.Constant(_I64, 0)]))
    return access


def _load_wide(builder: Any, address: Any, kind: Any, align: int, owner: Any) -> Any:
    narrow = ir.IntType(kind.bitwidth)
    value = builder.load(builder.bitcast(address, narrow.as_pointer()), align=align)
    _of_kind(builder, value, str(owner))
    if kind.bitwidth == 64:
        return value
    return builder.sext(value, _I64) if kind.signed else builder.zext(value, _I64)


def _store_narrow(builder: Any, address: Any, kind: Any, value: Any, align: int, owner: Any) -> None:
    narrow = ir.IntType(kind.bitwidth)
    stored = value if kind.bitwidth == 64 else builder.trunc(value, narrow)
    _of_kind(builder, builder.store(stored, builder.bitcast(address, narrow.as_pointer()), align=align), str(owner))


@infer_global(operator.getitem)
class _Element(AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        rows, index = args
        if not isinstance(rows, RowsType) or not isinstance(index, types.Integer):
            return None
        element = rows.element
        row = RowType(element, rows.mutable) if isinstance(element, types.Record) else types.int64
        return signature(row, rows, types.int64)


@lower_builtin(operator.getitem, RowsType, types.int64)  # type: ignore[untyped-decorator]
def _get_element(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    address, element = _address(context, builder, sig.args[0], *args), sig.args[0].element
    if isinstance(element, types.Record):
        return address
    return _load_wide(builder, address, element, element.bitwidth // 8, element)


@infer_global(operator.setitem)
class _SetElement(AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        rows, index, value = args
        if not isinstance(rows, RowsType) or not isinstance(rows.element, types.Integer) or not rows.mutable:
            return None
        if not isinstance(index, types.Integer) or not isinstance(value, types.Integer | types.Boolean):
            return None
        return signature(types.none, rows, types.int64, types.int64)


@lower_builtin(operator.setitem, RowsType, types.int64, types.int64)  # type: ignore[untyped-decorator]
def _set_element(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    rows, index, value = args
    element = sig.args[0].element
    address = _address(context, builder, sig.args[0], rows, index)
    _store_narrow(builder, address, element, value, element.bitwidth // 8, element)
    return context.get_dummy_value()


@infer_getattr
class _RowsAttributes(AttributeTemplate):  # type: ignore[misc]
    key = RowsType

    def resolve_size(self, rows: Any) -> Any:
        return types.int64


@lower_getattr(RowsType, "size")  # type: ignore[untyped-decorator]
def _size(context: Any, builder: Any, rows_type: Any, value: Any) -> Any:
    return cgutils.create_struct_proxy(rows_type)(context, builder, value).size


@infer_getattr
class _Fields(AttributeTemplate):  # type: ignore[misc]
    key = RowType

    def generic_resolve(self, row: Any, field: str) -> Any:
        kind = row.record.typeof(field) if field in row.record.fields else None
        if isinstance(kind, types.Record):
            return RowType(kind, row.mutable)
        return types.int64 if _is_number(kind) else None


def _is_number(kind: Any) -> bool:
    return isinstance(kind, types.Integer) or (isinstance(kind, types.CharSeq) and kind.count == 8)


def _field(builder: Any, row: Any, record: Any, field: str) -> tuple[Any, Any, int]:
    """(address, type, alignment that every row of an aligned array has there)"""
    offset = record.offset(field)
    together = offset | record.size | 8
    kind = record.typeof(field)
    if isinstance(kind, types.CharSeq):
        kind = types.int64
    return builder.gep(row, [ir.Constant(_I64, offset)], inbounds=True), kind, together & -together


@lower_getattr_generic(RowType)  # type: ignore[untyped-decorator]
def _load_field(context: Any, builder: Any, row_type: Any, row: Any, field: str) -> Any:
    address, kind, align = _field(builder, row, row_type.record, field)
    return address if isinstance(kind, types.Record) else _load_wide(builder, address, kind, align, row_type.record)


@lower_setattr_generic(RowType)  # type: ignore[untyped-decorator]
def _store_field(context: Any, builder: Any, sig: Any, args: Any, field: str) -> None:
    _must_be_mutable(sig.args[0])
    address, kind, align = _field(builder, args[0], sig.args[0].record, field)
    value = context.cast(builder, args[1], sig.args[1], types.int64)
    _store_narrow(builder, address, kind, value, align, sig.args[0].record)


@intrinsic  # type: ignore[untyped-decorator]
def clear_row(typing_context: Any, row: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        cgutils.memset(builder, args[0], ir.Constant(_I64, sig.args[0].record.size), 0)
        return context.get_dummy_value()

    _must_be_mutable(row)
    return types.void(row), codegen


@intrinsic  # type: ignore[untyped-decorator]
def copy_row(typing_context: Any, row: Any, other: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        cgutils.raw_memcpy(builder, args[0], args[1], ir.Constant(_I64, sig.args[0].record.size), 1)
        return context.get_dummy_value()

    _must_be_mutable(row)
    if row.record.size != other.record.size:
        return None
    return types.void(row, other), codegen


@intrinsic  # type: ignore[untyped-decorator]
def row_seen_as(typing_context: Any, row: Any, dtype: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return args[0]

    if row.record.size != dtype.dtype.size:
        return None
    return RowType(dtype.dtype, row.mutable)(row, dtype), codegen


@intrinsic  # type: ignore[untyped-decorator]
def prefetch_row(typing_context: Any, rows: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        i32 = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [_BYTES, i32, i32, i32]), "llvm.prefetch.p0i8"
        )
        address = _address(context, builder, sig.args[0], args[0], args[1], checked=False)
        builder.call(function, [address, i32(1), i32(3), i32(1)])  # for writing, keep in all caches, data
        return context.get_dummy_value()

    return types.void(rows, types.int64), codegen


def setter_of_either(name: str, other_name: str) -> Any:
    """See rows.py."""

    @intrinsic  # type: ignore[untyped-decorator]
    def set_either(typing_context: Any, condition: Any, row: Any, other: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            chosen, *found = args[:3]
            address, kind, align = _field(builder, found[0], row.record, name)
            instead, _, least = _field(builder, found[1], other.record, other_name)
            place = builder.select(chosen, address, instead)
            place.set_metadata("unpredictable", builder.module.add_metadata([]))
            narrow = ir.IntType(kind.bitwidth)
            stored = builder.trunc(args[3], narrow)
            builder.store(stored, builder.bitcast(place, narrow.as_pointer()), align=min(align, least))
            return context.get_dummy_value()

        _must_be_mutable(row)
        _must_be_mutable(other)
        if row.record.typeof(name).bitwidth != other.record.typeof(other_name).bitwidth:
            return None
        return types.void(types.boolean, row, other, types.int64), codegen

    return set_either


def _word(builder: Any, row: Any, word: Any) -> Any:
    return builder.gep(builder.bitcast(row, _I64.as_pointer()), [word], inbounds=True)


@intrinsic  # type: ignore[untyped-decorator]
def load_word_of(typing_context: Any, row: Any, word: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_word(builder, *args), align=8)

    return types.int64(row, types.int64), codegen


@intrinsic  # type: ignore[untyped-decorator]
def store_word_of(typing_context: Any, row: Any, word: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # unordered: as any other store, but LLVM may not make one of the single byte that it finds changed
        builder.store_atomic(args[2], _word(builder, *args[:2]), ordering="unordered", align=8)
        return context.get_dummy_value()

    _must_be_mutable(row)
    return types.void(row, types.int64, types.int64), codegen
