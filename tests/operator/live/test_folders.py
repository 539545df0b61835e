"""Where one stands and how folders are called makes no difference to an exchange."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine_core.administration.client import read_setup
from engine_core.config.settings import default_config, own_config, remember_config
from engine_core.config.toml_section import ConfigError
from engine_core.transport.gateway import Gateway
from tests.exchange import Exchange, eventually

CLI = [sys.executable, "-m", "engine_core.cli"]
REPOSITORY = Path(__file__).parents[3]


def run(cwd: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {key: value for key, value in os.environ.items() if not key.startswith("EXCHANGE_")} | variables
    return subprocess.run(
        [*CLI, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        check=False,
        timeout=120,
    )


def fees(exchange: Exchange) -> list[int]:
    """Maker and taker fee of SOL_USDC, as the running engine has them."""
    with Gateway(exchange.run["redis"]) as gateway:
        return list(read_setup(gateway).fees[1])


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with a configuration of another exchange, one with other fees."""
    text = (REPOSITORY / "exchange.toml").read_text(encoding="utf-8")
    (tmp_path / "exchange.toml").write_text(text.replace("taker_ppm = 500", "taker_ppm = 12_345"), encoding="utf-8")
    return tmp_path


def test_apply_takes_the_own_configuration_wherever_one_stands(odd_exchange: Exchange, elsewhere: Path) -> None:
    assert Path(odd_exchange.run["config"]).is_absolute()
    before = fees(odd_exchange)
    for variables in ({}, {"EXCHANGE_CONFIG": str(elsewhere / "exchange.toml")}):
        done = run(elsewhere, "apply", "--yes", "--data", str(odd_exchange.data), **variables)
        assert done.returncode == 0, done.stderr
        assert "already says" in done.stdout and odd_exchange.run["config"] in done.stdout
    assert fees(odd_exchange) == before
    verified = run(elsewhere, "verify", "--json", "--data", str(odd_exchange.data))
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_apply_shows_the_difference_and_wants_a_yes(odd_exchange: Exchange, elsewhere: Path) -> None:
    before = fees(odd_exchange)
    named = ("apply", "--config", "exchange.toml", "--data", str(odd_exchange.data))
    asked = run(elsewhere, *named)
    assert asked.returncode == 1 and "--yes" in asked.stderr
    assert "SOL_USDC: taker_ppm 500 → 12345" in asked.stdout and "maker_ppm" not in asked.stdout
    assert fees(odd_exchange) == before
    done = run(elsewhere, *named, "--yes")
    assert done.returncode == 0 and "SOL_USDC: taker_ppm 500 → 12345" in done.stdout
    assert fees(odd_exchange) == [before[0], 12_345]
    back = run(elsewhere, "apply", "--yes", "--data", str(odd_exchange.data))
    assert back.returncode == 0 and fees(odd_exchange) == before


def test_a_start_from_another_folder_takes_the_own_configuration(tmp_path: Path, elsewhere: Path) -> None:
    """What `up` compares with the log must not depend on where one stands either."""
    own = tmp_path / "own" / "exchange.toml"
    own.parent.mkdir()
    text = (REPOSITORY / "exchange.toml").read_text(encoding="utf-8")
    own.write_text(text.replace("taker_ppm = 500", "taker_ppm = -1"), encoding="utf-8")
    data = tmp_path / "data"
    data.mkdir()
    remember_config(data, own)
    told = {"REDIS_URL": "unix:///nowhere.sock"}
    for command, variables in ((("up", "--http", "0", "--ws", "0"), {}), (("writer",), told)):
        done = run(elsewhere, *command, "--data", str(data), **variables)
        assert done.returncode == 1 and f"{own}: markets.SOL_USDC.taker_ppm: must be" in done.stderr, done


def test_a_configuration_moves_with_its_folder_or_is_named_as_gone(tmp_path: Path) -> None:
    for name in ("first", "other"):
        (tmp_path / name / "data").mkdir(parents=True)
    beside, far = tmp_path / "first" / "exchange.toml", tmp_path / "other" / "exchange.toml"
    beside.write_text("# of the first\n")
    far.write_text("# of the other\n")
    data = tmp_path / "first" / "data"
    assert own_config(data) == default_config().absolute()
    remember_config(data, beside)
    (tmp_path / "first").rename(tmp_path / "moved")
    assert own_config(tmp_path / "moved" / "data") == tmp_path / "moved" / "exchange.toml"
    remember_config(tmp_path / "moved" / "data", far)
    assert own_config(tmp_path / "moved" / "data") == far
    far.unlink()
    with pytest.raises(ConfigError, match=r"other/exchange\.toml: is gone.*--config FILE"):
        own_config(tmp_path / "moved" / "data")


def test_every_command_works_on_a_folder_with_an_odd_name(odd_exchange: Exchange) -> None:
    def command(*arguments: str) -> Any:
        done = odd_exchange.command(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    eventually(lambda: odd_exchange.command("status").returncode, lambda status: status == 0, "status")
    assert json.loads(command("status", "--json"))["config"] == odd_exchange.run["config"]
    number = command("accounts", "create").strip()
    command("deposit", number, "USDC", "5")
    command("snapshot")
    command("inspect", "latest", "--account", number)
    command("verify")
    command("top", "--once", "--interval", "0.1")
    command("logs", "engine")
    shell = f'{command("env")}\nprintf %s "$EXCHANGE_DATA"\n'
    seen = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True).stdout
    assert seen == str(odd_exchange.data)
