"""`exchange bench against REV`: both sides in turns, and nothing of the other commit stays behind."""

import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.against import __main__ as program
from bench.against import checkout as checkouts
from bench.against.checkout import RESULT_FORM, CheckoutError, checkout
from bench.all.plan import Step
from bench.all.running import Failed, Place
from bench.report.reading import read
from tests.bench.report.form import document


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with a commit that has the form of results, tagged `new`, after one that has not, tagged `old`."""
    root = tmp_path / "repository"
    (root / RESULT_FORM).parent.mkdir(parents=True)
    (root / "README.md").write_text("words\n")
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)

    git("init", "--quiet")
    for tag, path in (("old", "README.md"), ("new", str(RESULT_FORM))):
        (root / path).write_text(f"{tag}\n")
        git("add", "--all")
        git("commit", "--quiet", "-m", tag)
        git("tag", tag)
    monkeypatch.setattr(checkouts, "install", lambda sources, environment, say: str(environment / "python"))
    monkeypatch.setattr(checkouts.tempfile, "mkdtemp", lambda prefix: _folder(tmp_path / f"{prefix}1"))
    return root


def _folder(path: Path) -> str:
    path.mkdir()
    return str(path)


def worktrees(root: Path) -> int:
    command = ["git", "-C", str(root), "worktree", "list", "--porcelain"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.count("worktree ")


def test_a_commit_is_there_for_as_long_as_it_is_measured(repository: Path) -> None:
    with checkout("new", print, repository) as (folder, python):
        assert (folder / "sources" / RESULT_FORM).read_text() == "new\n"
        assert Path(python).parent.parent == folder and worktrees(repository) == 2
    assert not folder.exists() and worktrees(repository) == 1


@pytest.mark.parametrize("error", [Failed("broken"), KeyboardInterrupt()])
def test_it_is_gone_after_a_failure_as_well(repository: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), checkout("new", print, repository) as (folder, _):
        raise error
    assert not folder.exists() and worktrees(repository) == 1


@pytest.mark.parametrize(
    ("revision", "words"),
    [
        ("nowhere", "'nowhere' is no commit of"),
        ("--help", "'--help' is no commit of"),
        ("old", "old writes its results in another form"),
    ],
)
def test_what_cannot_be_measured_is_said(repository: Path, revision: str, words: str) -> None:
    with pytest.raises(CheckoutError, match=words), checkout(revision, print, repository):
        raise AssertionError("not reached")
    assert worktrees(repository) == 1 and not list(repository.parent.glob("xb-against-*"))


def test_what_pip_unpacks_goes_with_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the measurement is stopped, pip is killed."""
    calls = list[tuple[list[str], str]]()

    def run(command: list[str], env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append((command, env.get("TMPDIR", "")))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(checkouts.subprocess, "run", run)
    checkouts.install(tmp_path / "sources", tmp_path / "environment", print)
    of_pip = [folder for command, folder in calls if "pip" in command]
    assert len(of_pip) == 2 and all(
        Path(folder).is_relative_to(tmp_path) and Path(folder).is_dir() for folder in of_pip
    )


def test_outside_a_clone(tmp_path: Path) -> None:
    with pytest.raises(CheckoutError, match="no clone of the repository"), checkout("HEAD", print, tmp_path):
        raise AssertionError("not reached")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The order of the runs; the sources here are a tenth faster, on a machine whose speed doubles meanwhile."""
    order: list[str] = []
    speeds = (1000.0 * (1 + number / 12) for number in itertools.count())

    @contextmanager
    def there(revision: str, say: Callable[[str], None]) -> Iterator[tuple[Path, str]]:
        yield tmp_path, "python of REV"

    def run(place: Place, step: Step, size: str, seconds: float | None = None) -> dict[str, Any]:
        order.append("REV" if place.python == "python of REV" else "here")
        rate = next(speeds) * (1.2 if order[-1] == "here" else 1.0)
        figure = {"name": "rate", "value": rate, "unit": "orders/s", "better": "higher", "samples": []}
        return document(figure, label=step.name)

    monkeypatch.setattr(program, "checkout", there)
    monkeypatch.setattr(Place, "run", run)
    return order


def test_both_are_measured_in_turns_and_what_drifts_hits_both(
    runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    assert program.main(["HEAD~1", "pipeline", "--rounds", "8", "--json", str(out)]) == 0
    assert runs[:4] == ["REV", "here", "here", "REV"] and len(runs) == 16
    assert "1 better" in capsys.readouterr().out
    assert [each["label"] for each in read(out)["runs"]] == ["pipeline, REV"] * 8 + ["pipeline, here"] * 8
    (found,) = json.loads(out.read_text())["comparisons"]
    assert found["pair"]["paired"] and 1.1 < found["change"]["ratio"] < 1.3


def test_too_few_rounds_cannot_tell(runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["HEAD~1", "--rounds", "2"]) == 2
    assert "2 measured, 4 are needed" in capsys.readouterr().out


def test_a_failing_side_is_named(
    runs: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(place: Place, step: Step, size: str, seconds: float | None = None) -> dict[str, Any]:
        raise Failed("error: the wheel came off")

    monkeypatch.setattr(Place, "run", run)
    assert program.main(["HEAD~1", "pipeline"]) == 2
    error = capsys.readouterr().err
    assert "pipeline of REV failed" in error and "the wheel came off" in error


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main(["HEAD", "pipelines"])
    assert "no benchmark pipelines" in capsys.readouterr().err
