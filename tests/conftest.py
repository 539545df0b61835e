"""Fixtures for all tests: private servers on Unix sockets, in folders that vanish.

`valkey`        one Valkey for the whole session, emptied for each test that asks for it      → redis URL
`fresh_valkey`  a Valkey of its own, so that the test may stop or damage it                   → redis URL
`postgres`      an empty database of its own, on one PostgreSQL for the whole session         → database URL
`runtime`       a short folder for sockets and ring files

The runtime folders that exchanges choose by themselves, for a data folder of a test, go with the session.
"""

import hashlib
import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
import redis

from engine_core.host.embedded import Postgres, Valkey, running
from tests.scheduling import OneExchangeOneWorker, in_order, starts_processes

hypothesis.settings.register_profile("exchange", deadline=None)  # how long an example takes, the machine decides
hypothesis.settings.load_profile("exchange")

PACKAGES = ("engine_core", "ingress", "egress", "persistence", "bench")
_databases = itertools.count(1)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneExchangeOneWorker:
    return OneExchangeOneWorker(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = in_order(items)
    for item in items:
        if starts_processes(item):
            item.add_marker("processes")


def short_folder() -> Path:
    """A private folder whose path is short enough for a Unix socket; pytest's own are not."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="xt-", dir=base))


@pytest.fixture(autouse=True)
def _the_loggers_are_left_as_they_were() -> Iterator[None]:
    """A test that silenced one for good once hid from the next what it looked for."""
    yield
    silenced = [name for name in PACKAGES if not logging.getLogger(name).isEnabledFor(logging.WARNING)]
    assert not silenced, f"this test silences {silenced} for those that come after it: use caplog.set_level"


@pytest.fixture(scope="session", autouse=True)
def _no_runtime_folder_stays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Their names tell which data folder they belong to, so only those of this session are touched."""
    yield
    own = {_digest(Path(folder)) for folder, _, _ in os.walk(tmp_path_factory.getbasetemp())}
    for base in {"/dev/shm", "/tmp", tempfile.gettempdir()}:
        for folder in Path(base).glob(f"exchange-{os.getuid()}-*"):
            if folder.name.rpartition("-")[2] in own:
                shutil.rmtree(folder, ignore_errors=True)


def _digest(data: Path) -> str:
    return hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:8]


@pytest.fixture
def runtime() -> Iterator[Path]:
    folder = short_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data, sockets = tmp_path_factory.mktemp("valkey"), short_folder()
    with running(Valkey(data, sockets), data / "valkey.log") as url:
        yield url
    shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture
def valkey(_valkey_server: str) -> str:
    with redis.Redis.from_url(_valkey_server) as client:
        client.flushall()
    return _valkey_server


@pytest.fixture
def fresh_valkey(tmp_path: Path, runtime: Path) -> Iterator[str]:
    with running(Valkey(tmp_path, runtime), tmp_path / "valkey.log") as url:
        yield url


@pytest.fixture(scope="session")
def _postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data, sockets = tmp_path_factory.mktemp("postgres"), short_folder()
    with running(Postgres(data, sockets), data / "postgres.log") as url:
        yield url
    shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture
def postgres(_postgres_server: str) -> Iterator[str]:
    name = f"test_{next(_databases)}"
    with psycopg.connect(_postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield _postgres_server.replace("@/exchange?", f"@/{name}?")
    with psycopg.connect(_postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
