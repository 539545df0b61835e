"""docker/valkey as it is, on a real Valkey: a new password holds, also where files remember the old one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from engine_core.host.embedded import valkey_binary
from tests.docker.compose import DOCKER
from tests.exchange import eventually
from tests.processes import free_port


@contextmanager
def running(script: str, folder: Path, password: str) -> Iterator[redis.Redis]:
    """The script with `folder` for /data and a port of the test, which the name valkey-server adds."""
    port = free_port()
    program = folder / "bin" / "valkey-server"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nfile=$1\nshift\nexec {valkey_binary()} "$file" --port {port} "$@"\n')
    program.chmod(0o755)
    text = (DOCKER / "valkey" / script).read_text(encoding="utf-8").replace("/data", str(folder))
    variables = {"REDISCLI_AUTH": password, "ANNOUNCE": "localhost", "VALKEY_FSYNC": "everysec", "MIN_REPLICAS": "0"}
    environment = os.environ | variables | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(["sh", "-c", text], env=environment, stdout=log, stderr=log)
    client = redis.Redis(port=port, password=password)
    try:
        eventually(lambda: _answers(client), bool, f"{script} answers")
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(60)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.BusyLoadingError:
        return False
    except redis.exceptions.AuthenticationError:
        return pytest.fail("it has another password")
    except redis.exceptions.ConnectionError:
        return False


def test_a_server_that_a_fail_over_had_write_its_settings_takes_a_new_password(tmp_path: Path) -> None:
    with running("server.sh", tmp_path, "old") as client:
        client.config_rewrite()  # as sentinels have it do
        client.set("kept", 1)
    assert "user default" in (tmp_path / "valkey.conf").read_text()
    with running("server.sh", tmp_path, "new") as client:
        assert client.get("kept") == b"1"


def test_a_sentinel_takes_a_new_password_and_keeps_what_it_knows(tmp_path: Path) -> None:
    knows = (
        "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\nsentinel monitor exchange localhost 6399 2\n"
    )
    passwords = "sentinel auth-pass exchange old\nsentinel sentinel-pass old\n"
    (tmp_path / "sentinel.conf").write_text(f"requirepass old\n{knows}{passwords}")
    for password in ("new", "newer"):
        with running("sentinel.sh", tmp_path, password) as client:
            monitored = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "exchange")
            assert [part.decode() for part in monitored] == ["localhost", "6399"]
            client.execute_command("SENTINEL", "FLUSHCONFIG")
    text = (tmp_path / "sentinel.conf").read_text()
    assert text.count("newer") >= 3 and '"new"' not in text and "old" not in text
