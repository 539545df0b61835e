"""A result says under which profile and limits it was measured, and results of two are not compared."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.compare.__main__ import SAME, UNKNOWN, main
from bench.report import conditions
from bench.report.conditions import conditions_of
from bench.report.result import Run
from engine_core.config.settings import shipped_config
from engine_core.config.toml_section import ConfigError
from engine_core.operator.target.running import Run as Running
from tests.bench.report.form import document

EXCHANGE = Running(
    **{"data": Path("data"), "supervisor": 1, "processes": {}, "http": "", "ws": "", "redis": "", "database": ""},
    **{"logs": Path(), "profile": "demo", "config": str(shipped_config()), "runtime": Path()},
)


def of(monkeypatch: pytest.MonkeyPatch, exchange: Running | None) -> dict[str, str]:
    monkeypatch.setattr(conditions, "find", lambda data: exchange)
    return conditions_of(Path("data"))


def test_the_profile_and_its_limits_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    demo = of(monkeypatch, EXCHANGE)
    assert demo["profile"] == "demo" and "orders_per_second " in demo["rate_limits"]
    bare = of(monkeypatch, replace(EXCHANGE, profile="bare"))
    assert bare == {"profile": "bare", "rate_limits": "none"}
    gone = of(monkeypatch, replace(EXCHANGE, config=str(tmp_path / "exchange.toml")))
    assert gone == {"profile": "demo"} and of(monkeypatch, None) == {}


def test_without_a_configuration_that_can_be_read_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(data: Path) -> None:
        raise ConfigError("REDIS_URL must be a URL")

    monkeypatch.setattr(conditions, "find", find)
    assert conditions_of(Path("data")) == {}


def test_they_are_parameters() -> None:
    run = Run("any", argparse.Namespace(seconds=1.0))
    run.conditions = {"profile": "bare"}
    assert run.document([])["parameters"] == {"seconds": 1.0, "profile": "bare"}


@pytest.mark.parametrize(
    ("before", "after", "status", "words"),
    [
        ({"profile": "demo"}, {"profile": "bare"}, UNKNOWN, "profile is demo and bare"),
        ({"rate_limits": "orders_per_second 50"}, {"rate_limits": "none"}, UNKNOWN, "orders_per_second 50 and none"),
        ({}, {"profile": "bare", "rate_limits": "none"}, SAME, "1 same"),  # a result of an older version does not say
    ],
)
def test_others_are_other_parameters(
    before: dict[str, str],
    after: dict[str, str],
    status: int,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    figure = {"name": "rate", "value": 5.0, "unit": "/s", "better": "higher", "samples": [5.0, 5.01, 5.02, 4.99, 4.98]}
    for name, parameters in (("before", before), ("after", after)):
        (tmp_path / name).write_text(json.dumps(document(figure, parameters=parameters)))
    assert main([str(tmp_path / "before"), str(tmp_path / "after")]) == status
    assert words in capsys.readouterr().out
