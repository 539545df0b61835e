"""The page's own checks: types, lint with the direction of imports, size, and the tests of its modules."""

import os
import shutil
import subprocess

import pytest

from tests.browser.conftest import ROOT, missing

PAGE = ROOT / "frontend"
OWN_NPM = ROOT / ".venv/bin/npm"  # where the system has none, `make setup` fetches one


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_pages_own_checks_pass(script: str) -> None:
    npm = shutil.which("npm") or (str(OWN_NPM) if OWN_NPM.exists() else None)
    if npm is None or not (PAGE / "node_modules").is_dir():
        missing("no Node, or the page's packages are not installed (make setup)")
    path = f"{os.path.dirname(npm)}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [npm, "run", "--silent", script],
        cwd=PAGE,
        env=os.environ | {"PATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
