"""docker/kubernetes, checked by what needs no cluster: its schemas, what kubectl renders, and the compose file."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from engine_core import VERSION
from engine_core.operator.target.roles import NEEDS, SECRETS
from tests.attacks.proxy import adapted
from tests.docker.compose import compose, image_environment
from tests.docker.kustomize import KUBERNETES, OVERLAYS, find, pods, rendered, rendered_to_restore
from tests.docker.test_files import answering, tool

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
                if "configMap" in source and not source["configMap"].get("optional"):
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
def test_a_configuration_of_ones_own_reaches_every_process(overlay: str) -> None:
    """The ConfigMap of the README: its key `path` is EXCHANGE_CONFIG, its file is mounted."""
    readme = (KUBERNETES / "README.md").read_text(encoding="utf-8")
    (name, path) = re.findall(r"create configmap (\S+) --from-file=exchange.toml --from-literal=path=(\S+)", readme)[0]
    for template in templates(overlay).values():
        spec = template["spec"]
        for one in (*spec.get("initContainers", ()), *spec["containers"]):
            if one["image"].startswith("exchange:"):
                (given,) = (each for each in one["env"] if each["name"] == "EXCHANGE_CONFIG")
                assert given["valueFrom"]["configMapKeyRef"] == {"name": name, "key": "path", "optional": True}
                (mount,) = (each for each in one["volumeMounts"] if each["mountPath"] == str(Path(path).parent))
                (volume,) = (each for each in spec["volumes"] if each["name"] == mount["name"])
                assert volume["configMap"] == {"name": name, "optional": True}
                assert Path(path).name == "exchange.toml"


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
    assert together["containers"][1:] == [
        {key: value for key, value in one.items() if key != "lifecycle"} for one in apart["containers"]
    ]
    own = {"runtime", "tmp"}
    assert [one for one in together["volumes"] if one["name"] not in own] == [
        one for one in apart["volumes"] if one["name"] not in own
    ]


def test_the_proxy_of_a_pod_asks_its_other_containers(tmp_path: Path) -> None:
    pod = pods("nodes", KEYS)["edge-0"]
    assert pod.container("proxy").command == ["sh", "/etc/nginx/exchange/start.sh"]
    assert {"start.sh", "nginx.conf", "locations.conf"} == {*find("nodes", "ConfigMap", "proxy")["data"]}
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


def may_reach(overlay: str, source: dict[str, str], target: dict[str, str], port: int) -> bool:
    """Whether the policies let a pod with the labels `source` connect to one with the labels `target`."""
    leaves = enters = False
    for one in rendered(overlay):
        if one["kind"] == "NetworkPolicy":
            chosen = one["spec"]["podSelector"].get("matchLabels", {}).items()
            for rule in one["spec"].get("egress", ()) if chosen <= source.items() else ():
                leaves |= _names(rule.get("to"), target) and port in {each["port"] for each in rule["ports"]}
            for rule in one["spec"].get("ingress", ()) if chosen <= target.items() else ():
                enters |= _names(rule.get("from"), source) and port in {each["port"] for each in rule["ports"]}
    return leaves and enters


def _names(peers: list[Any] | None, labels: dict[str, str]) -> bool:
    """Whether a rule is about a pod of our namespace with these labels; without peers it is about everybody."""
    selectors = [peer["podSelector"] for peer in peers or () if "podSelector" in peer]
    return peers is None or any(one["matchLabels"].items() <= labels.items() for one in selectors)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_container_asks_is_there_and_the_policies_let_it(overlay: str) -> None:
    """Of the operator's commands, too: they run in the engine's container."""
    asked = 0
    assert pods(overlay, KEYS)["engine-0"].container("engine").environment["EXCHANGE_API_URL"]
    for name, pod in pods(overlay, KEYS).items():
        own = templates(overlay)[name.rpartition("-")[0]]["metadata"]["labels"]
        for container in (*pod.before, *pod.containers):
            for variable in {"REDIS_URL", "DATABASE_URL", "EXCHANGE_API_URL"} & {*container.environment}:
                url, asked = urlsplit(container.environment[variable]), asked + 1
                assert url.port is not None
                if url.hostname == "127.0.0.1":
                    assert pod.container("ingress").environment["EXCHANGE_HTTP_PORT"] == str(url.port)
                    continue
                service = find(overlay, "Service", str(url.hostname))["spec"]
                assert [port["port"] for port in service["ports"]] == [url.port]
                targets = [one["metadata"]["labels"] for one in templates(overlay).values()]
                selected = [labels for labels in targets if service["selector"].items() <= labels.items()]
                assert selected and all(may_reach(overlay, own, labels, url.port) for labels in selected), (name, url)
    assert asked >= 8
    assert not may_reach(overlay, {"app": "writer"}, {"app": "edge", "door": "open"}, 8090)  # it does look


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_names_can_be_asked_of_each_usual_dns(overlay: str) -> None:
    (rule,) = find(overlay, "NetworkPolicy", "nothing-but")["spec"]["egress"]
    namespaces, cache = rule["to"]
    assert namespaces["namespaceSelector"]["matchExpressions"][0]["values"] == ["kube-system", "openshift-dns"]
    assert cache == {"ipBlock": {"cidr": "169.254.20.10/32"}}  # NodeLocal DNSCache, which is no pod
    assert {(port["port"], port["protocol"]) for port in rule["ports"]} == {
        (number, protocol) for number in (53, 5353) for protocol in ("TCP", "UDP")
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_ingress_that_refuses_new_orders_keeps_its_clients(overlay: str) -> None:
    """Its /ready fails then, and all pods at once would leave the service, by which cancels come."""
    for pod in pods(overlay, KEYS).values():
        for container in pod.containers:
            if container.name == "ingress":
                assert container.probes["readinessProbe"][0] == "/health"
                assert pod.container("proxy").probes["readinessProbe"] == ("/api/v1/ping", 8080)


def test_an_edge_that_goes_is_drained_in_order() -> None:
    """New clients stop coming, nginx stops listening and answers what was asked, then ingress and egress end."""
    spec = templates("nodes")["edge"]["spec"]
    hooks = {one["name"]: one["lifecycle"]["preStop"] for one in spec["containers"]}
    script = hooks["proxy"]["exec"]["command"][-1]
    told, waited = (int(seconds) for seconds in re.findall(r"sleep (\d+)", script))
    assert re.fullmatch(r"sleep \d+; nginx -c /etc/nginx/exchange/nginx.conf -s quit; sleep \d+", script)
    behind = {hooks[name]["sleep"]["seconds"] for name in ("ingress", "egress")}
    assert len(behind) == 1
    (ends,) = behind
    assert told >= 10 and ends >= told + 8, "the longest answer takes 5 s"
    assert told + waited >= ends + 10 and spec["terminationGracePeriodSeconds"] >= told + waited + 5


@pytest.mark.parametrize("answer", ["PONG", "NOAUTH Authentication required.", "LOADING Valkey is loading"])
def test_valkey_is_ready_when_it_says_so(tmp_path: Path, answer: str) -> None:
    command = find("nodes", "StatefulSet", "valkey")["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    done = subprocess.run(command["exec"]["command"], env=answering(tmp_path, "valkey-cli", answer))
    assert (done.returncode == 0) == (answer == "PONG")


def test_what_a_restore_fills_is_what_the_overlays_take() -> None:
    version, made = kubernetes_validate.latest_version(), named(rendered_to_restore())
    for one in made.values():
        kubernetes_validate.validate(one, version, strict=True)
    if kubectl := shutil.which("kubectl"):
        done = subprocess.run([kubectl, "kustomize", KUBERNETES / "restore"], capture_output=True, text=True)
        assert named(list(yaml.safe_load_all(done.stdout))) == made, done.stderr
    sets = {name: one["spec"] for (kind, name), one in made.items() if kind in ("StatefulSet", "Deployment")}
    assert {name: spec["replicas"] for name, spec in sets.items()} == {
        "database": 1,
        "engine": 0,
        "valkey": 0,
        "writer": 0,
    }
    filled = {name: one["spec"] for (kind, name), one in made.items() if kind == "Pod"}
    assert {*filled} == {"restore-valkey", "restore-engine-0", "restore-engine-1"}
    for name, spec in filled.items():
        owner = sets["valkey" if name == "restore-valkey" else "engine"]
        wanted, (container,) = owner["template"]["spec"], spec["containers"]
        assert spec["securityContext"] == wanted["securityContext"]
        assert container["securityContext"] == wanted["containers"][0]["securityContext"]
        assert container["image"] == wanted["containers"][0]["image"]
        (template,) = owner["volumeClaimTemplates"]
        claim = f"{template['metadata']['name']}-{name.removeprefix('restore-')}{'-0' if 'engine' not in name else ''}"
        assert spec["volumes"][0]["persistentVolumeClaim"] == {"claimName": claim}
        assert made["PersistentVolumeClaim", claim]["spec"] == template["spec"]
        assert container["volumeMounts"][0]["mountPath"] == "/data"


def test_commands_of_the_readme_are_of_these_objects() -> None:
    text = (KUBERNETES / "README.md").read_text(encoding="utf-8")
    objects, containers = named(rendered("nodes")), pods("nodes", KEYS)
    sets = re.findall(r"\b(statefulset|deployment)/(\w+)", text)
    assert len(sets) > 5
    for kind, name in sets:
        assert ({"statefulset": "StatefulSet", "deployment": "Deployment"}[kind], name) in objects
    asked = re.findall(r"exec (?:-it )?([a-z]+-\d)(?: -c (\w+))? -- ", text)
    assert len(asked) > 3
    for pod, container in asked:
        assert container in ("", *(one.name for one in containers[pod].containers))
    for folder in re.findall(r"apply -k (\S+)", text):
        assert folder == "…`." or (KUBERNETES.parents[1] / folder / "kustomization.yaml").is_file(), folder
