"""A short run of each target, and every input again that was kept: what a long run found, and the corpora."""

import random
from pathlib import Path

import pytest

from tests.fuzz.__main__ import COMPILED, FOUND, run
from tests.fuzz.covered import CORPUS, ROOT, UNDER_TEST, measured
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.timeout(600)  # the loops have to be compiled
INPUTS = {"http": 300, "http-behind-nginx": 100, "websocket": 30, "snapshot": 40, "configuration": 20, "commands": 200}
AFRESH = 10**12  # where a long run does not come to


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run(name: str) -> None:
    assert run(name, AFRESH, INPUTS.get(name, 500))


@pytest.mark.parametrize("name", COMPILED)
def test_a_short_run_of_the_compiled_loops(name: str) -> None:
    assert run(name, AFRESH, 200_000) > 1_000, "hardly anything is taken, so hardly anything is compared"


def test_what_is_under_test_is_there() -> None:
    assert set(UNDER_TEST) == {*COMPILED, *TARGETS}
    for where in {each.partition(":")[0] for wanted in UNDER_TEST.values() for each in wanted}:
        assert (ROOT / where).exists(), where


def test_coverage_is_counted(tmp_path: Path) -> None:
    """Of something quick: nearly all of it is reached. The corpus, which is tests of its own, stays as it is."""
    found = measured("order-message", tmp_path)
    assert any((tmp_path / "order-message").iterdir())
    assert found["lines"] > 0.9 * found["of_lines"] > 0 and found["branches"] > 0.8 * found["of_branches"] > 0


@pytest.mark.parametrize("path", [*sorted(FOUND.glob("*/*.bin")), *sorted(CORPUS.glob("*/*.bin"))], ids=str)
def test_what_was_kept(path: Path) -> None:
    TARGETS[path.parent.name].check(path.read_bytes(), random.Random(0))
