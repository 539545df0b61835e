"""What a reader that is always behind proves of what it read: that nothing before it was trimmed away."""

from typing import Any

import pytest

from engine_core.runtime.config import INTAKE_BYTES
from engine_core.runtime.log import intake
from engine_core.runtime.log.intake import UNSEEN_SECONDS, Intake
from engine_core.wire.log import LogTrimmed
from engine_core.wire.streams import FIELD, ORIGIN, EntryId
from tests.runtime.rig import NAMES


class Log:
    """The command log as Redis has it: entries 1-0, 2-0, 3-0, … to `top`, of which those before `first` are trimmed.

    Stands in for the connection, which gives as many as were asked for, and for the client, which describes the log.
    """

    def __init__(self) -> None:
        self.first, self.top, self.asked, self.described = 1, 0, (0, 0), 0

    def fileno(self) -> int:
        return 0

    def send(self, parts: list[bytes]) -> None:
        words = parts[0].split(b"\r\n")[2::2]
        self.asked = int(words[2]), EntryId.parse(words[8]).ms

    def receive(self) -> Any:
        count, after = self.asked
        there = range(max(self.first, after + 1), self.top + 1)[:count]
        rows = [[b"%d-0" % ms, [FIELD, bytes(INTAKE_BYTES // 8)]] for ms in there]
        return [[NAMES.orders.encode(), rows]] if rows else None

    def xinfo_stream(self, name: str) -> dict[str, Any]:
        self.described += 1
        ends = {"first-entry": [b"%d-0" % self.first], "last-entry": [b"%d-0" % self.top]}
        added = {"entries-added": self.top, "length": self.top + 1 - self.first}
        return {"last-generated-id": f"{self.top}-0", **added, **ends}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(intake, "time", clock)
    return clock


def _reader(log: Any) -> Intake:
    """That has read all of the log."""
    reader = Intake(log, log, NAMES, ORIGIN, ORIGIN)
    log.top = 8
    _read(reader)
    return reader


def _read(reader: Intake) -> int:
    """The last entry of the next read."""
    reader.request()
    return reader.receive().entries[-1][0].ms


def test_a_busy_reader_asks_now_and_then_where_the_log_ends_not_at_each_read(clock: Clock) -> None:
    log = Log()
    reader = _reader(log)
    before, seconds, reads = log.described, 0.0, 0
    log.top += 40
    while seconds < 10 * UNSEEN_SECONDS:
        log.top += 8  # as many as one read gives: it stays five reads behind
        assert _read(reader) == log.top - 40
        clock.now += 0.01
        seconds, reads = seconds + 0.01, reads + 1
    assert reads > 900
    assert log.described - before <= 21


def test_one_that_is_far_behind_asks_at_each_read(clock: Clock) -> None:
    log = Log()
    reader = _reader(log)
    log.top += 10_000
    clock.now += UNSEEN_SECONDS / 2 + 0.01
    before = log.described
    for _ in range(5):
        _read(reader)
        clock.now += UNSEEN_SECONDS
    assert log.described - before == 5


@pytest.mark.parametrize("reads", [0, 1, 60])
def test_what_was_trimmed_before_it_was_read_is_missed(clock: Clock, reads: int) -> None:
    log = Log()
    reader = _reader(log)
    log.top += 8 * reads + 40
    for _ in range(reads):
        _read(reader)
        clock.now += UNSEEN_SECONDS / 50
    clock.now += 5 * UNSEEN_SECONDS  # trimming spares what is younger
    log.first = log.top - 7
    with pytest.raises(LogTrimmed, match="begins at"):
        _read(reader)


def test_where_the_log_ended_proves_nothing_until_that_is_read(clock: Clock) -> None:
    log = Log()
    reader = _reader(log)
    log.top += 10_000
    clock.now += UNSEEN_SECONDS * 0.6
    before = log.described
    assert _read(reader) and log.described == before + 1
    clock.now += UNSEEN_SECONDS * 0.6
    log.first = log.top
    with pytest.raises(LogTrimmed, match="begins at"):
        _read(reader)
