"""What `bench http` and `bench orders_ws` say beside their rates."""

from array import array

import pytest

from bench.against_echo import Accounts, Result, report
from bench.http.load import Load
from bench.load.outcome.tally import Tally

TURNED_AWAY = "a connection is turned away: TOO_MANY_REQUESTS: Too many connections"


def load(turned_away: int) -> Load:
    tally = Tally(array("q", [0]))
    tally.seconds = 1.0
    tally.send(0, 0)
    tally.answer(0, 1_000_000, 200)
    tally.notes[TURNED_AWAY] = turned_away
    return Load.of(tally)


def test_connections_that_were_turned_away_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """They are why there are fewer connections than were asked for."""
    loads = [load(3), load(4)]
    result = Result.of("2 connections", loads, [load(100)], load(1), Accounts.of(loads, known=2))
    assert result.notes == {TURNED_AWAY: 8}
    report(result, bar_ratio=1.0)
    assert f"note: 8 times: {TURNED_AWAY}\n" in capsys.readouterr().out
