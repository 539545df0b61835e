"""Hand a NamedTuple of arrays to kernels as one pointer.

Numba passes a NamedTuple by value, seven machine words for each array in it: a call with a state of 25 arrays copies
175 words, and the compiler chews on every one of them. `by_reference(state)`, in the kernel that Python calls, keeps
one copy on its stack; every kernel that it calls gets the address, and `state.orders` loads what it needs. Fields can
be read, not replaced; one that is a NamedTuple itself is the address of that. In plain Python (JIT off) the NamedTuple
itself is handed on. What is called often for little has the copy made once (bound.py).
"""

from typing import Any, TypeVar, cast

from numba import types
from numba.core import cgutils
from numba.core.datamodel import models, register_default
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic

from engine_core.jit.kernel import JIT_DISABLED
from engine_core.jit.row_types import make_rows, rows_type_of
from engine_core.jit.rows import Rows

T = TypeVar("T")


class Reference(types.Type):  # type: ignore[misc]
    """The Numba type of the address of a NamedTuple."""

    def __init__(self, target: Any) -> None:
        self.target = target
        super().__init__(name=f"Reference({target})")


@register_default(Reference)
class _ReferenceModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, reference: Any) -> None:
        pointer = manager.lookup(reference.target).get_value_type().as_pointer()
        super().__init__(manager, reference, pointer)


@infer_getattr
class _ReferenceFields(AttributeTemplate):  # type: ignore[misc]
    key = Reference

    def generic_resolve(self, reference: Any, field: str) -> Any:
        kind = reference.target.types[reference.target.fields.index(field)]
        return Reference(kind) if isinstance(kind, types.NamedTuple) else rows_type_of(kind)


@lower_getattr_generic(Reference)  # type: ignore[untyped-decorator]
def _load_field(context: Any, builder: Any, reference: Any, address: Any, field: str) -> Any:
    index = reference.target.fields.index(field)
    array_type, place = reference.target.types[index], cgutils.gep_inbounds(builder, address, 0, index)
    if isinstance(array_type, types.NamedTuple):
        return place
    view = context.make_array(array_type)(context, builder, ref=place)
    data, size = view.data, view.nitems
    for load in data, size:  # the copy never changes: one load is enough
        load.set_metadata("invariant.load", builder.module.add_metadata([]))
    return make_rows(context, builder, array_type, data, size)


@intrinsic  # type: ignore[untyped-decorator]
def _by_reference(typing_context: Any, value: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return cgutils.alloca_once_value(builder, args[0])

    return Reference(value)(value), codegen


class _Plain:
    """The same in plain Python: fields are Rows."""

    def __init__(self, value: Any) -> None:
        for name, field in zip(value._fields, value, strict=True):
            setattr(self, name, _Plain(field) if isinstance(field, tuple) else Rows(field))


def _plain(value: T) -> T:
    return cast(T, _Plain(value))


by_reference = _plain if JIT_DISABLED else _by_reference
