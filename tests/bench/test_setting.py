"""`exchange bench setting`: what is typed reaches the one exchange and not the other, and both are measured."""

import argparse
import json
from pathlib import Path

import pytest

from bench.load.targets.api import BenchError
from bench.setting.__main__ import main, parse
from bench.setting.settings import Setting, configured, idle, setting, variables
from engine_core.config.exchange_toml import load
from engine_core.config.toml_section import ConfigError

TOML = Path("exchange.toml").read_text(encoding="utf-8")


def test_what_is_typed_is_a_key_a_parameter_of_a_server_or_a_variable() -> None:
    assert setting("engine.busy_poll=true") == Setting("engine", "busy_poll", "true")
    assert setting("valkey.io-threads=2") == Setting("valkey", "io-threads", "2")
    assert setting("EXCHANGE_WRITER_PAUSE_MS=0") == Setting("", "EXCHANGE_WRITER_PAUSE_MS", "0")
    assert variables([setting("PYTHONMALLOC=malloc"), setting("engine.cpu=0")]) == {"PYTHONMALLOC": "malloc"}


@pytest.mark.parametrize("text", ("", "=", "busy_poll", "busy_poll=true", "engine.=1", ".a=1", "a.b.c=1", "a.b=1\n[x]"))
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be like engine"):
        setting(text)


@pytest.mark.parametrize("text", ("NOPE=1", "EXCHANGE_WRITER_PAUS_MS=0", "EXCHANGE_DATA=/tmp", "X=1"))
def test_a_variable_that_nothing_reads_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"is read by no process.*EXCHANGE_WRITER_PAUSE_MS"):
        setting(text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["log.durability=always", "log.durability=everysec"], "log.durability is given twice"),
        (["engine.cpu=0", "--both", "log.keep_days=3", "--both", "log.keep_days=4"], "log.keep_days is given twice"),
        (["engine.cpu=0", "log.durability=always", "--both", "log.durability=always"], "both exchanges have it"),
    ],
)
def test_sides_that_are_not_what_was_typed(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(arguments)
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "typed", (["log.durability=everysec"], ["bounds.redis_bytes=8589934592"], ["EXCHANGE_WRITER_PAUSE_MS=250"])
)
def test_a_setting_that_changes_nothing_ends_it_in_words(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*typed, "engine.busy_poll=true"]) == 1
    assert capsys.readouterr().err == f"error: {typed[0]}: is so already: the two would not differ in it\n"


def test_of_a_variable_counts_what_both_exchanges_get(tmp_path: Path) -> None:
    config, pause = configured(TOML, [], tmp_path / "a.toml"), setting("EXCHANGE_WRITER_PAUSE_MS=0")
    assert idle([pause], [config, config], {"EXCHANGE_WRITER_PAUSE_MS": "0"}) == [pause]
    assert idle([pause], [config, config], {}) == []


def test_a_core_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"engine\.cpu: there is no core 4095"):
        configured(TOML, [setting("engine.cpu=4095")], tmp_path / "a.toml")


def test_a_key_is_replaced_in_its_own_section(tmp_path: Path) -> None:
    wanted = [
        setting(text) for text in ("log.durability=always", "snapshots.keep=5", "bounds.redis_bytes=4_294_967_296")
    ]
    config = load(
        configured(TOML, [*wanted, setting("valkey.hz=5"), setting("PYTHONMALLOC=malloc")], tmp_path / "a.toml")
    )
    assert (config.durability, config.snapshots.keep, config.bounds.redis_bytes) == ("always", 5, 2**32)
    before = TOML.splitlines()
    after = (tmp_path / "a.toml").read_text(encoding="utf-8").splitlines()
    changed = [line for line, old in zip(after, before, strict=True) if line != old]
    assert changed == ['durability = "always"', "keep = 5", "redis_bytes = 4_294_967_296"]


@pytest.mark.parametrize("text", ("engine.nothing=1", "nowhere.cpu=1", "engine.keep=3"))
def test_a_key_that_there_is_not(text: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"exchange\.toml has no .* in \["):
        configured(TOML, [setting(text)], tmp_path / "a.toml")


def test_a_value_that_the_exchange_refuses(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^engine\.busy_poll: must be"):
        configured(TOML, [setting("engine.busy_poll=perhaps")], tmp_path / "a.toml")


def test_two_exchanges_that_differ_in_it_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also from within an exchange that the environment names: it is left alone."""
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
    monkeypatch.setenv("EXCHANGE_RUNTIME", str(tmp_path / "other"))
    result = tmp_path / "result.json"
    settings = ["engine.ring_slots=1024", "valkey.maxmemory-samples=4", "postgres.work_mem=5MB"]
    options = ["--both", "server.stages_every=1", "--rounds", "1", "--seconds", "0.3", "--connections", "2"]
    assert main([*settings, *options, "--json", str(result)]) == 0
    written, shown = json.loads(result.read_text()), capsys.readouterr().out
    values = {figure["name"]: figure["value"] for figure in written["results"]}
    assert len(values) == 8 and all(value > 0 for name, value in values.items() if not name.startswith("processor"))
    assert shown.startswith(
        "engine.ring_slots=1024, valkey.maxmemory-samples=4, postgres.work_mem=5MB: 1 pairs of 0.3 s"
    )
    assert "too few rounds to tell" in shown and "  answered, p50 µs" in shown


def test_what_cannot_be_set_ends_it_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine.nothing=1"]) == 1
    assert "exchange.toml has no nothing in [engine]" in capsys.readouterr().err


def test_too_few_rounds_are_said_before_they_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine.nothing=1", "--rounds", "2"]) == 1
    assert capsys.readouterr().err.startswith(
        "--rounds 2: too few to tell anything: 4 are needed, 6 to compare pairs\n"
    )
    assert main(["engine.nothing=1", "--rounds", "6"]) == 1
    assert "too few" not in capsys.readouterr().err
