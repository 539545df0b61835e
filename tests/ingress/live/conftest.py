"""One exchange of real processes, with two ingress workers, for the tests of this folder."""

import shutil
from collections.abc import Iterator

import pytest

from tests.folders import short_folder
from tests.venue import Venue, open_venue


@pytest.fixture(scope="package")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """Each test brings what it looks at, and leaves no open orders behind."""
    sockets = short_folder()
    with open_venue(tmp_path_factory.mktemp("venue"), sockets, workers=2) as opened:
        yield opened
    shutil.rmtree(sockets, ignore_errors=True)
