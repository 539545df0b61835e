"""An exchange for one benchmark: in a folder of its own, without limits, demo activity and other people's settings."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.load.targets.api import BenchError
from engine_core.operator.target.running import told_by

START_SECONDS = 300.0  # with an empty kernel cache
STOP_SECONDS = 60.0
READY = "Ctrl-C stops it"


def own_environment() -> dict[str, str]:
    """Ours without what names another exchange and its servers."""
    servers = ("REDIS_URL", "DATABASE_URL")
    return {
        name: value
        for name, value in os.environ.items()
        if name == "EXCHANGE_CACHE_DIR" or not (name.startswith("EXCHANGE_") or name in servers)
    }


@contextmanager
def own_exchange(
    folder: Path, python: str = sys.executable, *options: str, variables: Mapping[str, str] | None = None
) -> Iterator[int]:
    """`exchange up` on `folder`, of the sources that `python` has installed; its pid."""
    command = [python, "-P", "-m", "engine_core.cli", "up", "--data", str(folder), "--profile", "bare"]
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--http", "0", "--ws", "0", *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=own_environment() | dict(variables or {}),
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while READY not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"the exchange did not start:\n{log.read_text()}")
            time.sleep(0.1)
        while not _has_statistics(folder):
            if time.monotonic() > deadline:
                raise BenchError(f"{folder}: the exchange does not show its tickers")
            time.sleep(0.1)
        yield process.pid
    finally:
        runtime = _runtime(folder)
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if runtime is not None:  # what an exchange keeps in memory for its next start, and this one has none
            shutil.rmtree(runtime, ignore_errors=True)


def _runtime(folder: Path) -> Path | None:
    """Where it has its sockets and rings; None if it never came so far."""
    try:
        return Path(json.loads((folder / "run.json").read_text())["runtime"])
    except (OSError, ValueError, KeyError):
        return None


def _has_statistics(folder: Path) -> bool:
    """Whether it has read from its log what tickers add up to; orders are accepted before."""
    url = json.loads((folder / "run.json").read_text())["http"]
    try:
        told_by(f"{url}/api/v1/tickers", 10)
        return True
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 503:
            raise BenchError(f"{url}/api/v1/tickers is answered with {error.code}") from None
        return False
