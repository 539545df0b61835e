"""`exchange bench pipeline`, small: every command is answered, and what it says of limits."""

import json
from pathlib import Path

import pytest

from bench.pipeline import main, rates
from tests.bench.report.form import assert_form


def test_a_small_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "pipeline.json"
    assert main(["--seconds", "0.2", "--block", "64", "--json", str(report)]) == 0
    result = json.loads(report.read_text())
    assert_form(result, "pipeline")
    assert result["commands"] >= result["placed"] > 1_000 and result["events"] > result["trades"] > 100
    assert result["shares"]["parts"].keys() == {"engine", "Redis", "producer"}
    answers, producer, maximum = result["checks"]
    assert (
        answers["passed"]
        and producer["passed"] == (result["producer_waited"] > 0.05)
        and maximum["passed"] == bool(result["limit"])
    )
    assert 0 < result["most_ahead"] <= 2 * result["commands"]
    assert f"at most {result['most_ahead']:,} commands ahead" in producer["text"]
    printed = capsys.readouterr().out
    assert ("not a maximum: " in printed) != bool(result["limit"]) and maximum["text"] in printed


def test_blocks_of_one_command_are_all_answered(tmp_path: Path) -> None:
    """The time is up before the warming up has sent what was made for it."""
    report = tmp_path / "pipeline.json"
    assert main(["--seconds", "0.3", "--block", "1", "--json", str(report)]) == 0
    result = json.loads(report.read_text())
    assert result["most_ahead"] <= result["commands"]


def test_the_parts_of_a_run_are_all_of_it() -> None:
    marks = [(10.0, 5), (10.9, 5), (11.0, 25), (11.2, 30), (11.6, 40), (11.9, 45)]
    assert rates(marks, 10) == pytest.approx([0.0, 400.0])
    assert rates(marks[:1] + marks[2:4], 1) == pytest.approx([25 / 1.2])
    assert rates([(10.0, 5), (10.2, 9)], 1) == []
