"""How programs of measurement are entered and left: interrupted at any moment, and without docstrings."""

import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench import entry
from bench.flow.generator import Generator
from engine_core.operator.target.benchmarks import benchmarks

EXCHANGE = (sys.executable, "-P", "-m", "engine_core.cli")


def _interrupted_before_it_runs() -> None:
    """The signal waits, over the exec, until somebody takes signals again."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("command", [("bench", "flow"), ("bench", "calibrate", "-o", "x"), ("load",), ("replay",)])
def test_ctrl_c_before_anything_is_imported(command: tuple[str, ...], tmp_path: Path) -> None:
    done = subprocess.run(
        [*EXCHANGE, *command], cwd=tmp_path, preexec_fn=_interrupted_before_it_runs, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_ctrl_c_while_it_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "bench.flow.__main__", raising=False)  # imported, it is warned of when it is run
    monkeypatch.setattr(Generator, "fill", lambda *_: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(sys, "argv", ["entry", "flow", "-o", str(tmp_path / "flow.npy")])
    with pytest.raises(SystemExit) as end:
        entry.main()
    assert end.value.code == 130 and capsys.readouterr().err == "interrupted\n"


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    """`exchange bench flow | head -0`"""
    reader, writer = os.pipe()
    os.close(reader)
    command = [*EXCHANGE, "bench", "flow", "--messages", "1000"]
    done = subprocess.run(command, cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("then", ["time.sleep(600)", "raise RuntimeError('no compiled object')"])
def test_ctrl_c_where_nothing_can_be_raised(then: str) -> None:
    """As in what LLVM calls while Numba compiles: here where an object is dropped."""
    program = f"""
import runpy, signal, sys, time

class Dropped:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def run(*_, **__):
    Dropped()
    print("it went on", flush=True)
    {then}

enter, runpy.run_module, sys.argv = runpy.run_module, run, ["entry", "flow"]
enter("bench.entry", run_name="__main__", alter_sys=True)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "it went on\n", "interrupted\n")


@pytest.mark.parametrize("module", ["all", "against", "calibrate", "setting", "load", "replay"])
def test_ctrl_c_wherever_it_is(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(name: str, **_: object) -> None:
        assert name == f"bench.{module}"
        raise KeyboardInterrupt

    monkeypatch.setattr("runpy.run_module", run)
    monkeypatch.setattr(sys, "argv", ["entry", module])
    with pytest.raises(SystemExit) as end:
        entry.main()
    assert end.value.code == 130 and capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("name", [*benchmarks(), "load", "replay"])
def test_help_without_docstrings(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As python -OO strips them."""
    folder = Path(entry.__file__).parent / name
    module = importlib.import_module(f"bench.{name}" + (".__main__" if folder.is_dir() else ""))
    monkeypatch.setattr(module, "__doc__", None)
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as end:
        module.main()
    assert not end.value.code and capsys.readouterr().out.startswith("usage: ")
