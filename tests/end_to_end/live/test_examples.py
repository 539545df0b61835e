"""The programs in README.md and docs/api.md do what the documents say, typed in as they stand there."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exchange import Exchange

ROOT = Path(__file__).parents[3]
CODE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAMS = [
    (name, number, program)
    for name in ("README.md", "docs/api.md")
    for number, program in enumerate(CODE.findall((ROOT / name).read_text(encoding="utf-8")))
]
SAID = {  # in what a program prints, in this order
    ("README.md", 0): ("'status': 'New'", "'free': ", "140"),
    ("README.md", 1): ("'status': 'Cancelled'", "'status': 'Cancelled'"),
    ("README.md", 2): ('"cancelOnDisconnect":true', '"status":"New"'),
    ("docs/api.md", 0): ("New\n1.5\nCancelled\n", "'RESOURCE_NOT_FOUND'"),
}


@pytest.mark.parametrize(("name", "number", "program"), PROGRAMS, ids=lambda value: str(value)[:40].split("\n")[0])
def test_a_program_of_the_documents_runs(
    exchange: Exchange, tmp_path: Path, name: str, number: int, program: str
) -> None:
    if (name, number) not in SAID:  # a part of one
        compile(program, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        return
    (tmp_path / "data").symlink_to(exchange.data.absolute())
    http, ws = exchange.run["http"], exchange.run["ws"]
    for documented, actual in (
        ("http://127.0.0.1:8080", http),
        ("ws://127.0.0.1:8080", http.replace("http", "ws", 1)),
        ("ws://127.0.0.1:8081", ws),
    ):
        program = program.replace(documented, actual)
    ran = subprocess.run(
        [sys.executable, "-c", program.replace("time.sleep(1)", "time.sleep(0)")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert ran.returncode == 0, ran.stderr
    found = re.search(".*".join(map(re.escape, SAID[name, number])), ran.stdout, re.DOTALL)
    assert found, ran.stdout
