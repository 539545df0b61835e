"""`exchange bench compare` says what changed, and when it cannot say."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.compare import statistics
from bench.compare.__main__ import SAME, UNKNOWN, WORSE, main
from bench.compare.statistics import change, holm
from bench.compare.verdict import compare
from bench.report.result import FORM
from tests.bench.report.form import document

QUIET = np.linspace(0.995, 1.005, 8)  # noise of half a percent
ALL = re.compile("")


def figure(samples: Any, better: str = "higher", unit: str = "orders/s", name: str = "rate") -> dict[str, Any]:
    values = [float(each) for each in samples]
    return {"name": name, "value": values[0], "unit": unit, "better": better, "samples": values[1:] and values}


SAMPLE = document(figure(QUIET))


def compared(tmp_path: Path, before: object, after: object, *options: str) -> int:
    paths = tmp_path / "before.json", tmp_path / "after.json"
    for path, content in zip(paths, (before, after), strict=True):
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return main([*map(str, paths), *options])


@pytest.mark.parametrize(
    ("factor", "better", "status", "word"),
    [
        (1.0, "higher", SAME, "1 same"),
        (0.9, "higher", WORSE, "1 worse"),
        (1.1, "higher", SAME, "1 better"),
        (1.1, "lower", WORSE, "1 worse"),
        (0.9, "lower", SAME, "1 better"),
        (0.99, "higher", SAME, "1 same"),  # certain, but less than the tolerance
    ],
)
def test_a_change_beyond_noise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: float, better: str, status: int, word: str
) -> None:
    sides = (document(figure(1000 * scale * QUIET, better)) for scale in (1.0, factor))
    assert compared(tmp_path, *sides) == status
    assert word in capsys.readouterr().out


def test_too_much_noise_cannot_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noisy = [100, 180, 90, 240, 130, 60]
    assert compared(tmp_path, document(figure(noisy)), document(figure([*noisy[::-1], 70]))) == UNKNOWN
    assert "1 cannot tell" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (document(figure([5])), document(figure([9])), "1 measured, 4 are needed"),
        (document(figure([0.0] * 5)), document(figure([1.0] * 5)), "zero has no ratio"),
        (SAMPLE | {"parameters": {"block": 8}}, SAMPLE | {"parameters": {"block": 256}}, "block is 8 and 256"),
        (SAMPLE, SAMPLE | {"machine": {"processor": "another", "cores": 2}}, "other machines"),
        (SAMPLE, document(figure(QUIET, unit="orders/min")), "the unit is 'orders/s' and 'orders/min'"),
        (SAMPLE, document(figure(QUIET, better="lower")), "better is 'higher' and 'lower'"),
        (SAMPLE, document(figure(QUIET, better="")), "better is 'higher' and ''"),
        (SAMPLE, document(figure(QUIET), name="other"), "no figure that both have"),
        (document(figure(QUIET, better="")), document(figure(QUIET, better="")), "no figure that both have"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: object, after: object, words: str
) -> None:
    assert compared(tmp_path, before, after) == UNKNOWN
    assert words in capsys.readouterr().out


def test_ratios_are_compared_across_machines_and_places_do_not_matter(tmp_path: Path) -> None:
    ratio = figure(QUIET, unit="x")
    other = document(ratio, machine={"processor": "another", "cores": 64}, parameters={"data": "b"})
    assert compared(tmp_path, document(ratio, parameters={"data": "a"}), other) == SAME


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not the --json file of a benchmark"),
        ("[" * 100_000, "is not JSON"),
        ({"form": "other"}, "has no form"),
        ({"form": FORM, "runs": [{"name": "any"}]}, "missing required field"),
        (document({"name": "rate", "value": "fast"}), "at `$.results[0].value`"),
        (document({"name": "rate", "value": None}), "at `$.results[0].value`"),
    ],
)
def test_another_file_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object, words: str
) -> None:
    assert compared(tmp_path, content, document(figure(QUIET))) == UNKNOWN
    assert words in capsys.readouterr().err


def test_only_some_figures_and_the_json(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    before = document(figure(QUIET), figure(QUIET, name="p99", better="lower"))
    after = document(figure(QUIET), figure(2 * QUIET, name="p99", better="lower"))
    assert compared(tmp_path, before, after) == WORSE
    assert compared(tmp_path, before, after, "--figures", "rate", "--json", str(out)) == SAME
    (found,) = json.loads(out.read_text())["comparisons"]
    assert found["verdict"] == "same" and found["change"]["ratio"] == 1


def test_several_runs_are_compared_by_their_values_not_their_samples() -> None:
    """Within one run all is quiet; from run to run it is not."""
    before, after = (
        [document(figure(scale * value * QUIET)) for value in (1.0, 1.3, 0.8, 1.1, 0.9, 1.2)] for scale in (1.0, 1.02)
    )
    (found,) = compare(before, after, tolerance=0.01, figures=ALL)
    assert found.verdict == "cannot tell" and len(found.pair.before) == 6
    (paired,) = compare(before, after, tolerance=0.01, figures=ALL, interleaved=True)
    assert paired.verdict == "better", "what drifts is taken out of pairs"


def test_chance_is_what_its_name_says() -> None:
    """Of two sides that are alike, one in twenty differs at the level of one in twenty, with pairs and without."""
    random = np.random.default_rng(1)
    for paired in (False, True):
        found = [change(*random.lognormal(size=(2, 6)), paired=paired) for _ in range(400)]
        assert 0.01 < np.mean([each.chance < 0.05 for each in found if each]) < 0.09


@pytest.mark.parametrize("paired", (False, True))
def test_of_many_measurements_the_same_is_said_without_drawing(paired: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    before, after = random.lognormal(0, 0.1, 400), random.lognormal(0.01, 0.1, 400)
    many = change(before, after, paired=paired)
    monkeypatch.setattr(statistics, "MANY", 1_000)
    drawn = change(before, after, paired=paired)
    assert many and drawn and 0.05 < drawn.chance < 0.5
    assert (many.chance, many.low, many.high) == pytest.approx((drawn.chance, drawn.low, drawn.high), abs=0.01)


def test_samples_of_a_whole_load_fit_into_memory() -> None:
    samples = np.random.default_rng(3).lognormal(0, 0.1, 300_000)
    found = change(samples, samples * 1.1, paired=False)
    assert found and found.chance < 0.001 and found.ratio == pytest.approx(1.1) and found.low < 1.1 < found.high
    assert (same := change(samples, samples, paired=True)) and same.chance == 1 and same.low <= 1 <= same.high


def test_a_busy_machine_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loads = ({"before": [load, 0.0, 0.0], "after": [9.0, 0.0, 0.0]} for load in (0.9, 1.1))  # on two cores
    compared(tmp_path, *(document(figure(QUIET), load=load) for load in loads))
    printed = capsys.readouterr().out
    assert "AFTER: the machine was busy with other work before any" in printed and "BEFORE" not in printed


def test_many_questions_ask_for_more() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_what_is_shown_is_what_the_result_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole run's ratio is not the mean of its rounds' ratios; the change is that of these."""
    out = tmp_path / "out.json"
    ratio = figure([0.6, 0.61, 0.59, 0.6, 0.6], unit="x") | {"value": 0.5105}
    alone = figure([7.25], name="alone")
    assert compared(tmp_path, document(ratio, alone), document(ratio, alone), "--json", str(out)) == UNKNOWN
    *_, first, second, _ = capsys.readouterr().out.splitlines()
    assert "0.5105 →     0.5105 x" in first and "7.25 →       7.25" in second
    shown = [each["pair"]["shown"] for each in json.loads(out.read_text())["comparisons"]]
    assert shown == [[0.5105, 0.5105], [7.25, 7.25]]
    runs = document(name="all", runs=[document(figure([value])) for value in (1.0, 4.0)])
    assert compared(tmp_path, runs, runs) == UNKNOWN
    assert " 2 →          2 " in capsys.readouterr().out, "the geometric mean of several runs"
