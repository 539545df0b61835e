"""How much of a reader its inputs reach: lines and branches of the modules, or of the functions, that are under test.

    python -m tests.fuzz.covered http FOLDER        as JSON (`python -m tests.fuzz --coverage` asks so for each target)

A process of its own, on a sample, so that the counting slows nothing else; kernels run as plain Python in it. A few
inputs that together reach all lines that the sample reaches are kept in corpus/TARGET/, and are tests (test_fuzz.py).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import coverage
import numpy as np

ROOT: Final = Path(__file__).resolve().parents[2]
CORPUS: Final = Path(__file__).with_name("corpus")
FIRST: Final = 10**13  # where no long run comes to
_HTTP: Final = ("ingress/http/protocol.py", "ingress/http/head.py", "ingress/http/asgi.py:read_body")
_ORDER: Final = ("ingress/fast_path/order_kernel.py", "ingress/fast_path/request_kernel.py")
_MESSAGE: Final = tuple(
    f"ingress/fast_path/message_kernel.py:{name}" for name in ("read_messages", "_read", "_mark", "_name", "_id")
)
_BLOCK: Final = ("engine_core/wire/streams.py:decode_block", "engine_core/wire/streams.py:encode_block")
_CONFIGURATION: Final = tuple(
    f"engine_core/config/{name}.py" for name in ("exchange_toml", "toml_section", "edge_limits")
)
UNDER_TEST: Final = {  # files, or functions of them
    "order-request-and-llhttp": _ORDER,
    "order-message-compiled": _MESSAGE,
    "http": _HTTP,
    "http-behind-nginx": _HTTP,
    "order-request": _ORDER,
    "batch-request": ("ingress/fast_path/batch_kernel.py", *_ORDER),
    "order-message": _MESSAGE,
    "json-members": ("ingress/requests/signed_json.py",),
    "query-and-cookie": (
        "ingress/requests/signed_json.py:parse_query",
        "ingress/access/authenticator.py:cookie_of",
    ),
    "websocket": ("ingress/order_entry/socket.py", "ingress/fast_path/message_kernel.py:take_texts"),
    "block": _BLOCK,
    "commands": ("engine_core/book",),
    "snapshot": ("engine_core/runtime/snapshots/snapshot.py:read",),
    "configuration": _CONFIGURATION,
    "command-line": ("engine_core/cli.py:_parser", "engine_core/arguments.py"),
}
SAMPLES: Final = {"commands": 100, "snapshot": 100, "configuration": 200, "websocket": 300}
SAMPLE: Final = 3_000
NOT_KEPT: Final = {  # inputs of another target again, or large
    *("order-request-and-llhttp", "order-message-compiled", "http-behind-nginx", "snapshot"),
}


@dataclass
class Covered:
    sample: int = 0
    lines: int = 0
    of_lines: int = 0
    branches: int = 0
    of_branches: int = 0

    def add(self, summary: dict[str, int]) -> None:
        self.lines += summary["covered_lines"]
        self.of_lines += summary["num_statements"]
        self.branches += summary["covered_branches"]
        self.of_branches += summary["num_branches"]


def measured(name: str, corpus: Path = CORPUS) -> dict[str, Any]:
    """In another process, whose numbers these are; few of its inputs are kept in `corpus`, instead of those there."""
    command = [sys.executable, "-m", "tests.fuzz.covered", name, str(corpus)]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONWARNINGS": "ignore"}
    shutil.rmtree(corpus / name, ignore_errors=True)
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "under_test": UNDER_TEST[name]}


def _measure(name: str, corpus: Path) -> Covered:
    counting = coverage.Coverage(branch=True, source=["ingress", "engine_core"], data_file=None, config_file=False)
    counting.start()
    from tests.fuzz import __main__ as fuzz  # only now: what importing executes counts as well

    covered = Covered(SAMPLES.get(name, SAMPLE))
    with np.errstate(over="ignore"):
        for number in range(FIRST, FIRST + covered.sample):
            counting.switch_context(str(number))
            fuzz.check_one(name, number)
    counting.stop()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        counting.json_report(outfile=str(report))
        files: dict[str, Any] = json.loads(report.read_text())["files"]
    reached: list[set[int]] = []  # for each line by which inputs
    for wanted in UNDER_TEST[name]:
        path, _, function = wanted.partition(":")
        found = {file: details for file, details in files.items() if file.startswith(path)}
        assert found, f"{path} was not imported"
        for file, details in found.items():
            part = details["functions"][function] if function else details
            covered.add(part["summary"])
            inputs = counting.get_data().contexts_by_lineno(str(ROOT / file))
            reached += [{int(each) for each in inputs[line] if each} for line in part["executed_lines"]]
    if name not in NOT_KEPT:
        for number in _few(reached):
            fuzz.keep(corpus, name, number, fuzz.input_of(name, number))
    return covered


def _few(reached: list[set[int]]) -> set[int]:
    """Inputs that together reach every line: first for those that the fewest reach."""
    chosen: set[int] = set()
    for inputs in sorted(filter(None, reached), key=len):
        if not inputs & chosen:
            chosen.add(min(inputs))
    return chosen


if __name__ == "__main__":
    print(json.dumps(asdict(_measure(sys.argv[1], Path(sys.argv[2])))))
