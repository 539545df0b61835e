"""`exchange status` and `top`, of one process that stands for an exchange."""

import argparse
import json
from pathlib import Path

import pytest

from engine_core.operator.look import observe, top
from engine_core.operator.target.running import Run
from engine_core.process.metrics import Monitor, serve

FOR = {"http": "http://127.0.0.1:9", "ws": "ws://127.0.0.1:9", "redis": "", "database": "", "profile": "venue"}
WHY = "the database has schema version 8, this code knows up to 4"


def run_of(folder: Path) -> Run:
    return Run(folder, 1, {"writer": []}, logs=folder, config="exchange.toml", runtime=folder, **FOR)


def test_a_writer_that_waits_is_not_ok(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (server,) = serve(Monitor("writer", not_ready=lambda: WHY), runtime)
    monkeypatch.setattr(observe, "find", lambda data: run_of(runtime))
    monkeypatch.setattr(observe, "_health", lambda run: ("Ok", None))
    monkeypatch.setattr(observe, "_clock_ahead", lambda run, shard: (0.0, ""))
    try:
        assert observe.status(argparse.Namespace(data=runtime, json=False)) == 0, "orders are accepted"
        shown = capsys.readouterr().out
        assert shown.startswith("Degraded ") and f"WARNING writer waits: {WHY}" in shown
        observe.status(argparse.Namespace(data=runtime, json=True))
        answer = json.loads(capsys.readouterr().out)
        assert answer["health"] == "Degraded" and answer["waiting"] == {"writer": WHY}
    finally:
        server.shutdown()
        server.server_close()


def test_top_into_a_file_is_plain_text(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (server,) = serve(Monitor("writer"), runtime)

    def once(seconds: float) -> None:
        monkeypatch.setattr(top.time, "sleep", _end)

    def _end(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(top, "require", lambda data: run_of(runtime))
    monkeypatch.setattr(top.time, "sleep", once)
    try:
        assert top.top(argparse.Namespace(data=runtime, once=False, interval=0.1)) == 0
        shown = capsys.readouterr().out
        assert "writer" in shown and "\x1b" not in shown
    finally:
        server.shutdown()
        server.server_close()
