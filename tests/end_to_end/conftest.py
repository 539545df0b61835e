from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange import Exchange


@pytest.fixture
def own_exchange(tmp_path: Path) -> Iterator[Exchange]:
    """An exchange that the test may break; not started yet."""
    running = Exchange(tmp_path / "data", "--profile", "bare", ingress_workers=1)
    yield running
    running.end()
