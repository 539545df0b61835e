"""Back from a clock that was ahead: engine time stays there for a while, and everybody who looks is told until when."""

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine_core.runtime import clock
from tests.exchange import Exchange, eventually

HOUR_MS = 3_600_000


def test_it_is_said_once_and_once_that_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    now_ms = time.time_ns() // 1_000_000
    watched = clock.Clock()
    for time_ms in (now_ms - HOUR_MS, now_ms, now_ms + HOUR_MS, now_ms + HOUR_MS, now_ms, now_ms):
        watched.look(time_ms)
    first, second = (record.message for record in caplog.records)
    end = time.strftime("%Y-%m-%dT%H:%M", time.gmtime((now_ms + HOUR_MS) / 1000))
    assert "3,600 s ahead" in first and f"Until {end}" in first and "agree again" in second
    assert clock.ahead_ms(now_ms) == 0 and abs(clock.ahead_ms(now_ms + HOUR_MS) - HOUR_MS) < 10_000


@pytest.mark.timeout(300)
def test_an_exchange_whose_clock_was_an_hour_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange(tmp_path / "data", "--profile", "demo", ingress_workers=1)
    try:
        exchange.start()
        status = json.loads(exchange.command("status", "--json").stdout)
        assert status["clockAheadSeconds"] == 0
        begun_ms = time.time_ns() // 1_000_000
        _as_if_an_hour_later(exchange.run["redis"], tmp_path)
        _says(exchange, "WARNING engine time is 3,", "status")
        ahead = json.loads(_says(exchange, '"clockAheadSeconds": 3', "status", "--json"))["clockAheadSeconds"]
        assert 3_000 < ahead <= 3_600
        log = exchange.data / "logs" / "engine.log"
        eventually(lambda: log.read_text().count("ahead of this machine's clock"), lambda n: n == 1, "a warning")
        _says(exchange, "clock ahead", "top", "--once", "--interval", "0.2")
        _trades_go_on_and_candles_are_sane(exchange, begun_ms)
        exchange.verified()
        exchange.kill("engine")
        eventually(lambda: log.read_text().count("ahead of this machine's clock"), lambda n: n == 2, "a second warning")
    finally:
        exchange.end()


def _says(exchange: Exchange, words: str, *command: str) -> str:
    """What a command shows once it has these words: it leaves out an engine that does not answer in a second or two."""
    return eventually(lambda: exchange.command(*command).stdout, lambda shown: words in shown, words)


def _as_if_an_hour_later(url: str, folder: Path) -> None:
    """One command by a gateway and a Redis whose clocks are an hour ahead: its entry gets an ID of that time."""
    code = f"""
import time
now = time.time_ns
time.time_ns = lambda: now() + {HOUR_MS} * 1_000_000
import redis
from engine_core.administration.client import admin
from engine_core.wire.codes import CommandKind
from engine_core.transport.gateway import Gateway
plain = redis.Redis.xadd
redis.Redis.xadd = lambda self, name, fields: plain(self, name, fields, id=f"{{time.time_ns() // 1_000_000}}-0")
with Gateway({url!r}) as gateway:
    gateway.execute(admin(CommandKind.ACCOUNT, account=99))
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], env=dict(os.environ))


def _trades_go_on_and_candles_are_sane(exchange: Exchange, begun_ms: int) -> None:

    def of_the_future() -> int:
        trades = exchange.get("trades?symbol=SOL_USDC&limit=1000")
        return sum(trade["timestamp"] > begun_ms + HOUR_MS // 2 for trade in trades)

    eventually(of_the_future, lambda count: count >= 2, "trades after the clock was put right", 90)
    start = begun_ms // 1000 - 600
    candles = exchange.get(f"klines?symbol=SOL_USDC&interval=1m&startTime={start}")
    starts = [candle["start"] for candle in candles]
    assert starts == sorted(set(starts))
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
    for candle in candles:  # one of the future holds trades, or it is not there
        assert candle["start"].replace("T", " ") <= now or int(candle["trades"]) > 0, candle
