"""`exchange top` where there is no terminal."""

import argparse
from pathlib import Path

import pytest

from engine_core.operator.look import top
from engine_core.operator.target.running import Run
from engine_core.process.metrics import Monitor, serve


def test_top_into_a_file_is_plain_text(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (server,) = serve(Monitor("writer"), runtime)
    running = Run(runtime, 1, {}, "", "", "", "", runtime, "venue", "exchange.toml", runtime)

    def once(seconds: float) -> None:
        monkeypatch.setattr(top.time, "sleep", _end)

    def _end(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(top, "require", lambda data: running)
    monkeypatch.setattr(top.time, "sleep", once)
    try:
        assert top.top(argparse.Namespace(data=runtime, once=False, interval=0.1)) == 0
        shown = capsys.readouterr().out
        assert "writer" in shown and "\x1b" not in shown
    finally:
        server.shutdown()
        server.server_close()
