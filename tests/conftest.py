"""Fixtures for all tests: private servers on Unix sockets, in folders that vanish.

`valkey`        one Valkey for the whole session, emptied for each test that asks for it      → redis URL
`fresh_valkey`  a Valkey of its own, so that the test may stop or damage it                   → redis URL
`postgres`      an empty database of its own, on one PostgreSQL for the whole session         → database URL
`runtime`       a short folder for sockets and ring files

The runtime folders that exchanges choose by themselves, for a data folder of a test, go with the session.
"""

import gc
import itertools
import logging
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
import redis

from engine_core.host.embedded import Postgres, Valkey, running
from tests.folders import remove_runtime_folders, short_folder
from tests.orphans import watched
from tests.scheduling import OneExchangeOneWorker, in_order, is_of_deployments, is_of_the_page, starts_processes

# How long an example takes, and how long making one, the machine decides.
hypothesis.settings.register_profile("exchange", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("exchange")

PACKAGES = ("engine_core", "ingress", "egress", "persistence", "bench")
_databases = itertools.count(1)


def pytest_configure() -> None:
    """Programs started by a job in the background begin with SIGINT ignored; those that tests interrupt must not."""
    gc.disable()  # until all tests are collected
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)  # without xdist too: -p no:xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneExchangeOneWorker:
    return OneExchangeOneWorker(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = in_order(items)
    for item in items:
        if starts_processes(item):
            item.add_marker("processes")
        if is_of_the_page(item):
            item.add_marker("page")
        if is_of_deployments(item):
            item.add_marker("deployments")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """What was imported stays for ever: the collector need not look at millions of objects again and again."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _the_loggers_are_left_as_they_were() -> Iterator[None]:
    """A test that silenced one for good once hid from the next what it looked for."""
    yield
    silenced = [name for name in PACKAGES if not logging.getLogger(name).isEnabledFor(logging.WARNING)]
    assert not silenced, f"this test silences {silenced} for those that come after it: use caplog.set_level"


@pytest.fixture(scope="session", autouse=True)
def _nothing_stays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No process, and no folder outside of pytest's own, also of a session that is killed."""
    home = tmp_path_factory.getbasetemp()
    with watched(home):
        yield
    remove_runtime_folders(home)


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
        # FORCE waits five seconds for whoever is connected: less than the disk may take for a last commit.
        ended = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s"
        connection.execute(ended, (name,)).fetchall()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
