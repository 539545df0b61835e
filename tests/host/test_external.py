"""Servers of the operator's own are used only if they keep what the exchange promises."""

import psycopg
import pytest
import redis

from engine_core.config.toml_section import ConfigError
from engine_core.host.external import ExternalError, check_database, check_redis


def test_a_redis_that_keeps_the_promise(valkey: str) -> None:
    check_redis(valkey, "everysec")


@pytest.mark.parametrize(
    ("setting", "value", "durability"),
    [
        ("appendonly", "no", "everysec"),
        ("appendfsync", "no", "everysec"),
        ("appendfsync", "everysec", "always"),
        ("maxmemory-policy", "allkeys-lru", "everysec"),
    ],
)
def test_a_redis_that_does_not_is_refused_with_what_to_set(
    fresh_valkey: str, setting: str, value: str, durability: str
) -> None:
    with redis.Redis.from_url(fresh_valkey) as client:
        client.config_set(setting, value)
        with pytest.raises(ExternalError, match=rf"{setting} is '{value}'.*CONFIG SET {setting}"):
            check_redis(fresh_valkey, durability)


def test_a_redis_with_fewer_replicas_than_must_have_what_leaves(fresh_valkey: str) -> None:
    check_redis(fresh_valkey, "replicated")
    with pytest.raises(ExternalError, match=r"has 0 of the 2 replicas .* start them, or set log.replicas lower"):
        check_redis(fresh_valkey, "replicated", 2)


def test_a_redis_that_reads_its_file_is_waited_for(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [{"loading": 1, "loading_loaded_perc": "41.50"}, {"loading": 1}, {"loading": 0}]
    info = redis.Redis.info
    monkeypatch.setattr(
        redis.Redis,
        "info",
        lambda self, section: answers.pop(0) if section == "persistence" else info(self, section),
    )
    said: list[str] = []
    check_redis(valkey, "everysec", say=said.append)
    assert not answers and said == ["waiting for Redis, which reads its file: 41.50 % until now"]


def test_a_redis_that_is_not_there() -> None:
    with pytest.raises(ExternalError, match=r"REDIS_URL unix:///nowhere/valkey\.sock: cannot be reached"):
        check_redis("unix:///nowhere/valkey.sock", "everysec")
    with pytest.raises(ConfigError, match="REDIS_URL"):
        check_redis("no-url", "everysec")


def test_a_database_that_fits(postgres: str) -> None:
    check_database(postgres)


def test_a_database_without_the_right_to_create(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'secret'")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    url = postgres.split("//")[0] + "//reader:secret@" + postgres.split("@", 1)[1]
    with pytest.raises(ExternalError, match="GRANT CREATE") as error:
        check_database(url)
    assert "secret" not in str(error.value)


def test_a_database_that_is_not_there() -> None:
    with pytest.raises(ExternalError, match="DATABASE_URL"):
        check_database("postgresql://nobody@/nothing?host=/nowhere")


def test_a_replica_is_refused_with_the_name_of_its_primary(fresh_valkey: str) -> None:
    with redis.Redis.from_url(fresh_valkey) as client:
        client.replicaof("127.0.0.1", "9")
        with pytest.raises(ExternalError, match=r"is a replica, .* 127\.0\.0\.1:9"):
            check_redis(fresh_valkey, "everysec")
        client.replicaof("NO", "ONE")
    check_redis(fresh_valkey, "everysec")
