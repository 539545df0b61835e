"""The targets in docs/benchmarks.md are the bars that the commands print, and what is below one is marked as missed."""

from pathlib import Path

import pytest

from bench import pipeline, recovery, writer
from bench.history.__main__ import BAR_MS
from bench.http.__main__ import BAR_P50_MS, BAR_RATIO
from bench.kernel.__main__ import BARS
from bench.orders_ws.__main__ import BAR_RATIO as BAR_WS
from bench.orders_ws.__main__ import BAR_RATIO_SINGLY

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
TARGETS = {  # how a row begins: what the last of its cells begins with
    "signed `POST": f"{BAR_RATIO:g} \N{MULTIPLICATION SIGN}",
    "… one connection, nothing else": f"{BAR_P50_MS:g} ms",
    "`/ws/orders`, 8 connections": f"{BAR_WS:g} \N{MULTIPLICATION SIGN}",
    "`/ws/orders`, one order in flight": f"{BAR_RATIO_SINGLY:g} \N{MULTIPLICATION SIGN}",
    "through the log": f"{pipeline.BAR_PER_SECOND:,}",
    "replay of the log": f"{recovery.BAR_REPLAY:,}",
    "p99 of a batch of 256 while": f"{recovery.BAR_PAUSE:g} \N{MULTIPLICATION SIGN}",
    "the writer into PostgreSQL": f"{writer.BAR_EVENTS:,}/s; {writer.BAR_LAG_S:g} s",
    "history at 10 M trades": f"{BAR_MS:g} ms",
    "book alone": f"{BARS['book']}",
    "… `flash-crash` at 1,000,000": f"{BARS['book']}",
    "whole engine": f"{BARS['engine']}",
    "… how much slower": f"{BARS['slower']}",
    "cost of a message at 1,000,000": f"{BARS['slower']}",
    "… at prices over": f"{BARS['slower']}",
    "… in pages that hold anything": f"{BARS['bytes']:g}",
    "new process to first command": f"{BARS['start']:g} s",
}


@pytest.mark.parametrize("row", TARGETS)
def test_a_target_is_the_bar_of_its_command(row: str) -> None:
    (line,) = (each for each in DOCUMENT.read_text(encoding="utf-8").splitlines() if each.startswith(f"| {row}"))
    target = line.rstrip("| ").rpartition("| ")[2]
    assert target == TARGETS[row] or target.startswith(f"{TARGETS[row]}, **missed**"), line


def test_the_producer_is_as_far_ahead_as_is_said() -> None:
    unconfirmed = (pipeline.BURST * pipeline.UNANSWERED_BURSTS + pipeline.BURST) * 256
    assert f"up to {pipeline.WINDOW_COMMANDS + unconfirmed:,} commands" in DOCUMENT.read_text(encoding="utf-8")
