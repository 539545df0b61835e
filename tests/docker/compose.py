"""docker/compose.yaml as Compose reads it: merge keys resolved, then variables replaced in every text."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
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


def read(values: Mapping[str, str]) -> dict[str, Any]:
    """The compose file with these variables."""
    loaded: dict[str, Any] = _filled(yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8")), values)
    return {key: value for key, value in loaded.items() if not key.startswith("x-")}


@cache
def compose(**variables: str) -> dict[str, Any]:
    passwords = {name: f"{name.lower()}-of-letters" for name in SECRETS}
    return read({**passwords, "SESSION_SECRET": "5" * 64, **variables})


def image_environment() -> dict[str, str]:
    """The ENV lines of the last stage of the Dockerfile, with the defaults of its arguments."""
    dockerfile = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    stage = dockerfile.rpartition("\nFROM ")[2]
    lines = re.search(r"^ENV ((?:.*\\\n)*.*)$", stage, re.MULTILINE)
    assert lines is not None
    given = dict(pair.split("=", 1) for pair in lines[1].replace("\\\n", " ").split())
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)$", stage, re.MULTILINE))
    return {key: re.sub(r"\$\{(\w+)\}", lambda match: defaults[match[1]], value) for key, value in given.items()}


def ours(**variables: str) -> dict[str, Any]:
    """The services that run our image."""
    return {name: service for name, service in compose(**variables)["services"].items() if "build" in service}
