"""A lease that is renewed while its holder works, and given back when it is done."""

import time

import pytest
import redis

from engine_core.administration import lease
from engine_core.administration.client import ApplyError


def test_the_second_is_told_who_has_it(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE_S", 0.3)
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    with redis.Redis.from_url(valkey) as client:
        with lease.held(client, "lease:x", "the move"):
            time.sleep(0.6)  # twice as long as it is given for
            with (
                pytest.raises(ApplyError, match=r"the move is done by process \d+ on .+, since \d\d:\d\d:\d\dZ: wait"),
                lease.held(client, "lease:x", "the move"),
            ):
                pass
        assert not client.exists("lease:x")
        client.set("lease:x", "process 1 on a host that is gone", px=100)
        time.sleep(0.2)
        with lease.held(client, "lease:x", "the move"):
            assert client.exists("lease:x")


def test_who_stood_still_goes_on_no_more(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And takes nothing back from the one who began meanwhile."""
    monkeypatch.setattr(lease, "LEASE_S", 0.2)
    monkeypatch.setattr(lease, "RENEW_S", 60)  # as if it was stopped
    with redis.Redis.from_url(valkey) as client, lease.held(client, "lease:x", "the move") as first:
        first.check()
        time.sleep(0.3)
        client.set("lease:x", "another process")
        with pytest.raises(ApplyError, match="stood still, and another one may have begun the move meanwhile"):
            first.check()
        assert client.get("lease:x") == b"another process" and client.ttl("lease:x") == -1
    with redis.Redis.from_url(valkey) as client:
        assert client.get("lease:x") == b"another process", "it is given back by its holder alone"
