"""`exchange status`, of processes that stand for an exchange."""

import argparse
import dataclasses
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from engine_core.administration.client import LogSetup, Moved
from engine_core.operator.look import status
from engine_core.operator.look.status import Shard
from engine_core.operator.target.running import Run
from engine_core.process.metrics import Monitor, serve
from engine_core.wire.codes import CommandKind, MarketState
from tests.markets import setup_records

FOR = {"http": "http://127.0.0.1:9", "ws": "ws://127.0.0.1:9", "redis": "", "database": "", "profile": "venue"}
WHY = "the database has schema version 8, this code knows up to 4"


def run_of(folder: Path) -> Run:
    return Run(folder, 1, {"writer": []}, logs=folder, config="exchange.toml", runtime=folder, **FOR)


def test_a_writer_that_waits_is_not_ok(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (server,) = serve(Monitor("writer", not_ready=lambda: WHY), runtime)
    monkeypatch.setattr(status, "find", lambda data: run_of(runtime))
    monkeypatch.setattr(status, "_health", lambda run: ("Ok", None))
    monkeypatch.setattr(status, "_ask", lambda run, shard: Shard())
    try:
        assert status.status(argparse.Namespace(data=runtime, json=False)) == 0, "orders are accepted"
        shown = capsys.readouterr().out
        assert shown.startswith("Degraded ") and f"WARNING writer waits: {WHY}" in shown
        status.status(argparse.Namespace(data=runtime, json=True))
        answer = json.loads(capsys.readouterr().out)
        assert answer["health"] == "Degraded" and answer["waiting"] == {"writer": WHY}
    finally:
        server.shutdown()
        server.server_close()


def test_a_shard_whose_markets_wait_is_not_ok(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others trade: the exchange takes orders, and says which markets take none."""
    told = "Waiting: shard 1 (BTC_USDC): The engine does not answer"
    monkeypatch.setattr(status, "find", lambda data: run_of(runtime))
    monkeypatch.setattr(status, "_health", lambda run: ("Ok", told))
    monkeypatch.setattr(status, "_ask", lambda run, shard: Shard())
    assert status.status(argparse.Namespace(data=runtime, json=False)) == 0
    assert capsys.readouterr().out.startswith(f"Degraded: {told} ")


def setup_of(*states: MarketState) -> LogSetup:
    """Of a shard, with these states of SOL_USDC and BTC_USDC."""
    records = setup_records()
    records["code"][records["kind"] == CommandKind.MARKET] = states
    return LogSetup.read(records)


def test_a_market_that_trades_in_two_shards_is_named(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after a log has lost where it went."""
    opened, elsewhere = MarketState.OPEN, MarketState.ELSEWHERE
    setups = [
        setup_of(opened, opened),
        setup_of(MarketState.CLOSED, elsewhere),
        None,
    ]
    monkeypatch.setattr(status, "find", lambda data: dataclasses.replace(run_of(runtime), shards=3))
    monkeypatch.setattr(status, "_health", lambda run: ("Ok", None))
    monkeypatch.setattr(status, "_ask", lambda run, shard: Shard(setup=setups[shard]))
    assert status.status(argparse.Namespace(data=runtime, json=False)) == 0
    shown = capsys.readouterr().out
    assert "WARNING SOL_USDC trades in shards 0 and 1 at once: `exchange market move SOL_USDC --to SHARD`" in shown
    assert shown.count("at once") == 1 and shown.startswith("Degraded ")
    status.status(argparse.Namespace(data=runtime, json=True))
    answer = json.loads(capsys.readouterr().out)
    assert (answer["health"], answer["inSeveralShards"]) == ("Degraded", {"SOL_USDC": [0, 1]})
    assert answer["onTheirWay"] == [], "of a shard that does not answer nothing is known"


def test_a_market_on_its_way_is_named(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And one that has never traded is on no way."""
    left, elsewhere = setup_of(MarketState.ELSEWHERE, MarketState.ELSEWHERE), MarketState.ELSEWHERE
    left.moved[1] = Moved(move=3, goes_to=2, trades=7)
    setups = [left, setup_of(elsewhere, elsewhere)]
    monkeypatch.setattr(status, "find", lambda data: dataclasses.replace(run_of(runtime), shards=2))
    monkeypatch.setattr(status, "_health", lambda run: ("Ok", None))
    monkeypatch.setattr(status, "_ask", lambda run, shard: Shard(setup=setups[shard]))
    status.status(argparse.Namespace(data=runtime, json=True))
    answer = json.loads(capsys.readouterr().out)
    assert (answer["health"], answer["onTheirWay"], answer["inSeveralShards"]) == ("Degraded", ["SOL_USDC"], {})


def test_all_are_asked_at_once(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a shard away, each part that it had waited for one after the other: 8 s in all."""
    sockets = [runtime / f"{role}.0.metrics" for role in ("egress", "engine", "ingress", "writer")]
    for path in sockets:
        path.touch()
    everybody = threading.Barrier(1 + len(sockets) + 3)

    def silent(*_: object) -> None:
        everybody.wait(timeout=30)  # BrokenBarrierError, unless all are asked

    monkeypatch.setattr(status, "find", lambda data: dataclasses.replace(run_of(runtime), shards=3))
    monkeypatch.setattr(status, "_health", lambda run: silent() or ("Ok", None))
    monkeypatch.setattr(status, "look_at", silent)
    monkeypatch.setattr(status, "_ask", lambda run, shard: silent() or Shard())
    assert status.status(argparse.Namespace(data=runtime, json=False)) == 0
    assert not everybody.broken and capsys.readouterr().out.startswith("Ok ")


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch, runtime: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "Ok", "message": null}')

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request).start()
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        run = dataclasses.replace(run_of(runtime), http=f"http://127.0.0.1:{server.server_port}")
        assert status._health(run) == ("Ok", None)
