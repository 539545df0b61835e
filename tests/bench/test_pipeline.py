"""`exchange bench pipeline`, small: every command is answered, and what it says of limits."""

import json
from pathlib import Path

import pytest

from bench.pipeline import main
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
    printed = capsys.readouterr().out
    assert ("not a maximum: " in printed) != bool(result["limit"]) and maximum["text"] in printed
