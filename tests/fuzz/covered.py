"""How much of a reader its inputs reach: lines and branches of the modules, or of the functions, that are under test.

    python -m tests.fuzz.covered http        as JSON (`python -m tests.fuzz --coverage` asks so for each target)

A process of its own, on a sample, so that the counting slows nothing else; kernels run as plain Python in it.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import coverage
import numpy as np

ROOT: Final = Path(__file__).resolve().parents[2]
FIRST: Final = 10**13  # where no long run comes to
_HTTP: Final = ("ingress/http/protocol.py", "ingress/http/head.py", "ingress/http/asgi.py:read_body")
_ORDER: Final = ("ingress/fast_path/order_kernel.py", "ingress/fast_path/request_kernel.py")
_MESSAGE: Final = ("ingress/fast_path/message_kernel.py",)
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
    "order-message": _MESSAGE,
    "json-members": ("ingress/requests/signed_json.py",),
    "query-and-cookie": (
        "ingress/requests/signed_json.py:parse_query",
        "ingress/access/authenticator.py:cookie_of",
    ),
    "websocket": ("ingress/order_entry/socket.py",),
    "block": _BLOCK,
    "commands": ("engine_core/book",),
    "snapshot": ("engine_core/runtime/snapshots/snapshot.py:read",),
    "configuration": _CONFIGURATION,
    "command-line": ("engine_core/cli.py:_parser", "engine_core/arguments.py"),
}
SAMPLES: Final = {"commands": 400, "snapshot": 300, "configuration": 500, "websocket": 1_000}
SAMPLE: Final = 4_000


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


def measured(name: str) -> dict[str, Any]:
    """In another process, whose numbers these are."""
    command = [sys.executable, "-m", "tests.fuzz.covered", name]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "under_test": UNDER_TEST[name]}


def _measure(name: str) -> Covered:
    counting = coverage.Coverage(branch=True, source=["ingress", "engine_core"], data_file=None, config_file=False)
    counting.start()
    count = SAMPLES.get(name, SAMPLE)
    with np.errstate(over="ignore"):
        _run(name, count)
    counting.stop()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        counting.json_report(outfile=str(report))
        files: dict[str, Any] = json.loads(report.read_text())["files"]
    covered = Covered(count)
    for wanted in UNDER_TEST[name]:
        path, _, function = wanted.partition(":")
        found = [details for file, details in files.items() if file.startswith(path)]
        assert found, f"{path} was not imported"
        for details in found:
            covered.add((details["functions"][function] if function else details)["summary"])
    return covered


def _run(name: str, count: int) -> None:
    from tests.fuzz import __main__ as fuzz  # only now: what importing executes counts as well
    from tests.fuzz import loops, targets

    if name not in fuzz.COMPILED:
        fuzz.run(name, FIRST, count)
        return
    for number in range(FIRST, FIRST + count):
        if name == "order-message-compiled":
            targets.check_message(loops.made(number, fuzz.MESSAGE_SEEDS) + b"}", random.Random())
        else:
            targets.check_order(loops.made(number, fuzz.ORDER_SEEDS), random.Random())


if __name__ == "__main__":
    print(json.dumps(asdict(_measure(sys.argv[1]))))
