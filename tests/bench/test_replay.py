"""A captured flow through the matching kernel: which of the venue's trades come out, and what is said of the others."""

import json
from pathlib import Path

import pytest

from bench.replay import __main__ as replay
from bench.replay.capture import CaptureError, locate
from tests.bench.test_capture import write

# 4 takes 1.0 of ask 3 and ends; what is left of ask 3 is cancelled. 5 is refused as post-only. 1 and 2 rest to the end.
LIVE = [
    "4,9,200,111.0,1.0,created,bid",
    "3,9,200,110.0,0.5,changed,ask",
    "4,9,200,110.0,0.0,deleted,bid",
    "5,9,250,104.0,7.0,created,ask",
    "5,9,250,104.0,7.0,deleted,ask",
    "3,9,300,110.0,0.5,deleted,ask",
]
CLOSING = ["1,9,900,100.0,2.0,deleted,bid", "2,9,900,104.0,1.0,deleted,bid"]
TRADE = "71,9,200,110.0,1.0,4,3,buy"


def play(tmp_path: Path, live: list[str], trades: list[str], *options: str) -> tuple[int, dict[str, object]]:
    folder, report = write(tmp_path / "capture", live, CLOSING, trades), tmp_path / "report.json"
    status = replay.main(["--kernel", "--json", str(report), *options, str(folder)])
    return status, json.loads(report.read_text())


def test_a_captured_trade_is_reproduced(tmp_path: Path) -> None:
    status, report = play(tmp_path, LIVE, [TRADE])
    verdict = report["verdict"]
    assert status == 0
    assert (verdict["captured_trades"], verdict["reproduced"], verdict["same_sequence"]) == (1, 1, True)
    assert (verdict["post_only_expected"], verdict["post_only_refused"]) == (1, 1)
    assert (verdict["cancels_compared"], verdict["cancels_exact"]) == (3, 3)
    assert (verdict["missed"], verdict["extra"], verdict["rejected"]) == ([], [], {})


def test_prices_of_two_decimals_are_replayed(tmp_path: Path) -> None:
    status, report = play(
        tmp_path, [line.replace("110.0,", "110.01,") for line in LIVE], [TRADE.replace("110.0,", "110.01,")]
    )
    assert status == 2 and report["verdict"]["rejected"] == {}, "the snapshot's ask is at 110.00"
    assert [(row["taker"], row["maker"], row["price_ticks"]) for row in report["verdict"]["extra"]] == [(4, 3, 11_000)]


@pytest.mark.parametrize(
    ("trade", "why"),
    [
        ("71,9,200,110.0,0.9,4,3,buy", "taker 4 ended as filled with 100000000 of 100000000 lots executed"),
        ("71,9,200,104.0,7.0,2,5,sell", "taker 5 was refused (POST_ONLY_WOULD_TAKE)"),
        ("71,9,200,110.0,1.0,1,3,buy", "maker 3 ended as cancelled, USER with 100000000 of 150000000 lots executed"),
    ],
)
def test_a_trade_that_does_not_come_out_is_explained(tmp_path: Path, trade: str, why: str) -> None:
    status, report = play(tmp_path, LIVE, [trade])
    assert status == 2
    missed, extra = report["verdict"]["missed"], report["verdict"]["extra"]
    assert [row["trade_id"] for row in missed] == [71]
    assert why in missed[0]["why"]
    assert [(row["taker"], row["maker"], row["price_ticks"], row["lots"]) for row in extra] == [
        (4, 3, 110, 100_000_000)
    ]


def test_a_size_that_the_venue_says_otherwise_is_counted(tmp_path: Path) -> None:
    live = [line.replace("3,9,300,110.0,0.5", "3,9,300,110.0,0.4") for line in LIVE]
    _, report = play(tmp_path, live, [TRADE])
    assert (report["verdict"]["cancels_compared"], report["verdict"]["cancels_exact"]) == (3, 2)


class Clock:
    """Stands still, but for sleeping."""

    now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 1e-6)


def test_the_captures_own_pace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "time", Clock())
    status, report = play(tmp_path, LIVE, [TRADE], "--speed", "20")  # 0.8 s of the capture in 40 ms
    assert status == 0
    assert report["run"]["seconds"] == pytest.approx(0.04, abs=1e-4)
    assert report["run"]["blocks"] == 5  # what is not due yet is not sent
    assert "1 of 1 real trades" in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--speed", "0"], ["--speed", "fast"], ["--block", "0"], ["--block", "1025"]])
def test_options_that_make_no_sense_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        replay.main(options)
    assert options[0] in capsys.readouterr().err


def test_no_capture_no_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay.main(["--kernel", str(tmp_path)]) == 1
    assert "orders.csv.gz is missing" in capsys.readouterr().err


def test_the_real_capture_is_reproduced(tmp_path: Path) -> None:
    """301,027 live events of a real venue; every one of its 284 trades, in the same order and none besides."""
    try:
        locate()
    except CaptureError as error:
        pytest.skip(str(error))
    report = tmp_path / "report.json"
    assert replay.main(["--kernel", "--json", str(report)]) == 0
    content = json.loads(report.read_text())
    verdict = content["verdict"]
    assert content["live_events"] == 301_027
    assert (verdict["captured_trades"], verdict["reproduced"], verdict["same_sequence"]) == (284, 284, True)
    assert verdict["cancels_exact"] == verdict["cancels_compared"] > 50_000
    assert verdict["post_only_refused"] == verdict["post_only_expected"] > 100_000
    assert verdict["rejected"] == {}
