"""Whose log it is: asked of Redis alone, by whoever would change what belongs to it."""

import numpy as np
import pytest
import redis

from engine_core.runtime.recovery import own_block
from engine_core.transport import behaviour
from engine_core.wire.codes import CommandKind
from engine_core.wire.layout import ADMIN, BEHAVIOUR_VERSION, COMMAND
from engine_core.wire.streams import FIELD, keys

NAMES = keys()


def begin(client: redis.Redis, version: int) -> None:
    genesis = np.zeros(1, ADMIN)
    genesis["kind"], genesis["behaviour"] = CommandKind.GENESIS, version
    client.xadd(NAMES.orders, {FIELD: own_block(1, 1, genesis)})


@pytest.mark.parametrize("version", [BEHAVIOUR_VERSION - 1, BEHAVIOUR_VERSION, BEHAVIOUR_VERSION + 1])
def test_the_log_says_it_until_an_engine_has_noted_it(valkey: str, version: int) -> None:
    with redis.Redis.from_url(valkey) as client:
        assert behaviour.of_log(client, NAMES) == 0 and behaviour.foreign(client, NAMES) is None, "a new exchange"
        begin(client, version)
        assert behaviour.of_log(client, NAMES) == version
        why = behaviour.foreign(client, NAMES)
        if version == BEHAVIOUR_VERSION:
            assert why is None
        else:
            assert why and f"of behaviour version {version}; this code is of version {BEHAVIOUR_VERSION}" in why
            assert ("`exchange upgrade`" if version < BEHAVIOUR_VERSION else "use the newer release") in why
        behaviour.note(client, NAMES)
        assert behaviour.of_log(client, NAMES) == BEHAVIOUR_VERSION and behaviour.foreign(client, NAMES) is None


def test_a_trimmed_log_says_nothing(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as client:
        client.xadd(NAMES.orders, {FIELD: own_block(1, 1, np.zeros(1, COMMAND))})
        assert behaviour.of_log(client, NAMES) == 0
