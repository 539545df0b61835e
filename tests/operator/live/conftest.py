"""One whole exchange for the tests of this folder, in a folder whose name has everything that a path may have."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange import Exchange

ODD_NAME = "d 24 ü€ 'x\" #?%41"


@pytest.fixture(scope="package")
def odd_exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    home = tmp_path_factory.mktemp("home") / ODD_NAME
    home.mkdir()
    (home / "exchange.toml").write_bytes(Path("exchange.toml").read_bytes())
    running = Exchange(home / "data", "--profile", "bare", "--config", str(home / "exchange.toml"))
    running.start()
    yield running
    running.end()
