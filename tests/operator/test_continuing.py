"""Whether an exchange may go on with the logs that it finds: of each shard it has, and of none that it has not."""

import pytest
import redis

from engine_core.host.supervisor import StartError
from engine_core.operator.target.continuing import check_logs
from engine_core.wire.layout import BEHAVIOUR_VERSION
from engine_core.wire.streams import keys
from tests.transport.test_behaviour import begin


def test_a_log_of_another_shard_is_not_left_out(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as client:
        check_logs(valkey, 1)
        client.xadd(keys(2).events, {"b": b"x"})
    with pytest.raises(
        StartError, match=r"Redis has a log of shard 2, and this venue is to have 1 .*--shards 3 or more"
    ):
        check_logs(valkey, 1)
    with pytest.raises(StartError, match="of shard 2, and this venue is to have 2"):
        check_logs(valkey, 2)
    with pytest.raises(
        StartError, match=r"is to have 2 \(from 0 on\), as EXCHANGE_SHARDS=2 says: .*--shards 3 or more"
    ):
        check_logs(valkey, 2, said="EXCHANGE_SHARDS=2")


def test_a_log_of_the_version_before_is_named_unless_it_was_upgraded(valkey: str) -> None:
    with redis.Redis.from_url(valkey) as client:
        begin(client, BEHAVIOUR_VERSION - 1)
    with pytest.raises(StartError, match="is of behaviour version"):
        check_logs(valkey, 2)
    check_logs(valkey, 2, upgraded={0})
