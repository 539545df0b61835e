"""A task in the background that fails ends its process, which a supervisor starts again: it would look well otherwise,
and, as here, show no ticker for ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import free_port, process

FAILING = """
import {role}.__main__ as role
async def keep_filling(*_):
    raise KeyError("of a test")
role.keep_filling = keep_filling
role.main()
"""


@pytest.mark.processes
@pytest.mark.parametrize(
    ("role", "last_words"),
    [
        ("ingress", "exchange ingress: statistics of the time before failed: KeyError('of a test')"),
        ("egress", "egress stops: statistics of the time before failed: KeyError('of a test')"),
    ],
)
def test_a_background_task_that_fails_ends_the_process(
    valkey: str, runtime: Path, tmp_path: Path, role: str, last_words: str
) -> None:
    environment = {"REDIS_URL": valkey, "EXCHANGE_RUNTIME": str(runtime), "EXCHANGE_DATA": str(tmp_path)}
    environment |= {"EXCHANGE_WS_PORT": str(free_port()), "EXCHANGE_HTTP_PORT": str(free_port())}
    environment |= {"EXCHANGE_PROFILE": "bare", "EXCHANGE_METRICS_PORT": "0", "DATABASE_URL": "postgresql://nowhere/x"}
    with process("engine_core.runtime", environment, tmp_path):
        command = [sys.executable, "-c", FAILING.format(role=role)]
        ended = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=240, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == last_words
    assert "KeyError: 'of a test'" in ended.stderr, "its traceback is logged"
