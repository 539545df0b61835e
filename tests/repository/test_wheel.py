"""The package as others get it: a wheel in a venv of its own has the version, the command, the schema, the types, the
page, and runs the exchange in an empty folder. `make pythons` does the last with every Python, and packages from PyPI.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy
import pytest

from engine_core import VERSION
from tests.repository.pythons import bought_and_sold, installed, page_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "frontend" / "dist" / "index.html"
PACKAGES = ("engine_core", "ingress", "egress", "persistence", "bench")
PROGRAM = """
from engine_core import VERSION
from engine_core.wire.units import parse_decimal

atoms: int = parse_decimal("1.5", 6)
reveal_type(VERSION)
reveal_type(parse_decimal)
wrong: str = parse_decimal("1.5", 6)
"""


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_REQUIRE"))}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since setuptools leaves its own files in the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__", "results"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "exchange.toml", ".ci/backend.py", "frontend/dist"):
        place = source / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, place)
    with_ours = "--no-build-isolation"  # the setuptools that is installed: no test fetches anything
    said = run(sys.executable, "-m", "pip", "wheel", "--no-deps", with_ours, "--wheel-dir", folder, source, cwd=folder)
    made = list(folder.glob("*.whl"))
    assert len(made) == 1, said
    return made[0]


@pytest.fixture(scope="module")
def python(wheel: Path) -> Path:
    """Of a new venv with the wheel; what it depends on is read from where this Python has it."""
    venv = wheel.parent / "venv"
    run(sys.executable, "-m", "venv", venv, cwd=wheel.parent)
    python = venv / "bin" / "python"
    said = run(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=wheel.parent)
    assert "Successfully installed exchange" in said, said
    site = next(venv.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(f"{Path(numpy.__file__).parents[1]}\n", encoding="utf-8")
    return python


def test_it_holds_the_code_the_schema_and_the_licence(wheel: Path) -> None:
    assert wheel.name == f"exchange-{VERSION}-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    code = {str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    schema = {str(path.relative_to(ROOT)) for path in (ROOT / "persistence/schema").glob("*.sql")}
    assert code <= names and schema and schema <= names
    assert "engine_core/config/exchange.toml" in names
    assert f"exchange-{VERSION}.dist-info/licenses/LICENSE" in names
    assert not any(name.startswith("tests/") for name in names)


def test_its_command_runs(python: Path, tmp_path: Path) -> None:
    exchange = python.with_name("exchange")
    assert run(exchange, "--version", cwd=tmp_path) == f"exchange {VERSION}\n"
    assert "start everything" in run(exchange, "--help", cwd=tmp_path)
    where = run(python, "-c", "import engine_core; print(engine_core.__file__)", cwd=tmp_path)
    assert where.startswith(str(python.parents[1]))


def test_its_types_are_seen(python: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    said = run(sys.executable, "-m", "mypy", "--strict", "--python-executable", python, "program.py", cwd=tmp_path)
    assert 'Revealed type is "str"' in said and "def (text: str, decimals: int) -> int" in said
    assert "Found 1 error" in said and 'expression has type "int", variable has type "str"' in said


def test_it_runs_everything_in_an_empty_folder(python: Path, tmp_path: Path) -> None:
    """Without Node, make, or this repository; the kernels are those of the same sources, compiled before."""
    if not PAGE.is_file():
        pytest.skip("the page is not built: there is no Node (make setup says more)")
    exchange = installed(python, tmp_path)
    exchange.start()
    try:
        assert str(python.parents[1]) in exchange.run["config"]
        page, script = page_of(exchange)
        assert page == PAGE.read_bytes() and script == next(PAGE.parent.glob("assets/index-*.js")).read_bytes()
        bought_and_sold(exchange)
        assert exchange.verified()["ok"]
        assert exchange.stop() == 0
    finally:
        exchange.end()


def test_its_configuration_can_be_had(python: Path, tmp_path: Path) -> None:
    assert run(python.with_name("exchange"), "config", cwd=tmp_path) == (ROOT / "exchange.toml").read_text("utf-8")
    (tmp_path / "exchange.toml").write_text("# mine\n", encoding="utf-8")
    assert run(python.with_name("exchange"), "config", cwd=tmp_path) == "# mine\n"
