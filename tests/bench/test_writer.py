"""`exchange bench writer`, small: all rows are there, and it says how far the writer was behind."""

import json
from pathlib import Path

import pytest

from bench.writer import main
from tests.bench.report.form import assert_form


def test_a_small_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "writer.json"
    assert main(["--events", "3000", "--rate", "5000", "--seconds", "0.5", "--json", str(report)]) == 0
    result = json.loads(report.read_text())
    assert_form(result, "writer")
    assert result["events"] >= 3_000 and result["events_per_second"] > 0
    assert 0 < result["lag_s"]["p50"] <= result["lag_s"]["p99"] <= result["lag_s"]["max"]
    assert 2 * result["rows"]["trades"] == result["rows"]["fills"] > 100 and result["rows"]["orders"] > 1_000
    assert "as the events say" in capsys.readouterr().out
