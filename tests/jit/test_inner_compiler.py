"""Inner kernels are compiled once, with the entry that calls them: no machine code of their own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine_core.jit.inner_compiler import InnerLibrary
from engine_core.jit.kernel import JIT_DISABLED, entry, hot, inner

pytestmark = pytest.mark.skipif(JIT_DISABLED, reason="nothing is compiled")


@hot
def _twice(value: int) -> int:
    return 2 * value


@inner
def _down(value: int) -> int:
    """By two ways to the same kernel."""
    if value < 0:
        raise ValueError("below zero")
    return _twice(value) - value + _twice(1) - 1


@entry
def _run(values: np.ndarray, value: int) -> int:
    values[0] = _twice(value)
    return _down(value) + _twice(value)


def test_entries_run_what_they_call() -> None:
    values = np.zeros(1, np.int64)
    assert (_run(values, 7), int(values[0])) == (7 + 1 + 14, 14)


def test_what_an_inner_kernel_raises_reaches_python() -> None:
    with pytest.raises(ValueError, match="below zero"):
        _run(np.zeros(1, np.int64), -1)


def test_only_the_entry_becomes_machine_code() -> None:
    _run(np.zeros(1, np.int64), 1)
    _run.recompile()  # it may have come out of the cache
    for kernel in _twice, _down:
        compiled = list(kernel.overloads.values())  # type: ignore[attr-defined]
        assert compiled, "the entry did not compile what it calls"
        for one in compiled:
            name, engine = one.fndesc.llvm_func_name, one.library.codegen._engine
            assert isinstance(one.library, InnerLibrary)
            assert not engine.is_symbol_defined(name), f"{name} stands in memory by itself"


def test_a_second_process_loads_the_entry() -> None:
    """From the cache, which has the entry alone."""
    program = (
        "import numpy as np\n"
        "from tests.jit import test_inner_compiler as t\n"
        "values = np.zeros(1, np.int64)\n"
        "print(t._run(values, 7), sum(t._run.stats.cache_hits.values()), len(t._down.overloads))\n"
    )
    _run(np.zeros(1, np.int64), 1)
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", program], cwd=root, check=True, capture_output=True)
    assert found.stdout.split() == [b"22", b"1", b"0"]
