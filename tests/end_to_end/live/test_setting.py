"""What `exchange bench setting` knows of the servers of an exchange: what they have, and what they do not take."""

import pytest

from bench.load.targets.api import BenchError
from bench.setting.settings import Servers, refuse_same, setting
from engine_core.config.settings import private_urls
from tests.exchange import Exchange


@pytest.fixture
def servers(exchange: Exchange) -> Servers:
    urls = exchange.run | private_urls(exchange.data)
    return Servers(urls["redis"], urls["database"])


def test_what_is_set_is_there_at_once(servers: Servers) -> None:
    for values in (("4", "5MB"), ("5", "4MB")):  # the second ones are the defaults
        wanted = [setting(f"valkey.maxmemory-samples={values[0]}"), setting(f"postgres.work_mem={values[1]}")]
        servers.apply(wanted)
        assert tuple(servers.value(one) for one in wanted) == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("postgres.max_wal_size=4GB", "1GB, which `exchange up` gives its PostgreSQL itself"),
        ("postgres.max_locks_per_transaction=99", "64, which PostgreSQL changes only at its start"),
    ],
)
def test_what_postgresql_does_not_take_is_said_with_the_reason(text: str, value: str, servers: Servers) -> None:
    servers.apply([setting(text)])
    with pytest.raises(BenchError) as refused:
        refuse_same([setting("engine.busy_poll=true"), setting(text)], servers, servers)
    assert str(refused.value) == f"{text}: both have {value}: the two would not differ in it"


@pytest.mark.parametrize("text", ("valkey.nothing=1", "postgres.nothing=1", "valkey.maxmemory-samples=many"))
def test_what_there_is_not(text: str, servers: Servers) -> None:
    with pytest.raises(BenchError, match="the setting is not taken: "):
        servers.apply([setting(text)])
