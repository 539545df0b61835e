"""A client of the Valkey that tests of the engine share, which is empty at the start of each."""

from collections.abc import Iterator

import pytest
import redis


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey) as client:
        yield client
