"""The pods of docker/kubernetes as plain processes: a venue that trades through edges on other nodes, loses its engine,
and is updated pod by pod; and one whose edges stand in the engine's pod and read its ring."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.docker.cluster import Cluster
from tests.exchange import PATIENT, eventually, told
from tests.stamps import stamps

SYMBOL = "SOL/USDC"


@pytest.fixture
def cluster(
    request: pytest.FixtureRequest, tmp_path: Path, runtime: Path, fresh_valkey: str, postgres: str
) -> Iterator[Cluster]:
    made = Cluster(request.param, tmp_path, runtime, fresh_valkey, postgres)
    yield made
    made.end()


def trader(cluster: Cluster, edge: str) -> Any:
    """A new account with funds, of which one reaches it through the ingress of a pod."""
    account = cluster.exec("engine-0", "accounts", "create").strip()
    for asset, amount in (("USDC", "100000"), ("SOL", "1000")):
        cluster.exec("engine-0", "deposit", account, asset, amount)
    key = json.loads(cluster.exec("engine-0", "keys", "create", "--account", account))
    url = f"http://127.0.0.1:{cluster.port(edge, 'ingress', 'EXCHANGE_HTTP_PORT')}"
    urls = {"api": {"public": url, "private": url}}
    client = ccxt.backpack(
        {"apiKey": key["apiKey"], "secret": key["secret"], **PATIENT, "urls": urls, "enableRateLimit": False}
    )
    client.nonce = stamps.take
    told(client.load_markets)
    return client


def trade(buyer: Any, seller: Any) -> None:
    """A resting order is taken through another ingress; the rest of it is cancelled."""
    resting = buyer.create_order(SYMBOL, "limit", "buy", 3, 100)
    taken = seller.create_order(SYMBOL, "market", "sell", 1)
    assert taken["filled"] == 1 and taken["average"] == 100
    assert told(lambda: buyer.fetch_open_order(resting["id"], SYMBOL))["remaining"] == 2
    buyer.cancel_order(resting["id"], SYMBOL)


def sample(cluster: Cluster, pod: str, container: str, name: str) -> float:
    """A number of its metrics; -1: there is none."""
    status, text = cluster.look(cluster.pods[pod].container(container), "/metrics")
    assert status == 200
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"exchange_{name}{{")), -1.0)


def active(cluster: Cluster) -> str:
    """The pod of the engine that publishes."""
    engines = ("engine-0", "engine-1")
    found = eventually(
        lambda: [pod for pod in engines if sample(cluster, pod, "engine", "engine_active") == 1],
        lambda pods: len(pods) == 1,
        "one active engine",
    )
    return found[0]


@pytest.mark.parametrize("cluster", ["nodes"], indirect=True)
def test_edges_on_other_nodes_trade_through_the_loss_and_the_update_of_engines(cluster: Cluster) -> None:
    for pod in ("engine-0", "engine-1", "writer-0", "edge-0", "edge-1"):
        cluster.start(pod)
    buyer, seller = trader(cluster, "edge-0"), trader(cluster, "edge-1")
    trade(buyer, seller)
    assert active(cluster) == "engine-0" and sample(cluster, "engine-0", "engine", "ring_readers") == 0
    cluster.kill("engine-0", "engine")
    assert active(cluster) == "engine-1"
    trade(buyer, seller)
    for pod in ("engine-1", "engine-0"):  # as an update of the StatefulSet goes
        cluster.stop(pod)
        cluster.start(pod)
        trade(buyer, seller)
    eventually(lambda: len(told(seller.fetch_my_trades)), lambda count: count == 4, "every trade in the history")
    proven = json.loads(cluster.exec("engine-0", "verify", "--json"))
    assert proven["ok"], proven
    for pod in ("edge-1", "edge-0", "writer-0", "engine-1", "engine-0"):
        cluster.stop(pod)


@pytest.mark.parametrize("cluster", ["single-node"], indirect=True)
def test_edges_in_the_engines_pod_read_its_ring(cluster: Cluster) -> None:
    for pod in ("engine-0", "writer-0"):
        cluster.start(pod)
    buyer, seller = trader(cluster, "engine-0"), trader(cluster, "engine-0")
    trade(buyer, seller)
    readers = lambda: sample(cluster, "engine-0", "engine", "ring_readers")  # noqa: E731
    eventually(readers, lambda count: count == 2, "ingress and egress at the ring")
    cluster.kill("engine-0", "engine")
    trade(buyer, seller)
    eventually(readers, lambda count: count == 2, "ingress and egress at the new ring")
    for pod in ("writer-0", "engine-0"):
        cluster.stop(pod)
