"""Stamps of a sample of orders: what each process shows of them, how they are joined, and as metrics."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine_core.process import stages
from engine_core.process.metrics import Monitor, serve
from engine_core.process.sockets import ask
from engine_core.process.stages import ROWS, Journeys, Sender, Stage, StageTimes, Stamps

ENGINE = (Stage.READ, Stage.MATCHED, Stage.PUBLISHED)
INGRESS = (Stage.RECEIVED, Stage.AUTHENTICATED, Stage.APPENDED, Stage.ANSWERED)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is asked here is this one, which a busy machine may hold up for longer than a second."""
    monkeypatch.setattr("engine_core.process.sockets.TIMEOUT_S", 60.0)


@contextmanager
def process(folder: Path, role: str, stamps: Stamps) -> Iterator[Path]:
    """The socket of one that shows these stamps."""
    monitor = Monitor(role, stamps=stamps.after)
    (server,) = serve(monitor, folder)
    try:
        yield folder / f"{role}.0.metrics"
    finally:
        server.shutdown()
        server.server_close()


def sender(sequence: int) -> Sender:
    return Sender(100, 1_790_000_000_000_000_000, sequence)


def test_every_nth_block_is_wanted_and_none_where_it_is_off() -> None:
    assert [sequence for sequence in range(1, 50) if Stamps(16).wants(sequence)] == [16, 32, 48]
    assert not any(Stamps(0).wants(sequence) for sequence in range(100))


def test_what_the_processes_saw_of_an_order_is_one_journey(tmp_path: Path) -> None:
    ingress, engine = Stamps(1, *INGRESS), Stamps(1, *ENGINE)
    writer = Stamps(1, Stage.STORED)
    with (
        process(tmp_path, "ingress", ingress),
        process(tmp_path, "engine", engine),
        process(tmp_path, "writer", writer),
    ):
        journeys = Journeys(tmp_path)
        engine.add(sender(1), 4.0, 8.0, 16.0)
        journeys.look()
        ingress.add(sender(1), 1.0, 1.5, 2.0, 32.0, order_id=77)
        engine.add(sender(2), 5.0, 6.0, 7.0)
        ingress.add(sender(3), 1.0, 1.5, 2.0, 32.0, order_id=78)  # the engine was asked before it had it
        writer.add(sender(1), 80.0)
        journeys.look()
        first, second, third = journeys.all()
        assert journeys.every == 1 and not journeys.all()
    assert (first.sender, first.order_id) == (sender(1), 77)
    assert first.parts() == {
        **{Stage.AUTHENTICATED: 0.5, Stage.APPENDED: 0.5, Stage.READ: 2.0, Stage.MATCHED: 4.0, Stage.PUBLISHED: 8.0},
        **{Stage.ANSWERED: 16.0, Stage.STORED: 64.0},
    }
    assert first.answered_s() == sum(part for stage, part in first.parts().items() if stage is not Stage.STORED) == 31.0
    assert second.parts() == {Stage.MATCHED: 1.0, Stage.PUBLISHED: 1.0} and second.answered_s() is None
    assert third.parts().keys() == {Stage.AUTHENTICATED, Stage.APPENDED} and third.answered_s() is None


def test_a_block_that_was_sent_twice_counts_once(tmp_path: Path) -> None:
    engine = Stamps(1, *ENGINE)
    with process(tmp_path, "engine", engine):
        journeys = Journeys(tmp_path)
        engine.add(sender(1), 1.0, 2.0, 3.0)
        engine.add(sender(1), 11.0, 12.0, 13.0)  # the copy, which was refused
        journeys.look()
        (journey,) = journeys.all()
    assert journey.at[Stage.READ] == 1.0


def test_each_row_is_shown_once_the_oldest_are_overwritten_and_another_process_begins_anew(tmp_path: Path) -> None:
    engine = Stamps(1, *ENGINE)
    journeys = Journeys(tmp_path)
    with process(tmp_path, "engine", engine):
        for number in range(3):
            engine.add(sender(number), 1.0, 2.0, 3.0)
        journeys.look()
        assert len(journeys.all()) == 3
        journeys.look()
        assert journeys.all() == []
        for number in range(10, ROWS + 20):
            engine.add(sender(number), 1.0, 2.0, 3.0)
        journeys.look()
        assert [journey.sender.sequence for journey in journeys.all()] == list(range(20, ROWS + 20))
    after = Stamps(1, *ENGINE)
    with process(tmp_path, "engine", after):
        after.add(sender(9_999), 1.0, 2.0, 3.0)
        journeys.look()
        journeys.look()
        assert [journey.sender.sequence for journey in journeys.all()] == [9_999]


def test_what_is_asked_wrongly_shows_all_and_a_process_without_stamps_has_none(tmp_path: Path) -> None:
    engine = Stamps(1, *ENGINE)
    engine.add(sender(1), 1.0, 2.0, 3.0)
    with process(tmp_path, "engine", engine) as path:
        for query in ("", "?after=x", "?after=-1", "?after=99", "?after=9999999999999999999999", "?before=1"):
            answer = ask(path, f"/stages{query}")
            assert answer is not None and answer[0] == 200 and '"sequence"' not in answer[1] and "[100," in answer[1]
    (server,) = serve(Monitor("market_maker"), tmp_path)
    try:
        answer = ask(tmp_path / "market_maker.0.metrics", "/stages")
        assert answer is not None and answer[0] == 404
    finally:
        server.shutdown()
        server.server_close()


def test_as_metrics_a_stage_of_an_order_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ingress, engine = Stamps(1, *INGRESS), Stamps(1, *ENGINE)
    shown = Monitor("egress")
    shown.refresh = StageTimes(shown, tmp_path).refresh
    with process(tmp_path, "ingress", ingress), process(tmp_path, "engine", engine):
        ingress.add(sender(1), 1.0, 1.25, 1.5, 4.0, order_id=5)
        engine.add(sender(1), 2.0, 2.5, 3.0)
        shown.refresh()
        monkeypatch.setattr(stages, "LATEST_S", 0.0)
        families = [{family.name: family for family in shown.collect()} for _ in range(2)]
    for family in families:
        found = {
            sample.labels["stage"]: sample.value
            for sample in family["exchange_order_stage_seconds"].samples
            if sample.name.endswith("_sum")
        }
        assert found == {
            **{"authenticated": 0.25, "appended": 0.25, "read": 0.5, "matched": 0.5, "published": 0.5, "answered": 1.0},
            **{"streamed": 0.0, "stored": 0.0},
        }
