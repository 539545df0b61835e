"""The health check of containers: what it says, never a traceback."""

import sys

import pytest

from engine_core.process import probe


@pytest.mark.parametrize("port", ["", "0", "00", "70000", "²", "http", "9" * 5_000])
def test_a_port_that_is_none(port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["probe", "/ready"])
    monkeypatch.setenv("EXCHANGE_METRICS_PORT", port)
    assert probe.main() == 1
    assert "EXCHANGE_METRICS_PORT is not set to a port" in capsys.readouterr().err
