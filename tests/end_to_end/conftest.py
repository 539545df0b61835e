from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.harness import Exchange


@pytest.fixture(scope="package")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One exchange for all tests of this folder: its markets are quiet, each test trades in one of its own."""
    running = Exchange(tmp_path_factory.mktemp("exchange"), "--profile", "bare")
    running.start()
    yield running
    running.end()


@pytest.fixture
def own_exchange(tmp_path: Path) -> Iterator[Exchange]:
    """An exchange that the test may break; not started yet."""
    running = Exchange(tmp_path / "data", "--profile", "bare")
    yield running
    running.end()
