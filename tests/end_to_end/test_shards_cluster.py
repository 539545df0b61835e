"""A venue of several shards on a cluster: the logs of each are where its hash tag says, on more than one node."""

from pathlib import Path

import redis
from redis.crc import key_slot

from engine_core.wire.streams import keys
from tests.clusters import Cluster
from tests.end_to_end.engines import SOL_USDC, TRADERS, USDC, Engines
from tests.exchange import Exchange
from tests.sentinels import PASSWORD

SOL = 2
SHARDS = 3


def test_shards_trade_on_different_nodes(tmp_path: Path, runtime: Path) -> None:
    exchange = Exchange(tmp_path / "data", "--profile", "bare", "--shards", str(SHARDS), ingress_workers=1)
    with Cluster(tmp_path, replicas=1) as servers:
        exchange.variables = {"REDIS_URL": servers.url}
        try:
            exchange.start()
            with Engines(exchange) as engines:
                for account, asset in ((TRADERS[0], USDC), (TRADERS[1], SOL)):
                    engines.send_money(account, asset, 2)
                assert engines.trade(2, SOL_USDC) == 1, "it begins there"
                assert exchange.command("market", "move", "SOL_USDC", "--to", "0").returncode == 0
                assert engines.trade(0, SOL_USDC) == 2
                assert exchange.command("market", "move", "SOL_USDC", "--to", "2").returncode == 0
            has = {port: logs_of(port) for port in [servers.ports[0], *servers.others]}
            assert has[servers.ports[0]] == {0, 1} and sorted(map(len, has.values())) == [0, 1, 2], has
            assert len({key_slot(keys(shard).orders.encode()) for shard in range(SHARDS)}) == SHARDS
            for role in ("engine", "engine.s2", "writer.s2"):
                exchange.kill(role)
            with Engines(exchange) as engines:
                assert engines.trade(2, SOL_USDC) == 3
            assert exchange.verified()["ok"] is True
        finally:
            exchange.end()


def logs_of(port: int) -> set[int]:
    """The shards whose logs this node has."""
    with redis.Redis(port=port, password=PASSWORD) as node:
        names = {name.decode() for name in node.scan_iter("events:*")}
    return {shard for shard in range(16) if keys(shard).events in names}
