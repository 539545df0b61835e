"""Says that kernels of a benchmark are compiled before it begins, which may take a minute: `exchange warm` and what
starts an exchange compile those of the exchange alone. It goes by their folders: where a compilation that was
interrupted has left one, the rest is compiled without a word. Non-goals: how far it is.
"""

import sys

from engine_core.jit.kernel import CACHE_FOLDER, JIT_DISABLED, READ_ONLY, KernelLocator

COMPILING = "compiling the kernels of this benchmark"
HOW_OFTEN = "each time: they cannot be kept here" if READ_ONLY else "once for each version of the code"


def say_if_compiling(*module_files: str) -> None:
    """On stderr, if nothing of the folder of one of these files is kept."""
    kept = [CACHE_FOLDER / KernelLocator.get_suitable_cache_subpath(file) for file in module_files]
    if not JIT_DISABLED and not all(folder.exists() for folder in kept):
        print(f"{COMPILING} ({HOW_OFTEN})", file=sys.stderr, flush=True)
