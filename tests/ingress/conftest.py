"""An exchange without an engine, and one of real processes with two ingress workers, for the tests of this folder."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import short_folder
from tests.ingress.fakes import Exchange, open_exchange
from tests.ingress.venue import Venue, open_venue


@pytest_asyncio.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    opened = await open_exchange(tmp_path / "dist")
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """Shared by modules, so each test brings what it looks at, and leaves no open orders behind."""
    sockets = short_folder()
    with open_venue(tmp_path_factory.mktemp("venue"), sockets, workers=2) as opened:
        yield opened
    shutil.rmtree(sockets, ignore_errors=True)
