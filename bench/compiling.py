"""Says that kernels of a benchmark are compiled before it begins, which may take a minute: `exchange warm` and what
starts an exchange compile those of the exchange alone. Non-goals: how far it is.
"""

import sys

from engine_core.jit.kernel import CACHE_FOLDER, JIT_DISABLED, KernelLocator

COMPILING = "compiling the kernels of this benchmark (once for each version of the code)"


def say_if_compiling(module_file: str) -> None:
    """On stderr, if nothing of the folder of that file was compiled yet."""
    kept = CACHE_FOLDER / KernelLocator.get_suitable_cache_subpath(module_file)
    if not JIT_DISABLED and not kept.exists():
        print(COMPILING, file=sys.stderr, flush=True)
