"""A role that is started alone, on a folder where no exchange runs: a line that says so, and nothing is written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine_core.cli import ALONE
from engine_core.config.settings import session_secret
from engine_core.config.toml_section import ConfigError
from tests.operator.test_cli import exchange


@pytest.mark.parametrize("role", ALONE)
def test_a_role_that_nobody_told_where_redis_is_ends(tmp_path: Path, role: str) -> None:
    there = tmp_path / "there"
    there.mkdir()
    for data in (there, tmp_path / "none", Path("/proc")):
        done = exchange(role, "--data", str(data))
        assert done.returncode == 1 and done.stderr.startswith(f"error: no exchange runs on {data}:"), done
        assert done.stderr.count("\n") == 1 and "REDIS_URL" in done.stderr
    assert not any(there.iterdir()) and not (tmp_path / "none").exists()


@pytest.mark.parametrize("role", ["ingress", "egress"])
def test_a_folder_that_takes_no_secret_is_named(role: str) -> None:
    done = exchange(role, "--data", "/proc", REDIS_URL="unix:///nowhere.sock")
    assert done.returncode == 1 and "/proc/session-secret: there is no secret" in done.stderr, done
    assert "Traceback" not in done.stderr
    with pytest.raises(ConfigError, match="EXCHANGE_SESSION_SECRET"):
        session_secret(Path("/proc"))


@pytest.mark.parametrize("role", ["ingress", "egress"])
def test_a_redis_that_stays_away_ends_in_words(tmp_path: Path, role: str) -> None:
    seconds = "feed.OPEN_SECONDS, feed.LOG_AFTER_SECONDS = 2.0, 0.0"
    hurried = f"from engine_core.transport import feed; {seconds}; from {role}.__main__ import main; main()"
    told = {"REDIS_URL": "unix:///nowhere.sock", "EXCHANGE_DATA": str(tmp_path), "EXCHANGE_HTTP_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", hurried], env={**os.environ, **told}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and done.stderr.count("Redis cannot be reached") == 2, done
    assert "waiting 2 s at most for the log: Redis" in done.stderr  # before it gives up, and once
    assert "Traceback" not in done.stderr
