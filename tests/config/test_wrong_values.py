"""exchange.toml and the environment with what nobody should write: a ConfigError that names it, never anything else."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine_core.config.exchange_toml import Config, load
from engine_core.config.settings import Settings
from engine_core.config.toml_section import ConfigError
from persistence.config import PAUSE_MS, WriterConfig

SHIPPED = (Path(__file__).parents[2] / "exchange.toml").read_text(encoding="utf-8")
VALUES = (
    *('""', '" "', '"abc"', '"\\u0000"', '"ü€\\U0001F600"', f'"{"9" * 5000}"', f'"{"a" * 100_000}"', '"1e5"', '"-1"'),
    *("-1", "0", "1", "9223372036854775807", "9223372036854775808", "9" * 4000, "9" * 5000, "0x" + "f" * 9000, "1_0"),
    *("1.5", "-0.0", "1e400", "nan", "-inf", "true", "[]", "[1, [2]]", "{}", "{a = 1}", "1979-05-27", "07:32:00"),
)
LINES = [number for number, line in enumerate(SHIPPED.splitlines()) if re.match(r"\w+ *=", line)]


def attempt(path: Path) -> Config | None:
    try:
        return load(path)
    except ConfigError as error:
        assert str(path) in str(error) and len(str(error)) < 2000
        return None


def test_every_key_with_every_wrong_value(tmp_path: Path) -> None:
    path, lines = tmp_path / "exchange.toml", SHIPPED.splitlines()
    assert len(LINES) > 60
    small = {number: line for number, line in enumerate(lines) if number not in LINES}
    for number in LINES:
        key = lines[number].split("=")[0]
        for value in VALUES:
            changed = [*lines]
            changed[number] = f"{key}= {value}"
            path.write_text("\n".join(changed), encoding="utf-8")
            attempt(path)
    assert small


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        os.urandom(5000),
        SHIPPED.encode("utf-16"),
        b"\xef\xbb\xbf\xef\xbb\xbfx = 1",
        b"a = " + b"[" * 50_000,
        b"a = " + b"{b = " * 5_000,
        b"[" + b"a." * 20_000 + b"b]",
        b"x" * (2 * 2**20),
        b"assets = 5",
        b"[assets]\nUSDC = 5",
        b"[[assets]]\nnumber = 1",
        b'[markets."\\u0000_\\n"]\nnumber = 1',
        b"\r" * 50,
        b"[server]\nhost = 5\r\n",
    ],
)
def test_what_is_no_configuration(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "exchange.toml"
    path.write_bytes(content)
    assert attempt(path) is None


def test_what_editors_do_to_a_right_one(tmp_path: Path) -> None:
    path = tmp_path / "exchange.toml"
    for content in (
        b"\xef\xbb\xbf" + SHIPPED.encode(),
        SHIPPED.replace("\n", "\r\n").encode(),
        SHIPPED.rstrip("\n").encode(),
        SHIPPED.encode() + b"\n\n# \xc3\xbc \xe2\x82\xac\n",
    ):
        path.write_bytes(content)
        assert attempt(path) is not None


def test_things_that_are_not_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "loop", tmp_path / "none" / "x", Path("/dev/zero")):
        assert attempt(path) is None
    assert attempt(Path("/" + "x" * 300)) is None


TEXTS = ("abc", "-1", " ", "1.5", "9" * 30, "9" * 5000, "٣", "ü€", "\udcff", "/dev/null", "x/" * 3000, "nan", "0x1")
NAMES = (
    *("EXCHANGE_CONFIG", "EXCHANGE_DATA", "EXCHANGE_RUNTIME", "EXCHANGE_PROFILE", "EXCHANGE_SHARD", "EXCHANGE_HOST"),
    *("EXCHANGE_HTTP_PORT", "EXCHANGE_WS_PORT", "EXCHANGE_WORKER", "EXCHANGE_SESSION_SECRET", "EXCHANGE_METRICS_PORT"),
    *("REDIS_URL", "DATABASE_URL", "EXCHANGE_SHARDS"),
)


@pytest.mark.parametrize("name", NAMES)
def test_settings_of_a_wrong_environment(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in TEXTS:
        try:
            Settings.from_environment({"EXCHANGE_DATA": str(tmp_path), name: text})
        except ConfigError as error:
            assert name in str(error) or text[:20] in str(error), error


def test_the_writers_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"EXCHANGE_DATA": str(tmp_path), "DATABASE_URL": "postgresql://u@/d"}.items():
        monkeypatch.setenv(name, value)
    for text, pause_ms in {"": PAUSE_MS, "0": 0, "60000": 60_000}.items():
        monkeypatch.setenv("EXCHANGE_WRITER_PAUSE_MS", text)
        assert WriterConfig.from_environment().pause_ms == pause_ms
    for text in ("abc", "-1", "60001", "٣", "9" * 30, "9" * 5000):
        monkeypatch.setenv("EXCHANGE_WRITER_PAUSE_MS", text)
        with pytest.raises(ConfigError, match="EXCHANGE_WRITER_PAUSE_MS: must be a whole number from 0 to 60000"):
            WriterConfig.from_environment()


ROLES = (
    "engine_core.runtime",
    "ingress",
    "egress",
    "persistence",
    "bench.market_maker",
    "engine_core.administration.reconcile",
)
WRONG: tuple[Mapping[str, str], ...] = (
    {"EXCHANGE_LOG_LEVEL": "LOUD"},
    {"EXCHANGE_PARENT_PID": "father"},
    {"EXCHANGE_PARENT_PID": "9" * 5000},
    {"EXCHANGE_SHARD": "9" * 5000},
    {"EXCHANGE_CONFIG": "/nowhere/exchange.toml"},
    {"REDIS_URL": "nonsense"},
    {"REDIS_URL": "redis://:secret@host:port/x"},
    {"EXCHANGE_RUNTIME": "/dev/null"},
)


EACH = """
import importlib, json, os, runpy, signal, sys, tempfile
role, cases = sys.argv[1], json.loads(sys.argv[2])
is_package = importlib.util.find_spec(role).submodule_search_locations
name = f"{role}.__main__" if is_package else role
importlib.import_module(name)  # all that it imports, once for all cases
del sys.modules[name]
ends = []
for case in cases:
    said, process = tempfile.TemporaryFile(), os.fork()
    if not process:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(said.fileno(), 2)
        os.environ.update(case)
        sys.argv = [role]
        signal.alarm(90)  # it waits for a server, which is another matter
        runpy.run_module(role, run_name="__main__", alter_sys=True)
        sys.exit(0)
    ends.append((process, said))
for process, said in ends:
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    said.seek(0)
    print(json.dumps([status, said.read().decode()]))
"""


@pytest.mark.processes
@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", ROLES)
def test_no_role_shows_a_traceback_for_its_environment(role: str, tmp_path: Path) -> None:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("EXCHANGE_", "REDIS_", "DATABASE_"))}
    servers = {"REDIS_URL": "unix:///nowhere.sock", "DATABASE_URL": "postgresql://u@/d"}
    done = subprocess.run(
        [sys.executable, "-c", EACH, role, json.dumps(WRONG)],
        env={**kept, **servers, "EXCHANGE_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    ends = [json.loads(line) for line in done.stdout.splitlines()]
    for wrong, (status, said) in zip(WRONG, ends, strict=True):
        assert status != 0, (wrong, said)
        assert "Traceback" not in said and "secret" not in said, (wrong, said[-2000:])
