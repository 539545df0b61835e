"""The `exchange` command without an exchange: help everywhere, and errors that say what to do."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine_core import cli
from engine_core.operator.target.benchmarks import benchmarks

COMMANDS = (
    *(
        "up",
        "status",
        "logs",
        "reset",
        "env",
        "accounts",
        "accounts create",
        "keys",
        "keys list",
        "keys create",
        "keys revoke",
    ),
    *(
        "deposit",
        "withdraw",
        "verify",
        "snapshot",
        "inspect",
        "accept-loss",
        "apply",
        "skip",
        "warm",
        "engine",
        "ingress",
        "egress",
        "writer",
        "bench",
    ),
    *(
        "accounts freeze",
        "accounts unfreeze",
        "accounts tier",
        "market",
        "market move",
        "market list",
        "fees",
        "shards list",
        "shards add",
    ),
)


def exchange(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("EXCHANGE_", "REDIS_", "DATABASE_"))}
    return subprocess.run(
        [sys.executable, "-m", "engine_core.cli", *arguments],
        capture_output=True,
        text=True,
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = exchange(*command.split(), "--help")
    assert done.returncode == 0 and "usage: exchange" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("market SOL_USDC closed", "market state SOL_USDC closed"),
        ("market --data x SOL_USDC open", "market state --data x SOL_USDC open"),
        ("market list --json", "market list --json"),
        ("market move SOL_USDC --to 1 --state open", "market move SOL_USDC --to 1 --state open"),
        ("market --help", "market --help"),
        ("market", "market"),
        ("deposit 2 USDC 1", "deposit 2 USDC 1"),
    ],
)
def test_the_state_of_a_market_is_set_without_a_word_for_it(typed: str, meant: str) -> None:
    assert cli._in_full(typed.split()) == meant.split()


def test_version_and_help() -> None:
    assert exchange("--version").stdout.startswith("exchange 0.")
    assert all(command.split()[0] in exchange("--help").stdout for command in COMMANDS)


@pytest.mark.parametrize(
    "command",
    [
        "accounts create",
        "keys list",
        "keys create --account 2",
        "deposit 2 USDC 1",
        "accounts freeze 2",
        "verify",
        "apply",
        "env",
    ],
)
def test_commands_that_need_a_running_exchange_say_so(tmp_path: Path, command: str) -> None:
    done = exchange(*command.split(), "--data", str(tmp_path))
    assert done.returncode == 1 and "no exchange runs on" in done.stderr and "Traceback" not in done.stderr


def test_status_without_an_exchange(tmp_path: Path) -> None:
    done = exchange("status", "--data", str(tmp_path / "none"))
    assert done.returncode == 1 and "no exchange runs on" in done.stdout


def test_logs_without_logs(tmp_path: Path) -> None:
    done = exchange("logs", "engine", "--data", str(tmp_path))
    assert done.returncode == 1 and "no log of engine" in done.stderr
    (tmp_path / "logs").mkdir()
    for name in ("ingress.log", "ingress.1.log", "writer.log"):
        (tmp_path / "logs" / name).touch()
    assert "(there are: ingress, writer)" in exchange("logs", "nosuch", "--data", str(tmp_path)).stderr


@pytest.mark.parametrize("named", ["--http", "EXCHANGE_HTTP_PORT"])
def test_up_with_a_taken_port_starts_nothing(tmp_path: Path, named: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        options, variables = ([named, port], {}) if named.startswith("--") else ([], {named: port})
        done = exchange("up", "--data", str(tmp_path / "data"), *options, "--ws", "0", **variables)
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1" in done.stderr and "--http PORT" in done.stderr
    assert not (tmp_path / "data" / "valkey").exists()


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--config", "/nowhere/exchange.toml"], {}, "'/nowhere/exchange.toml': no such file"),
        (["--host", ""], {}, "argument --host: must name a host, is empty"),
        (["--host", " ", "--i-know"], {}, "argument --host: must name a host, is empty"),
        (["--http", "99999"], {}, "must be from 0 to 65535, is 99999"),
        (["--profile", "prod"], {}, "invalid choice: 'prod'"),
        ([], {"REDIS_URL": "unix:///nowhere.sock"}, "REDIS_URL unix:///nowhere.sock: cannot be reached"),
        ([], {"DATABASE_URL": "postgresql://u@/d?host=/nowhere"}, "DATABASE_URL"),
        ([], {"EXCHANGE_HTTP_PORT": "abc"}, "EXCHANGE_HTTP_PORT: must be a whole number from 0 to 65535"),
        ([], {"EXCHANGE_HOST": "192.0.2.1", "EXCHANGE_I_KNOW": "1"}, "192.0.2.1"),
    ],
)
def test_up_names_what_is_wrong(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], message: str
) -> None:
    ports = [] if "--http" in arguments else ["--http", "0"]
    done = exchange("up", "--data", str(tmp_path), *ports, "--ws", "0", *arguments, **environment)
    assert done.returncode != 0 and message in done.stderr and "Traceback" not in done.stderr


def test_every_documented_benchmark_exists() -> None:
    text = (Path(__file__).parents[2] / "docs/benchmarks.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`exchange bench (\w+)", text)) | set(re.findall(r"`python -m bench\.(\w+)", text))
    assert documented == set(benchmarks())


def test_ctrl_c_ends_it_without_a_word_while_its_modules_are_imported(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "engine_core.command", "status"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_config_writes_a_file_that_up_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    monkeypatch.chdir(tmp_path)
    shipped = exchange("config").stdout
    assert "[markets" in shipped and "--config" not in shipped
    into = [sys.executable, "-m", "engine_core.cli", "config"]
    with Path("exchange.toml").open("w") as emptied:  # by the shell, before anything runs
        subprocess.run(into, stdout=emptied, check=True)
    assert Path("exchange.toml").read_text() == shipped
    Path("exchange.toml").unlink()
    done = exchange("config", "--write")
    assert done.returncode == 0 and "then `exchange up`" in done.stdout, done.stderr
    assert Path("exchange.toml").read_text() == shipped
    again = exchange("config", "--write")
    assert again.returncode == 1 and "is there already" in again.stderr
    other = exchange("config", "--write", "other.toml")
    assert other.returncode == 0 and "then `exchange up --config other.toml`" in other.stdout
    Path("data").mkdir()
    Path("data/configuration").write_text("../other.toml\n")
    Path("other.toml").write_text(shipped + "# changed\n")
    told = exchange("up", "--http", "0", "--ws", "0", REDIS_URL="unix:///nowhere.sock")
    assert "exchange.toml is another configuration, and is passed over: start with --config" in told.stdout, told


@pytest.mark.parametrize(("began", "wanted"), [("venue", "bare"), ("venue", "demo"), ("bare", "venue")])
def test_a_profile_that_does_not_fit_is_refused_before_servers_start(tmp_path: Path, began: str, wanted: str) -> None:
    (tmp_path / "profile").write_text(f"{began}\n")
    done = exchange("up", "--data", str(tmp_path), "--profile", wanted, "--http", "0", "--ws", "0")
    assert done.returncode == 1 and not (tmp_path / "valkey").exists() and "Traceback" not in done.stderr
    assert ("--profile venue (alone" if began == "venue" else "on a new folder with --data DIR") in done.stderr


def test_a_note_of_the_profile_that_somebody_wrote_into_is_named(tmp_path: Path) -> None:
    (tmp_path / "profile").write_text("prod\n")
    done = exchange("up", "--data", str(tmp_path), "--http", "0", "--ws", "0")
    assert done.returncode == 1 and f"{tmp_path / 'profile'}: must be one of demo, bare, venue" in done.stderr


def test_unknown_commands_and_benchmarks() -> None:
    assert exchange("trade").returncode == 2
    done = exchange("bench", "everything")
    assert done.returncode == 1 and "no benchmark 'everything'" in done.stderr


@pytest.mark.parametrize("command", ["verify", "inspect", "inspect latest", "snapshot", "upgrade", "accept-loss --yes"])
@pytest.mark.parametrize("data", ["empty", "none"])
def test_where_no_exchange_is_nothing_is_made_for_its_kernels(tmp_path: Path, command: str, data: str) -> None:
    (tmp_path / "empty").mkdir()
    done = exchange(*command.split(), "--data", str(tmp_path / data), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 1 and "no exchange runs on" in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.rglob("*")) == [tmp_path / "empty"]


def test_kernels_that_can_be_kept_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "snapshots").mkdir()
    done = exchange("inspect", "latest", "--data", str(tmp_path), EXCHANGE_CACHE_DIR="/dev/null/none")
    assert done.returncode == 1 and "EXCHANGE_CACHE_DIR" in done.stderr and done.stderr.count("\n") == 1
