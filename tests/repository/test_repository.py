"""The repository: hooks, workflow and Makefile run the same linters, and the top level stays what it was."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "engine_core",
    "ingress",
    "egress",
    "persistence",
    "frontend",
    "bench",
    "docker",
    "tests",
    "docs",
    ".ci",
    ".github",
}


def _lint_commands() -> list[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^linted:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe is not None
    return [line.strip() for line in recipe[1].splitlines()]


def test_the_hooks_before_a_commit_are_the_linters_of_make_lint() -> None:
    configuration: Any = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (repository,) = configuration["repos"]
    assert repository["repo"] == "local"
    hooks = repository["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}  # nothing is downloaded
    assert [hook["entry"].removesuffix(" --force-exclude") for hook in hooks] == _lint_commands()


def test_the_workflow_runs_what_continuous_integration_runs() -> None:
    workflow: Any = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert {"run": ".ci/run"} in steps
    for form in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        content: Any = yaml.safe_load(form.read_text(encoding="utf-8"))
        assert form.name == "config.yml" or {"name", "description", "body"} <= set(content), form.name


def test_the_top_level_shows_the_architecture() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    assert {path.partition("/")[0] for path in tracked if "/" in path} == FOLDERS


def test_dependencies_have_the_lower_bounds_that_are_tested() -> None:
    """Those of the wheel: the minor versions of the lock, the older one where two Pythons have different ones."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    locked: dict[str, list[list[int]]] = {}
    for name, version in re.findall(
        r"(?m)^([\w.-]+)(?:\[\w+\])?==([\d.]+)", (ROOT / "requirements-dev.txt").read_text()
    ):
        locked.setdefault(name, []).append([int(part) for part in version.strip(".").split(".")])
    for dependency in (*project["dependencies"], *extras["bench"], *extras["otel"]):
        found = re.match(r"([\w.-]+)(?:\[\w+\])?>=(\d+)\.(\d+)(;|$)", dependency)
        assert found, f"{dependency} has no lower bound of two numbers"
        assert min(locked[found[1]])[:2] == [int(found[2]), int(found[3])], f"{dependency}, locked: {locked[found[1]]}"
