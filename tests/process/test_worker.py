"""EXCHANGE_WORKER=auto: each process of a role has the lowest number that nobody has, and gives it back by dying."""

import os
import subprocess
import sys
from pathlib import Path

CLAIM = """
import os, sys
from engine_core.process import lifecycle
lifecycle.start(sys.argv[1])
print(os.environ["EXCHANGE_WORKER"], flush=True)
sys.stdin.read()
"""


def started(role: str, runtime: Path | None) -> "subprocess.Popen[str]":
    variables = {"EXCHANGE_WORKER": "auto"} | ({"EXCHANGE_RUNTIME": str(runtime)} if runtime else {})
    clean = {key: value for key, value in os.environ.items() if not key.startswith("EXCHANGE_")}
    return subprocess.Popen(
        [sys.executable, "-c", CLAIM, role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean | variables,
    )


def number_of(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_each_has_its_own_number_and_a_dead_ones_is_taken_again(runtime: Path) -> None:
    running = []
    try:
        for expected in (0, 1, 2):
            running.append(started("ingress", runtime))
            assert number_of(running[-1]) == expected
        running.append(started("egress", runtime))
        assert number_of(running[-1]) == 0
        running[1].kill()
        running[1].wait(60)
        running.append(started("ingress", runtime))
        assert number_of(running[-1]) == 1
    finally:
        for process in running:
            process.kill()
            process.communicate(timeout=60)


def test_without_a_common_folder_nobody_can_choose() -> None:
    process = started("ingress", None)
    output, said = process.communicate(timeout=60)
    assert process.returncode == 1 and output == "" and "EXCHANGE_RUNTIME must name the folder" in said
