"""`exchange bench durability`, small: every order is answered, with the durability that has most to it."""

import json
from pathlib import Path

import pytest

from bench import durability
from tests.bench.report.form import assert_form


def test_a_small_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durability, "DURABILITIES", ("replicated",))  # each starts engines, which takes seconds
    report = tmp_path / "durability.json"
    assert durability.main(["--seconds", "0.2", "--rounds", "1", "--json", str(report)]) == 0, capsys.readouterr().err
    result = json.loads(report.read_text())
    assert_form(result, "durability")
    assert [figure["name"] for figure in result["results"]] == [
        f"replicated, {name}" for name in ("p50", "p99", "pipeline")
    ]
    assert all(figure["value"] > 0 for figure in result["results"])
