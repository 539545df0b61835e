"""REDIS_URL: what is one, and what of it is what."""

import pytest

from engine_core.config.redis_url import (
    check_redis_url,
    cluster_url,
    is_cluster,
    is_sentinel,
    is_watched,
    of_shard,
    places,
    sentinel_url,
    to_shard,
)
from engine_core.config.settings import has_password, without_password
from engine_core.config.toml_section import ConfigError


def test_the_parts_of_a_sentinel_url() -> None:
    url = "redis+sentinel://me:p%2Fw@one,[::1]:7,three:26380/log/3?sentinel_password=s&sentinel_username=u&health_check_interval=9"
    parts = sentinel_url(check_redis_url(url))
    assert is_sentinel(url) and not is_sentinel("redis://one:1/0")
    assert parts.sentinels == (("one", 26379), ("::1", 7), ("three", 26380))
    assert (parts.name, parts.username, parts.password) == ("log", "u", "s")
    assert parts.server == "redis://me:p%2Fw@sentinel/3?health_check_interval=9"
    assert sentinel_url("rediss+sentinel://one/log").server == "rediss://sentinel/0"


def test_the_parts_of_a_cluster_url() -> None:
    url = "redis+cluster://me:p%2Fw@one,[::1]:7/?health_check_interval=9"
    parts = cluster_url(check_redis_url(url))
    assert is_cluster(url) and is_watched(url) and not is_sentinel(url)
    assert (parts.nodes, parts.shard) == ((("one", 6379), ("::1", 7)), 0)
    assert parts.server == "redis://me:p%2Fw@node/0?health_check_interval=9"
    assert of_shard(url, 3) == "redis+cluster://me:p%2Fw@one,[::1]:7/3?health_check_interval=9"
    assert cluster_url(of_shard(url, 3)).shard == 3
    assert places(url, 2) == [of_shard(url, 0), of_shard(url, 1)] and places(url, 1) == [url]
    assert to_shard(of_shard(url, 3), 12) == of_shard(url, 12)
    for other in (of_shard(url, 3), "redis://one:1/0", "redis+sentinel://one/log"):
        assert of_shard(other, 4) == other
    for other in ("redis://one:1/0", "redis+sentinel://one/log", "unix:///a/b"):
        assert to_shard(other, 4) == other and places(other, 3) == [other]


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one:1,two:2",
        "redis+sentinel:///log",
        "redis+sentinel://one:1,/log",
        "redis+sentinel://one:0/log",
        "redis+sentinel://one:x/log",
        "redis+sentinel://one:99999/log",
        "redis+sentinel://one/log/first",
        "unix+sentinel://one/log",
        "redis+cluster://",
        "redis+cluster://one,/",
        "redis+cluster://one:0",
        "redis+cluster://one/first",
        "redis+cluster://one/-1",
    ],
)
def test_what_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match=r"redis\+sentinel://"):
        check_redis_url(url)


def test_no_password_of_either_is_shown() -> None:
    url = "redis+sentinel://:open@one,two/log?sentinel_password=secret"
    assert has_password(url)
    assert without_password(url) == "redis+sentinel://:…@one,two/log?sentinel_password=…"
