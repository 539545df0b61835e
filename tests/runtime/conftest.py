"""A client of the Valkey that tests of the engine share, which is empty at the start of each, and their patience."""

from collections.abc import Iterator

import pytest
import redis

from engine_core.transport.questions import AGAIN_SECONDS
from tests.exchange import PATIENCE_SECONDS


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey) as client:
        yield client


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stopped or cut off here is answered afterwards, however long the machine takes for it."""
    monkeypatch.setattr("engine_core.transport.pipeline.ANSWER_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr("engine_core.transport.questions.TIMES", round(PATIENCE_SECONDS / AGAIN_SECONDS))
