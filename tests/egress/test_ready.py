"""Whether egress is ready: load balancers send clients to it as long as home can be followed."""

from types import SimpleNamespace
from typing import Any

import pytest

from egress.metrics import monitor


class Gateway:
    def __init__(self) -> None:
        self.healthy, self.failure = True, None


@pytest.mark.parametrize(("lost", "ready"), [((), True), ((1, 2), True), ((0,), False), ((0, 1, 2), False)])
def test_another_shard_that_is_away_leaves_it_ready(lost: tuple[int, ...], ready: bool) -> None:
    """The streams of the markets of all others go on."""
    config: Any = SimpleNamespace(worker=0, stages_every=0)
    gateways: list[Any] = [Gateway() for _ in range(3)]
    for shard in lost:
        gateways[shard].healthy = False
    unasked: list[Any] = [SimpleNamespace()] * 4
    shown = monitor(config, gateways, *unasked)
    assert shown.not_ready() == ("" if ready else "no connection to Redis")
