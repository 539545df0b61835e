"""The common form of results, and the list of benchmarks."""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.report.extras import need
from bench.report.result import Check, Curve, Figure, Run, percentile_curve
from bench.report.shares import Part, Shares, measured_shares
from engine_core.operator.target.benchmarks import benchmarks
from tests.bench.report.form import assert_form


def test_a_document_has_the_form(tmp_path: Path) -> None:
    options = argparse.Namespace(seconds=2.0, data=Path("/data"), json=tmp_path / "out.json", names=["a"])
    run = Run("any", options, seed=3)
    figures = [Figure("rate", 5.0, "orders/s", "higher", (4.0, 6.0)), Figure("size", 1, "MB", "")]
    curve = Curve("a curve", "x", "y", [("one", [1.0], [2.0])])
    run.write(options.json, figures, [Check("sum", True)], [curve], {"own": 1})
    document = json.loads(options.json.read_text())
    assert_form(document, "any")
    assert document["parameters"] == {"seconds": 2.0, "data": "/data", "names": ["a"]}, "not where results go"
    assert document["seed"] == 3 and document["own"] == 1 and document["results"][0]["samples"] == [4.0, 6.0]


def test_a_benchmark_cannot_hide_a_member_of_the_form() -> None:
    with pytest.raises(AssertionError, match="results"):
        Run("any", argparse.Namespace()).document([], own={"results": []})


def test_percentiles_are_as_far_apart_as_their_nines() -> None:
    ((_, x, y),) = percentile_curve("latency", "ms", {"all": (10_000, lambda share: share)}).series
    assert x[0] == 1 and x[10] == pytest.approx(10) and y[10] == pytest.approx(0.9) and y[30] == pytest.approx(0.999)
    assert x[-1] == pytest.approx(10_000)
    few = percentile_curve(
        "latency", "ms", {"few": (408, lambda share: share), "none": (0, lambda share: share)}
    ).series
    assert few[0][1][-1] == pytest.approx(10**2.6) and few[1][1:] == ([], []), "a curve ends where its sample does"


def test_every_benchmark_is_listed_with_a_line() -> None:
    found = benchmarks()
    assert found.keys() >= {"history", "http", "kernel", "orders_ws", "peers", "pipeline", "recovery", "websocket"}
    assert "market_maker" not in found and "workloads" not in found
    for name, line in found.items():
        assert line.endswith(".") and len(line) < 120 and "python -m" not in line, name


@pytest.mark.parametrize(
    ("name", "package", "options", "what"),
    [
        ("kernel", "matplotlib", ["--plot", "OUT", "--shared", "."], "--plot"),
        ("peers", "matplotlib", ["--plot", "OUT", "--shared", "."], "--plot"),
        ("all", "bokeh", ["--html", "OUT"], "--html"),
        ("report", "bokeh", [__file__], "the report"),
    ],
)
def test_what_a_plot_needs_is_looked_for_before_the_clock_starts(
    name: str, package: str, options: list[str], what: str, tmp_path: Path
) -> None:
    hidden = f"import sys; sys.modules[{package!r}] = None; from bench.{name}.__main__ import main; main(sys.argv[1:])"
    named = [str(tmp_path / "out") if option == "OUT" else option for option in options]
    done = subprocess.run([sys.executable, "-c", hidden, *named], capture_output=True, text=True)
    assert done.returncode == 2 and f"{what} needs {package}, which is not installed" in done.stderr
    assert not done.stdout, "nothing was measured"


def test_a_package_that_is_there_is_not_missed() -> None:
    need(argparse.ArgumentParser(), "--json", "json")


BUSY, IDLE = Part(1.0, 0.97, 0.0), Part(0.4, 0.4, 0.1)


@pytest.mark.parametrize(
    ("shares", "limit", "words"),
    [
        (Shares({"engine": BUSY, "Redis": IDLE}, 0.7, 0.0, 2), "engine", "the engine was at its limit"),
        (Shares({"engine": IDLE, "Redis": IDLE}, 0.99, 0.05, 2), "machine", "all 2 cores of the machine were busy"),
        (Shares({"engine": IDLE, "Redis": IDLE}, 0.99, 0.6, 2), "", "60% of the machine was others' work"),
        (Shares({"engine": IDLE, "Redis": IDLE}, 0.4, 0.0, 2), "", "no part was at its limit"),
    ],
)
def test_a_rate_is_a_maximum_only_at_a_limit(shares: Shares, limit: str, words: str) -> None:
    assert shares.limit == limit and words in shares.verdict


def test_shares_are_of_the_time_that_was_measured() -> None:
    program = "print(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as busy:
        assert busy.stdout is not None
        busy.stdout.readline()
        try:
            with measured_shares({"busy": busy.pid}) as shares:
                while psutil.Process(busy.pid).cpu_times().user < 0.2:
                    time.sleep(0.01)
        finally:
            busy.kill()
    part = shares.parts["busy"]
    assert 0 < part.busiest_thread == part.cores < 1.1, "it has one thread"
    assert "busy" in shares.table()


def test_the_list_is_printed_without_a_name() -> None:
    done = subprocess.run([sys.executable, "-m", "engine_core.cli", "bench"], capture_output=True, text=True)
    assert done.returncode == 0
    for name, line in benchmarks().items():
        assert f"  {name:<12} {line}" in done.stdout.splitlines()
