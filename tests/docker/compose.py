"""docker/compose.yaml, and files beside it, as Compose reads them: merge keys resolved, then variables replaced in each
text, then what extends another service filled from that one."""

import re
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
ONE = ("compose.yaml",)
TWO_SHARDS = (*ONE, "compose.shards.yaml")
SECRETS = ("VALKEY_PASSWORD", "DATABASE_PASSWORD", "POSTGRES_PASSWORD", "SESSION_SECRET", "GRAFANA_PASSWORD")
VARIABLE = re.compile(r"\$(?:\$|\{([A-Z_]+)(?:(:-|:\?)((?:[^{}]|\$\{[^{}]*\})*))?\})")


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """`$$`, `${NAME}`, `${NAME:-default}` and `${NAME:?why}`; a required one that is missing is a KeyError."""

    def replace(match: re.Match[str]) -> str:
        name, operator, rest = match.groups()
        if name is None:
            return "$"
        if values.get(name):
            return values[name]
        if operator == ":-":
            return interpolate(str(rest), values)
        raise KeyError(name)

    return VARIABLE.sub(replace, text)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return interpolate(value, values)
    if isinstance(value, dict):
        return {key: _filled(one, values) for key, one in value.items()}
    return [_filled(one, values) for one in value] if isinstance(value, list) else value


def _joined(before: Any, more: Any) -> Any:
    """What one file says of a thing, and then another one; lists are replaced, of which nothing here has two."""
    if not (isinstance(before, dict) and isinstance(more, dict)):
        return more
    return {**before, **{key: _joined(before[key], value) if key in before else value for key, value in more.items()}}


def _load(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    loaded: dict[str, Any] = _filled(yaml.safe_load((DOCKER / name).read_text(encoding="utf-8")), values)
    for service, said in loaded["services"].items():
        if extends := said.pop("extends", None):
            base = _load(extends["file"], values)["services"][extends["service"]]
            loaded["services"][service] = _joined(base, said)
    return {key: value for key, value in loaded.items() if not key.startswith("x-")}


def read(values: Mapping[str, str], files: Sequence[str] = ONE) -> dict[str, Any]:
    """The compose files with these variables."""
    return reduce(_joined, (_load(name, values) for name in files))


@cache
def compose(files: Sequence[str] = ONE, **variables: str) -> dict[str, Any]:
    passwords = {name: f"{name.lower()}-of-letters" for name in SECRETS}
    return read({**passwords, "SESSION_SECRET": "5" * 64, **variables}, files)


def image_environment() -> dict[str, str]:
    """The ENV lines of the last stage of the Dockerfile, with the defaults of its arguments."""
    dockerfile = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    stage = dockerfile.rpartition("\nFROM ")[2]
    lines = re.search(r"^ENV ((?:.*\\\n)*.*)$", stage, re.MULTILINE)
    assert lines is not None
    given = dict(pair.split("=", 1) for pair in lines[1].replace("\\\n", " ").split())
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)$", stage, re.MULTILINE))
    return {key: re.sub(r"\$\{(\w+)\}", lambda match: defaults[match[1]], value) for key, value in given.items()}


def ours(files: Sequence[str] = ONE, **variables: str) -> dict[str, Any]:
    """The services that run our image."""
    return {name: service for name, service in compose(files, **variables)["services"].items() if "build" in service}
