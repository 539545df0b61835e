"""`exchange bench recovery` in its smallest form: every part runs, and checks its own answers."""

import json
from pathlib import Path

from bench.recovery import main
from tests.bench.report.form import assert_form


def test_the_smallest_run(tmp_path: Path) -> None:
    report = tmp_path / "recovery.json"
    assert main(["--orders", "1000", "--commands", "1000", "--rounds", "1", "--json", str(report)]) == 0
    result = json.loads(report.read_text())
    assert_form(result, "recovery")
    assert result["open_orders"] == 1000
    assert set(result["replay_per_second"]) == {"256", "8", "1"}
    assert len(result["gaps_seconds"]) == 1 and result["snapshot_bytes"] > 0
