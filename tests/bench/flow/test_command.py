"""`exchange bench flow` and others with kernels of their own: whoever waits for the compiler is told so."""

from pathlib import Path

import pytest

from bench import compiling
from bench.compiling import COMPILING
from bench.conformance.__main__ import main as conformance
from bench.flow.__main__ import main as flow


def test_kernels_that_are_compiled_first_are_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert flow(["--model", "zero-intelligence", "--messages", "3000"]) == 0  # so that they are there
    capsys.readouterr()
    (broken := tmp_path / "broken.bin").write_bytes(b"")
    for folder, times in ((tmp_path, 1), (compiling.CACHE_FOLDER, 0)):
        monkeypatch.setattr(compiling, "CACHE_FOLDER", folder)
        assert flow(["--model", "zero-intelligence", "--messages", "3000"]) == 0
        said = capsys.readouterr()
        assert said.err.count(COMPILING) == times and COMPILING not in said.out
        assert conformance([str(broken)]) == 1
        assert capsys.readouterr().err.count(COMPILING) == times
