"""What an ingress process shows of itself, beside what live tests see."""

from pathlib import Path

import pytest

from ingress.metrics import Metrics
from tests.ingress.fakes import FakeGateway, config


def test_each_shard_of_the_venue_is_named(tmp_path: Path) -> None:
    """Also before the log is there: an alert looks for the processes of each, and one without any has no series."""
    metrics = Metrics(config(tmp_path, redis_urls=("unix:///nowhere",) * 3))
    named = [one for one in metrics.monitor.samples() if one.name == "venue_shard"]
    assert [(one.labels, one.value) for one in named] == [((("shard", str(shard)),), 1) for shard in range(3)]


@pytest.mark.parametrize("reason", ["", "the disk of the log has 3 MB left"])
def test_that_new_orders_are_refused_is_a_number(tmp_path: Path, reason: str) -> None:
    """For the alert; the reason itself is in /ready."""
    metrics = Metrics(config(tmp_path))
    metrics.gateway = FakeGateway(pressure=reason)
    (refused,) = (one for one in metrics.monitor.look().numbers if one.name == "orders_refused")
    assert float(refused.value) == bool(reason)
