"""The demo's market maker keeps every book full whatever dies, and leaves nothing behind when it is silent itself."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.exchange import Exchange, eventually

CONFIGURATION = Path(__file__).parents[2] / "exchange.toml"
DEAD_MAN_MS = 3_000
PATIENCE_S = 60.0


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Exchange]:
    text = CONFIGURATION.read_text()
    changed = text.replace("dead_man_ms = 30_000", f"dead_man_ms = {DEAD_MAN_MS}")
    assert changed != text
    (tmp_path / "exchange.toml").write_text(changed)
    running = Exchange(tmp_path / "data", "--profile", "demo", "--config", str(tmp_path / "exchange.toml"))
    running.start()
    yield running
    running.end()


def _get(exchange: Exchange, path: str) -> Any:
    answer = httpx.get(f"{exchange.run['http']}/api/v1/{path}", timeout=10)
    answer.raise_for_status()
    return answer.json()


def _levels(exchange: Exchange) -> set[int]:
    """How many price levels each side of each market has: one number when all are alike."""
    books = [_get(exchange, f"depth?symbol={market['symbol']}") for market in _get(exchange, "markets")]
    return {len(book[side]) for book in books for side in ("bids", "asks")}


def _trades(exchange: Exchange) -> int | None:
    """None while an ingress that was just started has not read yet what tickers add up to: it says so with 503."""
    try:
        return sum(int(ticker["trades"]) for ticker in _get(exchange, "tickers"))
    except httpx.HTTPStatusError as error:
        if error.response.status_code != 503:
            raise
        return None


def _is_lively(exchange: Exchange, levels: int) -> None:
    """Every ladder is complete, with nothing beside it that somebody forgot, and takers trade."""
    eventually(lambda: _levels(exchange), lambda found: found == {levels}, "all ladders complete", PATIENCE_S)
    before = eventually(lambda: _trades(exchange), lambda trades: trades is not None, "tickers", PATIENCE_S)
    eventually(lambda: _trades(exchange), lambda now: (now or 0) > (before or 0), "trades", PATIENCE_S)


@pytest.mark.timeout(400)
def test_books_stay_full_whatever_dies_and_empty_when_it_is_silent(demo: Exchange) -> None:
    levels = 20  # of exchange.toml
    _is_lively(demo, levels)
    for role in ("engine", "egress", "ingress", "market_maker"):
        demo.kill(role)
        _is_lively(demo, levels)
    (pid,) = demo.pids("market_maker")
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: _levels(demo), lambda found: found == {0}, "the dead-man timer empties all books", PATIENCE_S)
    os.kill(pid, signal.SIGCONT)
    _is_lively(demo, levels)
    assert demo.stop() == 0
