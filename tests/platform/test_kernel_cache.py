"""Where compiled kernels are kept."""

from pathlib import Path

import engine_core
from engine_core.jit import KernelLocator

ROOT = Path(engine_core.__file__).parents[1]


def test_kernels_of_equal_checkouts_are_shared_wherever_these_lie(tmp_path: Path) -> None:
    """Else a moved checkout finds the folder marked complete, and yet compiles while the exchange starts."""
    assert KernelLocator.get_suitable_cache_subpath(str(ROOT / "engine_core/book/reads.py")) == "engine_core_book"
    assert KernelLocator.get_suitable_cache_subpath(str(ROOT / "bench/kernel.py")) == "bench"
    elsewhere = {KernelLocator.get_suitable_cache_subpath(str(tmp_path / name / "x.py")) for name in ("a", "b")}
    assert len(elsewhere) == 2
    assert not elsewhere & {"a", "b"}
