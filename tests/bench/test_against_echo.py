"""What `bench http` and `bench orders_ws` say beside their rates."""

from array import array

import pytest

from bench.against_echo import Accounts, Result, report
from bench.http.load import Load
from bench.load.outcome.tally import Tally
from ingress.access.rate_limits import OVER_THE_LIMIT

TURNED_AWAY = "a connection is turned away: TOO_MANY_REQUESTS: Too many connections"


LIMIT = f"TOO_MANY_REQUESTS: {OVER_THE_LIMIT}"
FUNDS = "INSUFFICIENT_FUNDS: Insufficient funds"


def load(turned_away: int = 0, refused: str = "") -> Load:
    tally = Tally(array("q", [0]))
    tally.seconds = 1.0
    tally.send(0, 0)
    tally.answer(0, 1_000_000, 400 if refused else 200)
    if refused:
        tally.refuse(400, refused)
    if turned_away:
        tally.notes[TURNED_AWAY] = turned_away
    return Load.of(tally)


def test_connections_that_were_turned_away_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """They are why there are fewer connections than were asked for."""
    loads = [load(3), load(4)]
    result = Result.of("2 connections", loads, [load(100)], load(1), Accounts.of(loads, known=2))
    assert result.notes == {TURNED_AWAY: 8}
    report(result, bar_ratio=1.0)
    assert f"note: 8 times: {TURNED_AWAY}\n" in capsys.readouterr().out


def said(capsys: pytest.CaptureFixture[str], loads: list[Load], known: int, unanswered: int = 0) -> str:
    result = Result.of("2 connections", loads, [load()], load(), Accounts.of(loads, known, unanswered))
    report(result, bar_ratio=1.0)
    return capsys.readouterr().out


def test_orders_whose_answers_came_too_late_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    said_of_two = said(capsys, [load(), load()], known=5, unanswered=3)
    assert (
        "accepted 2, refused 0, in the history 5: every order is accounted for\n3 of them were executed" in said_of_two
    )
    assert "executed" not in said(capsys, [load(), load()], known=2, unanswered=3)


def test_refusals_are_told_by_their_reason(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, [load(refused=FUNDS), load(refused=FUNDS)], known=0)
    assert f"refused 2 times: {FUNDS}\n" in text and "bare" not in text and "wrk" not in text


def test_only_who_met_the_limits_is_sent_to_an_exchange_without(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, [load(refused=FUNDS), load(refused=LIMIT)], known=0)
    assert f"refused 1 times: {LIMIT}\n" in text and "--profile bare" in text


def test_wrk_does_not_know_why(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, [Load(seconds=1.0, answered=7, accepted=5)], known=5)
    assert text.count("warning: ") == 1, "each is read alone, in JSON and on the page"
    assert (
        "warning: refused 2 times: wrk does not say why, --client python does; if it was the limit of requests, an "
        "exchange with --profile bare has none\n" in text
    )
