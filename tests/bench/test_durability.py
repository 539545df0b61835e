"""`exchange bench durability`, small: with each durability every order is answered."""

import json
from pathlib import Path

import pytest

from bench.durability import main
from tests.bench.report.form import assert_form


def test_a_small_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "durability.json"
    assert main(["--seconds", "0.2", "--rounds", "1", "--json", str(report)]) == 0, capsys.readouterr().err
    result = json.loads(report.read_text())
    assert_form(result, "durability")
    assert {figure["name"].split(",")[0] for figure in result["results"]} == {"everysec", "always", "replicated"}
    assert all(figure["value"] > 0 for figure in result["results"])
