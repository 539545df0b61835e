"""docker/kubernetes as kustomize renders it, by those of its rules that the files use: resources, a namespace, made
ConfigMaps without a suffix, and JSON patches. A field that is not known here is an error; where kubectl is installed, a
test holds that it renders the same. And what a pod gives each of its containers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonpatch
import yaml

from tests.docker.compose import DOCKER

KUBERNETES = DOCKER / "kubernetes"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
_KNOWN = {"apiVersion", "kind", "namespace", "resources", "patches", "configMapGenerator", "generatorOptions"}
_OF_THE_CLUSTER = {"Namespace"}
Object = dict[str, Any]


@cache
def rendered(overlay: str) -> list[Object]:
    return _build(KUBERNETES / "overlays" / overlay)


@cache
def rendered_to_restore() -> list[Object]:
    return _build(KUBERNETES / "restore")


def _build(folder: Path) -> list[Object]:
    given: Object = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    assert {*given} <= _KNOWN, f"{folder}: {set(given) - _KNOWN}"
    objects: list[Object] = []
    for name in given.get("resources", ()):
        path = (folder / name).resolve()
        if path.is_dir():
            objects += _build(path)
        else:
            assert path.is_relative_to(folder), f"{path}: kustomize reads no file outside of {folder}"
            objects += yaml.safe_load_all(path.read_text(encoding="utf-8"))
    objects += [_config_map(folder, one, given) for one in given.get("configMapGenerator", ())]
    for patch in given.get("patches", ()):
        _apply(folder, patch, objects)
    for one in objects:
        if "namespace" in given and one["kind"] not in _OF_THE_CLUSTER:
            one["metadata"]["namespace"] = given["namespace"]
    return objects


def _config_map(folder: Path, generator: Object, given: Object) -> Object:
    assert {*generator} == {"name", "files"} and given["generatorOptions"] == {"disableNameSuffixHash": True}
    files = {Path(name).name: (folder / name).read_text(encoding="utf-8") for name in generator["files"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"]}, "data": files}


def _apply(folder: Path, patch: Object, objects: list[Object]) -> None:
    operations = yaml.safe_load(patch.get("patch") or (folder / patch["path"]).read_text(encoding="utf-8"))
    target = patch["target"]
    matched = [
        number
        for number, one in enumerate(objects)
        if all(value in (one.get(key), one["metadata"].get(key)) for key, value in target.items())
    ]
    assert len(matched) == 1, f"{folder}: {target} is {len(matched)} objects"
    objects[matched[0]] = jsonpatch.JsonPatch(operations).apply(objects[matched[0]])


def find(overlay: str, kind: str, name: str) -> Object:
    (found,) = (one for one in rendered(overlay) if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return found


@dataclass(frozen=True)
class Container:
    """One of a pod, with its environment as the kubelet makes it."""

    pod: str
    name: str
    command: list[str]
    environment: dict[str, str]
    mounts: frozenset[str]
    probes: dict[str, tuple[str, int]]  # by kind: path and port


@dataclass(frozen=True)
class Pod:
    name: str
    before: list[Container]  # each to its end, one after the other
    containers: list[Container]

    def container(self, name: str) -> Container:
        (found,) = (one for one in self.containers if one.name == name)
        return found


def pods(overlay: str, secrets: Mapping[str, str]) -> dict[str, Pod]:
    """All pods that the overlay makes, by name."""
    made = {}
    for one in rendered(overlay):
        if one["kind"] in ("StatefulSet", "Deployment"):
            for number in range(one["spec"]["replicas"]):
                name, spec = one["metadata"]["name"], one["spec"]["template"]["spec"]
                pod = f"{name}-{number}"
                labels = {"apps.kubernetes.io/pod-index": str(number)} if one["kind"] == "StatefulSet" else {}
                before = [_container(pod, each, labels, secrets) for each in spec.get("initContainers", ())]
                made[pod] = Pod(pod, before, [_container(pod, each, labels, secrets) for each in spec["containers"]])
    return made


def _container(pod: str, spec: Object, labels: Mapping[str, str], secrets: Mapping[str, str]) -> Container:
    environment: dict[str, str] = {}
    for variable in spec.get("env", ()):
        if variable.get("valueFrom", {}).get("configMapKeyRef", {}).get("optional"):
            continue  # nobody has made one
        environment[variable["name"]] = _value(variable, environment, labels, secrets)
    named = {port["name"]: port["containerPort"] for port in spec.get("ports", ())}
    mounts = frozenset(mount["mountPath"] for mount in spec["volumeMounts"])
    return Container(pod, spec["name"], spec.get("command", []), environment, mounts, dict(_probes(spec, named)))


def _value(variable: Object, before: Mapping[str, str], labels: Mapping[str, str], secrets: Mapping[str, str]) -> str:
    if "value" in variable:
        text: str = variable["value"]
        for name, value in before.items():  # only those that stand before it
            text = text.replace(f"$({name})", value)
        assert "$(" not in text, variable
        return text
    source = variable["valueFrom"]
    if "secretKeyRef" in source:
        assert source["secretKeyRef"]["name"] == "exchange"
        return secrets[source["secretKeyRef"]["key"]]
    path: str = source["fieldRef"]["fieldPath"]
    return labels[path.removeprefix("metadata.labels['").removesuffix("']")]


def _probes(spec: Object, named: Mapping[str, int]) -> Iterator[tuple[str, tuple[str, int]]]:
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        if asked := spec.get(kind, {}).get("httpGet"):
            yield kind, (asked["path"], named.get(asked["port"], asked["port"]))
