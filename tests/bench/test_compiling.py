"""Whoever waits for the compiler of a benchmark's kernels is told so, whichever of its folders is missing."""

from pathlib import Path

import pytest

from bench import compiling
from bench.compiling import COMPILING, say_if_compiling
from engine_core.jit.kernel import KernelLocator


def test_one_missing_folder_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiling, "CACHE_FOLDER", tmp_path)
    monkeypatch.setattr(compiling, "JIT_DISABLED", False)
    files = [f"{compiling.__file__.removesuffix('compiling.py')}{name}/any.py" for name in ("flow/kernels", "realism")]
    for kept, times in ((0, 1), (1, 1), (2, 0)):
        for file in files[:kept]:
            (tmp_path / KernelLocator.get_suitable_cache_subpath(file)).mkdir(exist_ok=True)
        say_if_compiling(*files)
        said = capsys.readouterr()
        assert said.err.count(COMPILING) == times and not said.out
