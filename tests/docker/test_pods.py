"""The pods of docker/kubernetes as plain processes: a venue that trades through edges on other nodes and loses its
engine; one that is updated pod by pod to another version while it trades; one whose edges read their engine's ring."""

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pytest

from engine_core import VERSION
from tests.docker.cluster import Cluster
from tests.docker.compose import ROOT
from tests.exchange import PATIENT, asked, eventually, told
from tests.stamps import stamps

pytestmark = pytest.mark.timeout(900)  # each starts a dozen processes, one after the other
SYMBOL = "SOL/USDC"
NEXT = "99.0.0"


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
    assert json.loads(cluster.exec("engine-0", "status", "--json"))["health"] == "Ok"
    assert json.loads(cluster.exec("engine-0", "snapshot"))["snapshot"], "which docker/backup.sh copies"
    cluster.kill("engine-0", "engine")
    assert active(cluster) == "engine-1"
    trade(buyer, seller)
    eventually(lambda: len(told(seller.fetch_my_trades)), lambda count: count == 2, "every trade in the history")
    proven = json.loads(cluster.exec("engine-0", "verify", "--json"))
    assert proven["ok"], proven
    for pod in ("edge-1", "edge-0", "writer-0", "engine-1", "engine-0"):
        cluster.stop(pod)


class Placing(threading.Thread):
    """Rests one order after the other, with two ways in: who is not answered repeats it at the other one, as a client
    of ours should, under the same client id."""

    def __init__(self, ways: list[Any]) -> None:
        super().__init__()
        self._ways, self._stop_it = ways, threading.Event()
        self.acknowledged: dict[str, str] = {}  # the order's number by client id
        self.repeated = 0
        self.most = 0  # of them: a market has a limit
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._stop_it.wait(0.02):
                if len(self.acknowledged) >= self.most:
                    continue
                client_id = len(self.acknowledged) + 1
                self.acknowledged[str(client_id)] = self._placed(client_id)
        except BaseException as error:
            self.failure = error

    def _placed(self, client_id: int) -> str:
        while True:
            try:
                way = self._ways[(client_id + self.repeated) % len(self._ways)]
                return str(way.create_order(SYMBOL, "limit", "buy", 0.01, 50, {"clientId": client_id})["id"])
            except (ccxt.NetworkError, ccxt.ExchangeError) as error:
                self.repeated += 1
                if isinstance(error, ccxt.InvalidOrder | ccxt.InsufficientFunds) or self._stop_it.wait(0.05):
                    raise

    def until(self, count: int) -> None:
        """So many are there; and a hundred more may come before the next call."""
        self.most = count + 100

        def now() -> int:
            assert self.failure is None, self.failure
            return len(self.acknowledged)

        eventually(now, lambda number: number >= count, "orders acknowledged")

    def stop(self) -> None:
        self._stop_it.set()
        self.join(120)
        assert not self.is_alive() and self.failure is None


def of_another_version(folder: Path) -> Path:
    """This code under the next number: the same behaviour, so engines of both can follow each other."""
    for package in ("engine_core", "ingress", "egress", "persistence", "bench"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "results"))
    named = folder / "engine_core" / "__init__.py"
    text = named.read_text(encoding="utf-8")
    assert text.count(f'"{VERSION}"') == 1
    named.write_text(text.replace(f'"{VERSION}"', f'"{NEXT}"'), encoding="utf-8")
    return folder


@pytest.mark.parametrize("cluster", ["nodes"], indirect=True)
def test_a_venue_goes_to_the_next_version_without_losing_an_order(cluster: Cluster, tmp_path: Path) -> None:
    edges = ("edge-0", "edge-1")
    for pod in ("engine-0", "engine-1", "writer-0", *edges):
        cluster.start(pod)
    first = trader(cluster, "edge-0")
    second = ccxt.backpack({**PATIENT, "apiKey": first.apiKey, "secret": first.secret, "enableRateLimit": False})
    second.urls["api"], second.nonce = {**first.urls["api"]}, stamps.take
    for kind in ("public", "private"):
        second.urls["api"][kind] = f"http://127.0.0.1:{cluster.port('edge-1', 'ingress', 'EXCHANGE_HTTP_PORT')}"
    told(second.load_markets)
    placing = Placing([first, second])
    placing.start()
    try:
        placing.until(10)
        code = of_another_version(tmp_path / "next")
        for pod in ("engine-1", "engine-0", "writer-0", "edge-1", "edge-0"):  # the order of docs/operations.md
            cluster.update(pod, code)
            placing.until(len(placing.acknowledged) + 10)
    finally:
        placing.stop()
    orders = told(lambda: first.fetch_open_orders(SYMBOL))
    assert {order["clientOrderId"]: order["id"] for order in orders} == placing.acknowledged
    assert len(orders) == len(placing.acknowledged), "none was placed twice"
    for edge in edges:
        url = f"http://127.0.0.1:{cluster.port(edge, 'ingress', 'EXCHANGE_HTTP_PORT')}"
        assert asked(f"{url}/openapi.json").json()["info"]["version"] == NEXT
    proven = json.loads(cluster.exec("engine-0", "verify", "--json"))
    assert proven["ok"], proven


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
