"""An exchange without an engine, for the tests of this folder; live/ has one of real processes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.ingress.fakes import Exchange, open_exchange


@pytest_asyncio.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[Exchange]:
    opened = await open_exchange(tmp_path / "dist")
    yield opened
    await opened.close()
