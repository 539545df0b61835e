"""`exchange bench shards`, small: two shards trade, every order is accounted for, and each role's processor time is
there."""

import argparse
import json
from pathlib import Path

import pytest

from bench.shards import main, numbers
from tests.bench.report.form import assert_form


def test_a_small_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "shards.json"
    arguments = ["--shards", "2", "--rate", "100", "--seconds", "1", "--rounds", "1", "--json", str(report)]
    assert main(arguments) == 0, capsys.readouterr().err
    result = json.loads(report.read_text())
    assert_form(result, "shards")
    (cost,) = result["costs"]["2"]
    assert 50 < cost["orders"] < 200 and 0 < cost["an_entry"] < 3
    assert {"engine", "ingress", "egress", "writer", "valkey"} <= cost["cpu_us"].keys()
    assert all(spent > 0 for spent in cost["cpu_us"].values())
    assert "x 1.00" in capsys.readouterr().out


@pytest.mark.parametrize("text", ("", "0", "1,1", "17", "a", "1,,2", "1.5"))
def test_numbers_of_shards_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be numbers from 1 to 16, each once, like 1,2,3"):
        numbers(text)
