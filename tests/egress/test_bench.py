"""The load client of `exchange bench websocket`, small."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.websocket import __main__ as websocket
from bench.websocket.client import FRAMES, TIMED, Totals, scan
from engine_core.edge.text_frame import text_frame
from tests.bench.report.form import assert_form


def test_the_scanner_counts_whole_frames_and_reads_the_engines_time() -> None:
    totals = Totals()
    frames = [
        text_frame(b'{"stream":"x","data":{"e":"depth","E":5,"T":%d,"s":"%s"}}' % (number, b"y" * number))
        for number in range(300)
    ]
    data = np.frombuffer(bytearray(b"".join(frames)), np.uint8)
    used = scan(data[:-1], 50_000, totals.counts, totals.histogram)
    assert used == len(data) - len(frames[-1])
    assert scan(data[used:], 50_000, totals.counts, totals.histogram) == len(frames[-1])
    assert (totals.counts[FRAMES], totals.counts[TIMED]) == (300, 300)
    assert totals.histogram[497:501].tolist() == [99, 100, 100, 1]
    assert totals.latency_ms(0.5) == pytest.approx(49.9)


def test_a_small_run(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = [
        "--alone",
        "--clients",
        "5",
        "--seconds",
        "0.5",
        "--changes",
        "200",
        "--trades",
        "50",
        "--json",
        str(report),
    ]
    assert websocket.main(arguments) == 0
    content = json.loads(report.read_text())
    assert_form(content, "websocket")
    assert content["clients"] == 5 and content["frames_per_second"] > 0 and content["latency_ms"]["p50"] > 0


def test_idle_connections(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert websocket.main(["--alone", "--idle", "20", "--seconds", "0.1", "--json", str(report)]) == 0
    content = json.loads(report.read_text())
    assert_form(content, "websocket")
    assert content["idle_connections"] == 20 and content["connections_lost"] == 0


def test_clients_that_come_back_at_once(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ["--alone", "--storm", "20", "--clients", "3", "--seconds", "0.5", "--json", str(report)]
    assert websocket.main(arguments) == 0
    content = json.loads(report.read_text())
    assert_form(content, "websocket")
    assert content["returning"] == 20 and content["served_seconds"]["all"] > 0 and content["connections_lost"] == 0


def test_idle_and_storm_are_two_measurements(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        websocket.main(["--alone", "--idle", "20", "--storm", "20"])
    assert "--idle and --storm: one at a time" in capsys.readouterr().err


def test_an_error_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        websocket.main(["--idle", "-5"])
    assert "exchange bench websocket: error: argument --idle: must be from 1 to 60000" in capsys.readouterr().err
