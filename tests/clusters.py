"""A Valkey cluster as processes on loopback: three primaries, and replicas of the one that has the logs.

with Cluster(folder) as servers:
    servers.url                      # redis+cluster://…
    port = servers.kill_primary()    # kill -9 of the node with the logs; the rest as with tests/sentinels.py
"""

from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from engine_core.wire.streams import keys
from tests.processes import free_ports
from tests.sentinels import PASSWORD, Sentinels, until

SLOTS = 16_384
LOG = keys().orders


class Cluster(Sentinels):
    """`ports` are those of the log's primary and its replicas, as with Sentinels; `others` have the other slots."""

    def __init__(self, folder: Path, replicas: int = 2, others: int = 2, **settings: str) -> None:
        cluster = {
            "cluster-enabled": "yes",
            "cluster-node-timeout": "1000",
            "cluster-replica-validity-factor": "0",  # a replica that lacks the end is better than none: see the tests
            "cluster-require-full-coverage": "no",
            "cluster-allow-replica-migration": "no",
        }
        super().__init__(folder, replicas, sentinels=0, **cluster, **settings)
        self.others = free_ports(others)
        # Left to itself a node takes its port + 10000, which the system may have dealt out to some connection.
        self._bus_ports = dict(zip(self.nodes, free_ports(len(self.nodes)), strict=True))

    @property
    def url(self) -> str:
        return f"redis+cluster://:p%2Fw%401@{','.join(f'127.0.0.1:{port}' for port in self.nodes)}"

    @property
    def nodes(self) -> list[int]:
        return [*self.ports, *self.others]

    def __enter__(self) -> "Cluster":
        try:
            for port in self.nodes:
                self.start(port)
            self._join()
            until(self._is_whole, "the cluster never came up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _join(self) -> None:
        first, *replicas = self.ports
        primaries = [first, *self.others]
        for port in self.nodes[1:]:
            self._ask(port, "CLUSTER", "MEET", "127.0.0.1", first, self._bus_ports[first])
        has = key_slot(LOG.encode())
        shares = {port: _part(number, len(primaries)) for number, port in enumerate(primaries)}
        holder = next(port for port, share in shares.items() if has in share)
        shares[first], shares[holder] = shares[holder], shares[first]
        for port, share in shares.items():
            self._ask(port, "CLUSTER", "ADDSLOTSRANGE", share.start, share.stop - 1)
        until(lambda: all(self._known(port) == len(self.nodes) for port in self.nodes), "the nodes never met")
        name = self._ask(first, "CLUSTER", "MYID")
        for port in replicas:
            self._ask(port, "CLUSTER", "REPLICATE", name)

    def start(self, port: int, primary: int | None = None) -> None:
        """A node that comes back knows by itself whom to follow."""
        super().start(port)

    def _settings_of(self, port: int) -> dict[str, str]:
        return super()._settings_of(port) | {"cluster-port": str(self._bus_ports[port])}

    def _known(self, port: int) -> int:
        return len(str(self._ask(port, "CLUSTER", "NODES")).splitlines())

    @property
    def primary(self) -> int:
        """The port of the one that most nodes name."""
        named = []
        for port in self.nodes:
            try:
                self._ask(port, "EXISTS", LOG)
                named.append(port)
            except redis.exceptions.AskError as moved:
                named.append(moved.port)
            except redis.RedisError:
                continue
        return max({*named}, key=named.count)

    def is_watched(self) -> bool:
        states = [self._ask(port, "CLUSTER", "INFO") for port in self.nodes]
        return all("cluster_state:ok" in str(state) and "cluster_nodes_fail:0" in str(state) for state in states)

    def _ask(self, port: int, *command: Any) -> Any:
        once = Retry(NoBackoff(), 0)
        with redis.Redis(port=port, password=PASSWORD, socket_timeout=2, decode_responses=True, retry=once) as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)


def _part(number: int, count: int) -> range:
    return range(SLOTS * number // count, SLOTS * (number + 1) // count)
