"""How Numba compiles kernels that only kernels call: not at all, until one that Python calls has them all together.

Numba optimises each function together with all that it calls, and makes machine code of it, before the function that
calls it gets it. Of a call tree as deep as ours that is most of the time that compiling takes, and thrown away: nobody
calls an inner kernel by itself. So it is kept as it was lowered, and the entry is optimised once, with all it calls.
"""

from collections.abc import Iterator
from typing import Any

from numba import _dynfunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder, _LowerResult
from numba.core.compiler_lock import require_global_compiler_lock
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


class InnerLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The code of one inner kernel, as it was lowered; those of the kernels that it calls are remembered."""

    _shared_module: Any

    def add_linking_library(self, library: Any) -> None:
        super().add_linking_library(library)
        self._reload_init.update(library._reload_init)

    def finalize(self) -> None:
        require_global_compiler_lock()
        self._raise_if_finalized()
        self._finalize_dynamic_globals()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """With all that it calls, as often as it is called from: what is exported may be defined more than once."""
        if self._shared_module is None:
            self._ensure_finalized()
            module = self._final_module.clone()
            for library in self._called({self}):
                inner = isinstance(library, InnerLibrary)
                called = library._final_module if inner else library._get_module_for_linking()
                module.link_in(called, preserve=True)
            for function in module.functions:
                if not function.is_declaration and function.linkage.name == "external":
                    function.linkage = "linkonce_odr"
            self._shared_module = module
        return self._shared_module

    def _called(self, seen: set[Any]) -> Iterator[Any]:
        """Every library that it calls, and those call, once."""
        for library in self._linking_libraries:
            if library not in seen:
                seen.add(library)
                yield library
                if isinstance(library, InnerLibrary):
                    yield from library._called(seen)


@register_pass(mutates_CFG=True, analysis_only=False)
class _InnerLowering(NativeLowering):  # type: ignore[misc]
    """Ends where machine code would be made: what other kernels need to call this one is all that comes of it."""

    _name = "inner_lowering"

    def run_pass(self, state: Any) -> bool:
        state.library = InnerLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        state.flags.no_compile = True
        try:
            super().run_pass(state)
        finally:
            state.flags.no_compile = False
        described, library, environment = state.cr.fndesc, state.library, state.cr.env
        library._ensure_finalized()
        name = described.qualname.split(".")[-1]
        nowhere = _dynfunc.make_function(described.lookup_module(), name, "", 0, environment, (library,))
        state.targetctx.insert_user_function(nowhere, described, [library])
        state["cr"] = _LowerResult(described, state.cr.call_helper, cfunc=nowhere, env=environment)
        return True


class InnerCompiler(CompilerBase):  # type: ignore[misc]
    def define_pipelines(self) -> list[Any]:
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.passes = [(_InnerLowering if made is NativeLowering else made, why) for made, why in manager.passes]
        manager.finalize()
        return [manager]
