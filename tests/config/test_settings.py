"""Which file is the configuration: the one in the folder, the one of the last start, or the one that is shipped."""

import os
from pathlib import Path

import pytest

from engine_core.config import settings
from engine_core.config.environment import INTERNAL, VARIABLES
from engine_core.config.exchange_toml import load
from engine_core.config.settings import Settings, own_config, passed_over, remember_config, shipped_config
from engine_core.config.toml_section import ConfigError
from engine_core.operator.target.running import join


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder where one stands; its data folder is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    return tmp_path


@pytest.fixture
def wheel(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a wheel brought into a venv."""
    brought = here / "venv" / "site-packages" / "engine_core" / "config" / "exchange.toml"
    brought.parent.mkdir(parents=True)
    brought.write_text("# shipped\n")
    monkeypatch.setattr(settings, "__file__", str(brought.with_name("settings.py")))
    return brought


def test_an_empty_file_is_no_configuration(here: Path, wheel: Path) -> None:
    own, data = here / "exchange.toml", here / "data"
    own.touch()  # as the shell does for `exchange config > exchange.toml`
    assert own_config(data) == shipped_config() == wheel
    with pytest.raises(ConfigError, match="is empty: name another with EXCHANGE_CONFIG=FILE"):
        load(own)
    own.write_text("# own\n")
    assert own_config(data) == own
    remember_config(data, own)
    own.write_text("")
    with pytest.raises(ConfigError, match=r"exchange\.toml: is empty, and it is the configuration of the exchange"):
        own_config(data)


def test_the_shipped_one_is_found_again_in_the_next_installation(
    here: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = here / "data"
    remember_config(data, wheel)
    assert not (data / "configuration").exists()
    (data / "configuration").write_text(f"{here}/old/site-packages/engine_core/config/exchange.toml\n")  # by 0.2.0
    assert own_config(data) == wheel
    (here / "exchange.toml").write_text("# written after the first start\n")
    assert own_config(data) == here / "exchange.toml"


def test_an_empty_variable_is_as_one_that_is_not_set(here: Path) -> None:
    """Compose passes on `${NAME:-}`."""
    text = (
        shipped_config().read_text(encoding="utf-8").replace("trusted_proxies = []", 'trusted_proxies = ["10.0.0.0/8"]')
    )
    (here / "exchange.toml").write_text(text, encoding="utf-8")
    unset = Settings.from_environment({})
    assert unset.profile == "demo" and unset.config.http.trusted_proxies
    assert Settings.from_environment(dict.fromkeys([*VARIABLES, *INTERNAL], "")) == unset
    none = Settings.from_environment({"EXCHANGE_TRUSTED_PROXIES": ","})
    assert none.config.http.trusted_proxies == (), "a comma alone is a list without a network"


def test_a_file_in_the_folder_that_is_passed_over_is_named(here: Path) -> None:
    own, other = here / "exchange.toml", here / "other.toml"
    other.write_text("# one\n")
    assert passed_over(other) is None, "there is none"
    own.write_text("# one\n")
    assert passed_over(other) is None, "it says the same"
    own.write_text("# two\n")
    assert passed_over(other) == own and passed_over(own) is None


def test_a_role_that_joins_takes_an_empty_variable_for_none(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE_DATA", "")
    join(here / "data")
    assert os.environ["EXCHANGE_DATA"] == str(here / "data")
