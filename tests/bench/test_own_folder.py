"""A benchmark that is stopped, by `timeout` or in CI, leaves nothing behind, as after Ctrl-C."""

import importlib
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bench.own_folder import own_folder

STOPPED_IN = {  # a step of each
    "bench.setting.__main__": ("own_exchange", ["engine.busy_poll=true"]),
    "bench.history.__main__": ("own_exchange", []),
    "bench.all.__main__": ("Place", ["--only", "flow"]),
    "bench.against.__main__": ("checkout", ["HEAD"]),
    "bench.recovery": ("running", []),
    "bench.pipeline": ("running", ["--seconds", "0.1"]),
}


def test_sigterm_is_an_interrupt_once_and_the_folder_is_gone(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), own_folder(place=str(tmp_path)) as folder:
        (folder / "keys.json").touch()
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)  # `timeout` sends it to the process and to its group
            (folder / "cleaned").touch()
    assert not folder.exists() and signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("module", STOPPED_IN)
def test_a_benchmark_that_is_stopped(module: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program, (step, arguments) = importlib.import_module(module), STOPPED_IN[module]
    real = tempfile.mkdtemp

    def stopped(*_: Any, **__: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix, dir: real(prefix=prefix, dir=tmp_path))
    monkeypatch.setattr(program, step, stopped)
    guard = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # without the handling, the test fails and does not end us
    try:
        with pytest.raises(KeyboardInterrupt):  # bench/entry.py ends with it
            program.main(arguments)
    finally:
        signal.signal(signal.SIGTERM, guard)
    assert not any(tmp_path.iterdir())
