"""A run of tests ends and says what failed, also where a test takes its worker with it or leaves a server open."""

import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFTEST = """
    from tests.scheduling import OneExchangeOneWorker
    def pytest_xdist_make_scheduler(config, log):
        return OneExchangeOneWorker(config, log)
"""


def run(folder: Path, test: str, *options: str) -> str:
    (folder / "conftest.py").write_text(textwrap.dedent(CONFTEST))
    (folder / "test_it.py").write_text(textwrap.dedent(test))
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder)]
    command += ["-p", "no:cacheprovider", *options, "test_it.py"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)
    return ended.stdout


def test_what_a_worker_died_of_is_not_run_again(tmp_path: Path) -> None:
    output = run(
        tmp_path,
        """
        import os, pytest
        @pytest.mark.parametrize("n", range(9))
        def test(n):
            if n == 4:
                os._exit(1)
        """,
        *("-n", "2"),
    )
    assert "1 failed, 8 passed" in output and output.count("FAILED test_it.py::test[4]") == 1, output


def test_a_server_left_open_by_a_failure_is_no_hang(tmp_path: Path) -> None:
    output = run(
        tmp_path,
        """
        import asyncio, uvloop
        def test():
            async def serve():
                await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
                raise ValueError("why it failed")
            uvloop.run(serve())
        """,
    )
    assert "ValueError: why it failed" in output and "1 failed" in output, output
