"""What may be opened to other machines, and what is said about it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine_core.config.toml_section import ConfigError
from engine_core.edge import exposure

PUBLIC = ("0.0.0.0", "::", "192.0.2.7", "2001:db8::7", "trading.example.com", "")
LOCAL = ("127.0.0.1", "::1", "localhost", "127.8.8.8")
WORD = {"EXCHANGE_I_KNOW": "1"}


@pytest.mark.parametrize("profile", ["demo", "bare", "venue"])
@pytest.mark.parametrize("host", LOCAL)
def test_this_machine_needs_no_word(profile: str, host: str) -> None:
    assert exposure.check(profile, host, False, {}) == []


@pytest.mark.parametrize("host", PUBLIC)
@pytest.mark.parametrize("profile", ["demo", "bare"])
@pytest.mark.parametrize("behind_tls", [True, False])
def test_what_is_funded_opens_only_at_the_operators_word(profile: str, host: str, behind_tls: bool) -> None:
    for environment in ({}, {"EXCHANGE_I_KNOW": "0"}, {"EXCHANGE_I_KNOW": ""}):
        with pytest.raises(ConfigError, match=r"(?s)may withdraw.*--profile venue.*--i-know \(EXCHANGE_I_KNOW=1\)"):
            exposure.check(profile, host, behind_tls, environment)
    assert any("may withdraw" in warning for warning in exposure.check(profile, host, behind_tls, WORD))


@pytest.mark.parametrize("host", PUBLIC)
def test_a_venue_opens_behind_tls(host: str) -> None:
    with pytest.raises(ConfigError, match="no TLS"):
        exposure.check("venue", host, False, {})
    assert exposure.check("venue", host, True, {})
    assert any("no TLS" in warning for warning in exposure.check("venue", host, False, WORD))


def test_addresses_are_those_of_the_machine() -> None:
    assert exposure.addresses("::1") == ["[::1]"] and exposure.addresses("10.1.2.3") == ["10.1.2.3"]
    everywhere = exposure.addresses("0.0.0.0")
    assert everywhere[0] == "127.0.0.1" and "0.0.0.0" not in everywhere and len(set(everywhere)) == len(everywhere)
    assert exposure.addresses("::")[0] == "[::1]"


@pytest.mark.parametrize("module", ["ingress", "egress"])
@pytest.mark.parametrize("profile", ["demo", "bare", "venue"])
def test_a_role_alone_refuses_as_well(tmp_path: Path, module: str, profile: str) -> None:
    own = {"EXCHANGE_HOST": "0.0.0.0", "EXCHANGE_PROFILE": profile, "EXCHANGE_DATA": str(tmp_path)}
    environment = {name: value for name, value in os.environ.items() if name != exposure.I_KNOW} | own
    done = subprocess.run([sys.executable, "-m", module], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "--i-know" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [["--profile", "demo"], ["--profile", "bare"], ["--profile", "venue"], []])
def test_up_refuses_before_it_starts_anything(tmp_path: Path, options: list[str]) -> None:
    command = [sys.executable, "-m", "engine_core.cli", "up", "--data", str(tmp_path / "data"), "--host", "0.0.0.0"]
    environment = {name: value for name, value in os.environ.items() if name != exposure.I_KNOW}
    done = subprocess.run(
        [*command, "--http", "0", "--ws", "0", *options], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and "--i-know" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "data" / "valkey").exists()
