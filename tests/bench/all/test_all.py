"""`exchange bench all`: what runs, what fails beside it, and what the budget leaves out."""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.all import __main__ as program
from bench.all import plan, running
from bench.all.plan import OTHERS, SIZES, STEPS, Step, named, steps
from bench.all.roles import RoleSampler, role_of
from bench.all.running import Failed, OutOfTime, Place
from bench.report.reading import read
from engine_core.operator.target.benchmarks import benchmarks
from tests.bench.report.form import document
from tests.operator.live.test_command_line import program_of

WORKS, BREAKS, HANGS = (Step(name, "", "", "") for name in ("works", "breaks", "hangs"))
NEEDS_BROKEN = Step("works", "", "", "", label="needs", before="breaks")


def test_every_benchmark_runs_or_is_none() -> None:
    """A new one is to be added to the plan."""
    assert benchmarks().keys() - set(OTHERS) == {step.benchmark for step in steps() if not step.is_command}
    assert len({step.name for step in STEPS}) == len(STEPS)
    assert [step.name for step in named(["fan-out", "kernel"])] == ["fan-out", "kernel"]
    with pytest.raises(ValueError, match=r"no benchmark kernels among kernel, pipeline"):
        named(["kernels"])


class _Parsed(Exception):
    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser


@pytest.mark.parametrize("step", steps(), ids=lambda step: step.name)
def test_a_benchmark_knows_the_options_of_each_size(
    step: Step, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = argparse.ArgumentParser.parse_args

    def caught(self: argparse.ArgumentParser, *_: Any) -> None:
        raise _Parsed(self)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", caught)
    with pytest.raises(_Parsed) as found:
        importlib.import_module(program_of(step.benchmark)).main([])
    (tmp_path / "flow.toml").touch()
    places = ["--data", "data"] if step.exchange else []
    for size in SIZES:
        *_, measuring = step.commands(size, tmp_path)
        options = measuring[1:] if step.is_command else measuring[2:]
        real(found.value.parser, [*options, *places, "--json", str(tmp_path / "out.json")])


@pytest.fixture
def _stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Benchmarks that are there for the tests only: `exchange bench NAME` is a program of a few lines."""
    made = json.dumps(document(name="works"))
    program_of = {
        "works": f"open(sys.argv[-1], 'w').write({made!r})",
        "breaks": "print('measuring'); print('error: the wheel came off', file=sys.stderr); sys.exit(3)",
        "hangs": "import time; time.sleep(600)",
    }
    real = running._run

    def stand_in(command: list[str], *rest: Any) -> RoleSampler:
        name, *options = command[command.index("bench") + 1 :]
        return real([command[0], "-c", f"import sys; {program_of[name]}", *options], *rest)

    monkeypatch.setattr(running, "_run", stand_in)
    monkeypatch.setattr(plan, "STEPS", (WORKS, BREAKS, HANGS, NEEDS_BROKEN))
    monkeypatch.setattr(plan, "benchmarks", lambda: dict.fromkeys(program_of, ""))


@pytest.mark.usefixtures("_stand_ins")
def test_one_that_fails_is_reported_in_its_own_words_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "all.json"
    assert program.main(["--only", "breaks", "works", "--json", str(out)]) == 1
    found = read(out)
    assert [run["label"] for run in found["runs"]] == ["works"]
    assert {check["name"]: check["passed"] for check in found["checks"]} == {"breaks": False, "works": True}
    assert "the wheel came off" in found["checks"][0]["text"] and "the wheel came off" in capsys.readouterr().out


@pytest.mark.usefixtures("_stand_ins")
def test_what_lacks_the_conformance_flows_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plan, "SHARED", tmp_path)
    monkeypatch.setattr(plan, "STEPS", (replace(WORKS, needs="flow.bin"),))
    assert program.main([]) == 0
    assert f"needs the conformance flows in {tmp_path} (alone: exchange bench works --shared DIR)" in (
        " ".join(capsys.readouterr().out.split())
    )
    (tmp_path / "flow.bin").touch()
    assert program.main([]) == 0 and "done" in capsys.readouterr().out


@pytest.mark.usefixtures("_stand_ins")
def test_what_the_budget_leaves_out_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "all.json"
    assert program.main(["--only", "hangs", "works", "--budget", "0.1", "--json", str(out)]) == 0
    texts = [check["text"] for check in read(out)["checks"]]
    assert texts == [
        "left out: stopped when the budget was used up",
        "left out: the budget was used up",
    ]
    assert "left out" in capsys.readouterr().out


@pytest.mark.usefixtures("_stand_ins")
def test_a_stopped_benchmark_is_gone(tmp_path: Path) -> None:
    with pytest.raises(OutOfTime):
        Place(tmp_path).run(HANGS, "small", 0.3)
    running = [each.info for each in psutil.process_iter(["ppid", "cmdline"])]  # some of them, as PostgreSQL's, may end
    commands = [each["cmdline"] or [] for each in running if each["ppid"] == os.getpid()]
    assert not [command for command in commands if "sleep(600)" in " ".join(command)]


@pytest.mark.usefixtures("_stand_ins")
def test_what_it_needs_comes_first(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="the wheel came off"):
        Place(tmp_path).run(NEEDS_BROKEN, "small")


@pytest.mark.usefixtures("_stand_ins")
def test_a_result_of_another_form_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.report.reading.FORM", "exchange-bench/0")
    with pytest.raises(Failed, match="has no form"):
        Place(tmp_path).run(WORKS, "small")


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(["--only", "kernels"])
    assert ended.value.code == 2 and "no benchmark kernels" in capsys.readouterr().err


def test_processor_and_memory_of_roles_over_time() -> None:
    busy = "print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            assert role_of(psutil.Process(process.pid)) == "benchmark"
            with RoleSampler(process.pid) as sampler:
                while not any(sampler.cores.get("benchmark", ())):
                    time.sleep(0.05)
        finally:
            process.kill()
    cores, memory = sampler.curves()
    ((role, seconds, values),) = cores.series
    assert role == "benchmark" and len(seconds) == len(values) and max(values) > 0
    assert max(memory.series[0][2]) > 1


def test_a_long_run_is_drawn_no_finer_than_can_be_seen() -> None:
    sampler = RoleSampler()
    sampler.seconds, sampler.cores = [float(each) for each in range(10_000)], {"engine": [0.5] * 10_000}
    ((_, seconds, values),) = sampler.curves()[0].series
    assert len(seconds) == len(values) <= 300 and set(values) == {0.5} and seconds[-1] > 9_900


@pytest.mark.parametrize(
    ("name", "words", "role"),
    [
        ("python", ["python", "-P", "-m", "engine_core.runtime"], "engine"),
        ("python", ["python", "-P", "-m", "persistence"], "writer"),
        ("valkey-server", ["valkey-server *:0"], "Redis"),
        ("postgres", ["postgres: checkpointer"], "PostgreSQL"),
        ("python", ["python", "-P", "-m", "bench.http"], "benchmark"),
        ("python", ["python", "-m"], "benchmark"),
        ("sh", [], "benchmark"),
    ],
)
def test_whose_process_it_is(name: str, words: list[str], role: str) -> None:
    class Process:
        def name(self) -> str:
            return name

        def cmdline(self) -> list[str]:
            return words

    assert role_of(Process()) == role  # type: ignore[arg-type]
