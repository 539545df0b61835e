"""One exchange of real processes for these tests: 127.0.0.2 is a trusted proxy of it, 127.0.0.1 is anybody.

`front` is the shipped nginx before its first ingress process.
"""

import itertools
import shutil
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.attacks.proxy import careless, nginx
from tests.folders import short_folder
from tests.venue import Venue, open_venue

ANYBODY, PROXY = "127.0.0.1", "127.0.0.2"
LOGINS = 20  # a minute
TRIES = 3 * LOGINS  # more than that
CONNECTIONS = 100  # of one address
ENDED_PER_ACCOUNT = 40
WITHDRAW_DELAY_MINUTES = 60


@pytest.fixture(scope="package")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    sockets = short_folder()
    folder = tmp_path_factory.mktemp("venue")
    changes = {
        "logins_per_minute": LOGINS,
        "requests_per_second": 20_000,  # these tests are one address; test_charge.py has the shipped limits
        "requests_burst": 50_000,
        "of_one_address": CONNECTIONS,
        "ended_per_account": ENDED_PER_ACCOUNT,
        "withdraw_delay_minutes": WITHDRAW_DELAY_MINUTES,
        "demo_visitors": "true",
    }
    with open_venue(folder, sockets, 2, changes, EXCHANGE_TRUSTED_PROXIES=PROXY) as opened:
        yield opened
    shutil.rmtree(sockets, ignore_errors=True)


def client_at(venue: Venue, address: str, worker: int = 0) -> httpx.Client:
    """A client whose connections come from this address of the machine."""
    transport = httpx.HTTPTransport(local_address=address, verify=False)  # reading certificates takes longer than all
    return httpx.Client(base_url=f"http://127.0.0.1:{venue.ports[worker]}", transport=transport, timeout=30)


def tried_out(attempt: Callable[[int], httpx.Response]) -> None:
    """Try again and again, until it was too often: no more are let through than may be tried at once, and than come
    back meanwhile, one in so many seconds. So the one that is refused need not be the last of any number of them."""
    began = time.monotonic()
    for count in itertools.count(1):
        status = attempt(count).status_code
        if status == 429:
            assert count > 1, "one may try"
            return
        assert status == 401 and count <= LOGINS + (time.monotonic() - began) * LOGINS / 60, (count, status)


@pytest.fixture(scope="package", params=["shipped", "careless"])
def front(venue: Venue, request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of nginx before it: as it is shipped, and one that passes on what it should not."""
    folder = short_folder()
    with nginx(folder, venue.port, changed=careless if request.param == "careless" else str) as port:
        yield port
    shutil.rmtree(folder, ignore_errors=True)
