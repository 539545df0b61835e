"""What `exchange top` makes of two looks at a process."""

from pathlib import Path

import pytest

from engine_core.operator.look.top import cells, percentile, view_of
from engine_core.process.look import look_at
from engine_core.process.metrics import Histogram, Monitor, Sample, serve, socket_path


def test_rates_percentiles_and_values_between_two_looks(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine_core.process.sockets.TIMEOUT_S", 60.0)  # it is asked in this process
    numbers = {"commands_total": 0.0, "feed_lag_seconds": 0.0005}
    why = [""]
    full = [Sample("capacity_used", "", 80, (("of", "orders"),)), Sample("capacity", "", 1_000, (("of", "orders"),))]
    monitor = Monitor(
        "engine", 0, lambda: [*(Sample(name, "", value) for name, value in numbers.items()), *full], lambda: why[0]
    )
    timer = monitor.histogram("stage_seconds", "", stage="match")
    (server,) = serve(monitor, runtime)
    path = socket_path(runtime, "engine", 0)
    before = look_at(path)
    numbers["commands_total"] = 500.0
    timer.record(0.00003, times=98)
    timer.record(0.003, times=2)
    why[0] = "catching up"
    now = look_at(path)
    server.shutdown()
    server.server_close()
    assert before is not None and now is not None
    assert before.not_ready == "" and "catching up" in now.not_ready
    assert now.memory_bytes > 1e6
    before.at_ms, now.at_ms = 10_000, 12_000
    assert list(cells(view_of(before), view_of(now))) == [
        "commands 250/s",
        "feed lag 500 µs",
        "orders 80 of 1,000",
        "stage match ≤ 50 µs / 5 ms",
    ]


def test_a_process_that_is_gone_has_no_look(runtime: Path) -> None:
    assert look_at(runtime / "engine.0.metrics") is None


def test_percentiles_of_nothing_and_of_the_unbounded() -> None:
    first = Histogram("x", "").counts
    assert percentile(first, first, 0.5) is None
    assert percentile(first, [*first[:-1], 1], 0.99) == float("inf")
    assert percentile([], [1, *first[1:]], 0.5) == 0.00001
