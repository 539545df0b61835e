"""docker/prometheus and the dashboard, by Prometheus itself: its rules and names by promtool, each alert fired, and
each query of the dashboard answered by a server that reads the demo. Skipped where Debian's package is not.
"""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.docker.compose import DOCKER
from tests.docker.kustomize import OVERLAYS, rendered
from tests.docker.test_files import tool
from tests.docker.test_processes import Containers
from tests.exchange import eventually
from tests.processes import free_port

pytestmark = pytest.mark.timeout(900)  # the demo's processes start one after the other
ALERTS = DOCKER / "prometheus" / "alerts.yml"
FIRED = Path(__file__).with_name("alerts.test.yml")
PATIENCE_SECONDS = 240.0  # rates are of half a minute


def promtool(*arguments: str | Path, given: str = "") -> str:
    """What it says; an AssertionError with that if it is not content."""
    done = subprocess.run([tool("promtool"), *arguments], input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_configuration_and_its_rules_are_right(tmp_path: Path) -> None:
    promtool("check", "config", DOCKER / "prometheus" / "prometheus.yml")
    in_a_cluster = yaml.safe_load((DOCKER / "prometheus" / "kubernetes.yml").read_text(encoding="utf-8"))
    del in_a_cluster["scrape_configs"][0]["kubernetes_sd_configs"]  # Debian's knows nothing of clusters
    in_a_cluster["rule_files"] = [str(ALERTS)]
    (tmp_path / "kubernetes.yml").write_text(yaml.safe_dump(in_a_cluster), encoding="utf-8")
    promtool("check", "config", tmp_path / "kubernetes.yml")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_in_a_cluster_pods_get_the_labels_that_alerts_name(overlay: str) -> None:
    (job,) = yaml.safe_load((DOCKER / "prometheus" / "kubernetes.yml").read_text(encoding="utf-8"))["scrape_configs"]
    keep = job["relabel_configs"][0]
    assert job["job_name"] == "exchange" and keep["source_labels"] == ["__meta_kubernetes_pod_container_port_name"]
    read = {
        container["name"]: port["containerPort"]
        for one in rendered(overlay)
        if one["kind"] in ("StatefulSet", "Deployment")
        for container in one["spec"]["template"]["spec"]["containers"]
        for port in container.get("ports", ())
        if re.fullmatch(keep["regex"], port["name"])
    }
    assert read == {"engine": 9100, "writer": 9100, "ingress": 9101, "egress": 9102}
    assert {*re.findall(r'service="(\w+)"', ALERTS.read_text(encoding="utf-8"))} == {*read}


def test_each_alert_fires(tmp_path: Path) -> None:
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
    text = FIRED.read_text(encoding="utf-8")
    for rule in rules:
        assert re.search(rf'alertname="{rule["alert"]}"', text), f"{rule['alert']} is fired by nothing"
    path = tmp_path / "alerts.test.yml"
    path.write_text(f"rule_files: [{ALERTS}]\n{text}", encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", path)


def test_windows_hold_four_values_of_any_usual_interval() -> None:
    """Of 5 s as shipped, and of 30 s as in many a cluster: with fewer than two a rate is empty."""
    for rule in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]:
        for number, unit in re.findall(r"\[(\d+)([smhd])", rule["expr"]):
            assert int(number) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[unit] >= 120, rule["alert"]
    dashboard = (DOCKER / "grafana" / "dashboards" / "exchange.json").read_text(encoding="utf-8")
    assert {*re.findall(r"\[([^\]\n]*)\]\)", dashboard)} == {"$__rate_interval"}
    source = yaml.safe_load((DOCKER / "grafana" / "provisioning" / "datasources" / "prometheus.yaml").read_text())
    shipped = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert source["datasources"][0]["jsonData"]["timeInterval"] == shipped["global"]["scrape_interval"]
    in_a_cluster = yaml.safe_load((DOCKER / "prometheus" / "kubernetes.yml").read_text(encoding="utf-8"))
    assert int(in_a_cluster["global"]["scrape_interval"].removesuffix("s")) <= 30


@contextmanager
def prometheus(folder: Path, targets: dict[str, int]) -> Iterator[str]:
    """The shipped configuration; only where the processes are differs, since their names mean nothing here."""
    program = tool("prometheus")
    settings: Any = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (scraped,) = settings["scrape_configs"]
    del scraped["dns_sd_configs"], scraped["relabel_configs"]
    scraped["static_configs"] = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"service": name}} for name, port in targets.items()
    ]
    settings["rule_files"] = [str(ALERTS)]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    url = f"127.0.0.1:{free_port()}"
    command = [program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'metrics'}"]
    with (folder / "prometheus.log").open("wb") as log:
        running = subprocess.Popen([*command, f"--web.listen-address={url}"], stdout=log, stderr=log)
    try:
        eventually(lambda: is_ready(f"http://{url}"), bool, "Prometheus answers", PATIENCE_SECONDS)
        yield f"http://{url}"
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)


def is_ready(url: str) -> bool:
    """It listens before it can be asked."""
    try:
        return httpx.get(f"{url}/-/ready", timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def answer(url: str, query: str) -> list[Any]:
    told = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=60).json()
    assert told.get("status") == "success", told
    rows: list[Any] = told["data"]["result"]
    return rows


@pytest.fixture
def containers(tmp_path: Path, runtime: Path, fresh_valkey: str, postgres: str) -> Iterator[Containers]:
    tool("prometheus")
    made = Containers(tmp_path, runtime, fresh_valkey, postgres)
    yield made
    for process in made.running.values():
        process.kill()
        process.wait()


def test_a_prometheus_answers_every_query_and_knows_who_is_gone(containers: Containers, tmp_path: Path) -> None:
    containers.up()
    targets = {name: containers.metrics[name] for name in containers.running}
    for port in targets.values():
        promtool("check", "metrics", given=httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text)
    dashboard = json.loads((DOCKER / "grafana" / "dashboards" / "exchange.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries = [query.replace("$__rate_interval", "30s") for query in queries]
    with prometheus(tmp_path, targets) as url:
        for query in queries:
            eventually(lambda query=query: answer(url, query), bool, query, PATIENCE_SECONDS)
        assert answer(url, 'up{job="exchange"} == 0') == []
        containers.running["writer"].kill()
        containers.running["writer"].wait(60)
        down = 'ALERTS{alertname="ProcessDown",alertstate="firing",service="writer"}'
        eventually(lambda: answer(url, down), bool, "the alert of the writer", PATIENCE_SECONDS)
