"""The sources of another commit, installed in an environment of their own, for as long as they are measured."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.report.result import ROOT

RESULT_FORM = Path("bench/report/result.py")


class CheckoutError(Exception):
    """The commit cannot be had, or cannot be installed; says why."""


@contextmanager
def checkout(revision: str, say: Callable[[str], None], root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """(a temporary folder, the Python in it that has `revision` installed); both are gone afterwards."""
    commit = resolve(root, revision)
    folder = Path(tempfile.mkdtemp(prefix="xb-against-"))
    sources = folder / "sources"
    try:
        _call(["git", "-C", str(root), "worktree", "add", "--quiet", "--detach", str(sources), commit], "git worktree")
        if not (sources / RESULT_FORM).is_file():
            raise CheckoutError(f"{revision} writes its results in another form: it has no {RESULT_FORM}")
        yield folder, install(sources, folder / "environment", say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["git", "-C", str(root), "worktree", "prune"], capture_output=True, check=False)


def resolve(root: Path, revision: str) -> str:
    command = ["git", "-C", str(root), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        where = "" if (root / ".git").exists() else ": it is no clone of the repository"
        raise CheckoutError(f"{revision!r} is no commit of {root}{where}")
    return done.stdout.strip()


def install(sources: Path, environment: Path, say: Callable[[str], None]) -> str:
    """Its packages as its own lock file has them, and the sources; the environment's Python. What pip unpacks stands
    beside it: when we are stopped, pip is killed and does not clean up."""
    temporary = environment.with_name("temporary")
    temporary.mkdir()
    variables = {"TMPDIR": str(temporary)}
    say("its environment")
    _call([sys.executable, "-m", "venv", str(environment)], "venv")
    python = str(environment / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    say("its packages")
    _call([*pip, "-r", str(sources / "requirements.txt")], "pip", variables)
    _call([*pip, "--no-deps", "--editable", str(sources)], "pip", variables)
    say("its kernels")
    _call([python, "-P", "-m", "engine_core.cli", "warm"], "exchange warm")
    return python


def _call(command: Sequence[str], what: str, variables: Mapping[str, str] | None = None) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    environment |= variables or {}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise CheckoutError(f"{what}: {lines[-1].strip() if lines else f'exit status {done.returncode}'}")
