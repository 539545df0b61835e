"""The demo's market maker keeps every book full whatever dies, and leaves nothing behind when it is silent itself."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange import Exchange, configured, eventually

DEAD_MAN_MS = 3_000
PATIENCE_S = 60.0


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Exchange]:
    changes = {"dead_man_ms = 30_000": f"dead_man_ms = {DEAD_MAN_MS}", "ingress_workers = 2": "ingress_workers = 1"}
    running = Exchange(tmp_path / "data", "--profile", "demo", "--config", str(configured(tmp_path, changes)))
    running.start()
    yield running
    running.end()


def _levels(exchange: Exchange) -> set[int]:
    """How many price levels each side of each market has: one number when all are alike."""
    books = [exchange.get(f"depth?symbol={market['symbol']}") for market in exchange.get("markets")]
    return {len(book[side]) for book in books for side in ("bids", "asks")}


def _trades(exchange: Exchange) -> int:
    return sum(int(ticker["trades"]) for ticker in exchange.get("tickers"))


def _is_lively(exchange: Exchange, levels: int) -> None:
    """Every ladder is complete, with nothing beside it that somebody forgot, and takers trade."""
    eventually(lambda: _levels(exchange), lambda found: found == {levels}, "all ladders complete", PATIENCE_S)
    before = _trades(exchange)
    eventually(lambda: _trades(exchange), lambda now: now > before, "trades", PATIENCE_S)


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
