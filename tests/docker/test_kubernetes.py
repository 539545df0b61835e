"""docker/kubernetes, checked by what needs no cluster: its schemas, what kubectl renders, and the compose file."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from engine_core import VERSION
from engine_core.operator.target.roles import NEEDS, SECRETS
from tests.attacks.proxy import adapted
from tests.docker.compose import compose, image_environment
from tests.docker.kustomize import KUBERNETES, OVERLAYS, find, pods, rendered
from tests.docker.test_files import tool

KEYS = {"valkey-password": "1", "database-password": "2", "postgres-password": "3", "session-secret": "4" * 64}
ROLE_OF = {"engine": "engine", "setup": "reconcile", "ingress": "ingress", "egress": "egress", "writer": "writer"}


def named(objects: list[Any]) -> dict[tuple[str, str], Any]:
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


def templates(overlay: str) -> dict[str, Any]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]
        for one in rendered(overlay)
        if one["kind"] in ("StatefulSet", "Deployment")
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_fits_its_schema(overlay: str) -> None:
    version = kubernetes_validate.latest_version()
    for one in rendered(overlay):
        kubernetes_validate.validate(one, version, strict=True)
    wrong = {**find(overlay, "Service", "exchange"), "spec": {"portz": []}}
    with pytest.raises(kubernetes_validate.ValidationError, match="portz"):  # it does look
        kubernetes_validate.validate(wrong, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubectl_renders_the_same(overlay: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed: only our reading of the rules is checked")
    done = subprocess.run([kubectl, "kustomize", KUBERNETES / "overlays" / overlay], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert named(list(yaml.safe_load_all(done.stdout))) == named(rendered(overlay))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_selected_exists(overlay: str) -> None:
    labels = [template["metadata"]["labels"] for template in templates(overlay).values()]

    def selects(selector: dict[str, str]) -> bool:
        return any(selector.items() <= one.items() for one in labels)

    for one in rendered(overlay):
        spec = one.get("spec", {})
        if one["kind"] == "Service":
            assert selects(spec["selector"]), one["metadata"]
        elif one["kind"] == "PodDisruptionBudget":
            assert selects(spec["selector"]["matchLabels"]), one["metadata"]
        elif one["kind"] == "NetworkPolicy":
            assert selects(spec["podSelector"].get("matchLabels", {})), one["metadata"]
        elif one["kind"] in ("StatefulSet", "Deployment"):
            assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    budgets = {one["metadata"]["name"] for one in rendered(overlay) if one["kind"] == "PodDisruptionBudget"}
    assert budgets == {*templates(overlay)} - {"writer"}  # which may go at any time


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_restricted_and_have_what_they_name(overlay: str) -> None:
    config_maps = {one["metadata"]["name"] for one in rendered(overlay) if one["kind"] == "ConfigMap"}
    for name, template in templates(overlay).items():
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] and spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        claims = {one["metadata"]["name"] for one in _claims(overlay, name)}
        volumes = {one["name"]: one for one in spec["volumes"]} | {one: {} for one in claims}
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["requests"] and container["resources"]["limits"]["memory"]
            assert {mount["name"] for mount in container["volumeMounts"]} <= {*volumes}
        for volume in volumes.values():
            for source in volume.get("projected", {}).get("sources", [volume]):
                if "configMap" in source:
                    assert source["configMap"]["name"] in config_maps
                if "secret" in source:
                    assert source["secret"]["name"] == "exchange-tls"
            if "emptyDir" in volume:
                assert volume["emptyDir"]["medium"] == "Memory" and volume["emptyDir"]["sizeLimit"]


def _claims(overlay: str, name: str) -> list[Any]:
    if name == "writer":
        return []
    claims: list[Any] = find(overlay, "StatefulSet", name)["spec"].get("volumeClaimTemplates", [])
    return claims


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_role_is_what_compose_runs_with_its_own_secrets(overlay: str) -> None:
    services, seen = compose()["services"], set()
    for pod in pods(overlay, KEYS).values():
        for container in (*pod.before, *pod.containers):
            seen.add(container.name)
            service = services["proxy" if container.name == "proxy" else container.name]
            script = service.get("command") or []
            assert " ".join(container.command).split() == " ".join(script).split()
            if role := ROLE_OF.get(container.name):
                assert {*SECRETS} & {*container.environment} == {*NEEDS[role]}
                assert container.environment.get("EXCHANGE_SESSION_SECRET") in (None, KEYS["session-secret"])
            if container.probes:
                ports = {port for _, port in container.probes.values()}
                own = container.environment.get("EXCHANGE_METRICS_PORT", image_environment()["EXCHANGE_METRICS_PORT"])
                assert ports == ({8080} if container.name == "proxy" else {int(own)})
    assert seen == {*ROLE_OF, "valkey", "database", "proxy"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_images_are_those_of_the_compose_file(overlay: str) -> None:
    images = {service["image"] for service in compose()["services"].values()}
    used = {
        container["image"]
        for template in templates(overlay).values()
        for container in (*template["spec"].get("initContainers", ()), *template["spec"]["containers"])
    }
    assert used <= images and f"exchange:{VERSION}" in used


def test_on_one_node_the_edges_are_those_of_the_other_overlay() -> None:
    apart, together = templates("nodes")["edge"]["spec"], templates("single-node")["engine"]["spec"]
    assert together["containers"][1:] == apart["containers"]
    own = {"runtime", "tmp"}
    assert [one for one in together["volumes"] if one["name"] not in own] == [
        one for one in apart["volumes"] if one["name"] not in own
    ]


def test_the_proxy_of_a_pod_asks_its_other_containers(tmp_path: Path) -> None:
    pod = pods("nodes", KEYS)["edge-0"]
    upstreams = find("nodes", "ConfigMap", "proxy-upstreams")["data"]["upstreams.conf"]
    for name, variable in (("ingress", "EXCHANGE_HTTP_PORT"), ("egress", "EXCHANGE_WS_PORT")):
        assert f"server 127.0.0.1:{pod.container(name).environment[variable]};" in upstreams
        assert pod.container(name).environment["EXCHANGE_TRUSTED_PROXIES"] == "127.0.0.0/8"
    text = adapted(tmp_path, (8080, 8081), 1, 1)
    start, end = text.index("upstream ingress"), text.index("    server {\n")
    path = tmp_path / "nginx.conf"
    path.write_text(text[:start] + upstreams + text[end:])
    done = subprocess.run([tool("nginx"), "-t", "-c", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
