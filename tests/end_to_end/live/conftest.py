from collections.abc import Iterator

import pytest

from tests.exchange import Exchange


@pytest.fixture(scope="package")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One exchange for all tests of this folder: its markets are quiet, each test trades in one of its own."""
    running = Exchange(tmp_path_factory.mktemp("exchange"), "--profile", "bare")
    running.start()
    yield running
    running.end()
