"""Tells Numba that a member of Codes or Flags is an int64 (see codes.py)."""

from typing import Any

from numba import types
from numba.core.datamodel import models, register_default
from numba.core.imputils import lower_constant
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, lower_getattr_generic, typeof_impl

from engine_core.jit.codes import CodesMeta


class CodesType(types.Type):  # type: ignore[misc]
    """The Numba type of such a class."""

    def __init__(self, codes: CodesMeta) -> None:
        self.codes = codes
        super().__init__(f"Codes({codes.__module__}.{codes.__qualname__})")


register_default(CodesType)(models.OpaqueModel)


@typeof_impl.register(CodesMeta)  # type: ignore[untyped-decorator]
def _typeof(codes: CodesMeta, context: Any) -> CodesType:
    return CodesType(codes)


@lower_constant(CodesType)  # type: ignore[untyped-decorator]
def _constant(context: Any, builder: Any, codes: CodesType, value: Any) -> Any:
    return context.get_dummy_value()


@infer_getattr
class _Members(AttributeTemplate):  # type: ignore[misc]
    key = CodesType

    def generic_resolve(self, codes: CodesType, name: str) -> Any:
        return types.int64 if name in codes.codes.__members__ else None


@lower_getattr_generic(CodesType)  # type: ignore[untyped-decorator]
def _member(context: Any, builder: Any, codes: CodesType, value: Any, name: str) -> Any:
    return context.get_constant(types.int64, int(codes.codes.__members__[name]))
