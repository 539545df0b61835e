"""docker/compose.yaml as Compose would read it: variables replaced, merge keys resolved."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?:(:-|:\?)([^}]*))?\}")


def interpolate(text: str, values: dict[str, str]) -> str:
    """`${NAME}`, `${NAME:-default}` and `${NAME:?why}`; a required one that is missing is a KeyError."""

    def replace(match: re.Match[str]) -> str:
        name, operator, rest = match.groups()
        if values.get(name):
            return values[name]
        if operator == ":-":
            return str(rest)
        raise KeyError(name)

    return VARIABLE.sub(replace, text)


@cache
def compose() -> dict[str, Any]:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(interpolate(text, {"VALKEY_PASSWORD": "v", "POSTGRES_PASSWORD": "p"}))
    return loaded


def image_environment() -> dict[str, str]:
    """The ENV lines of the last stage of the Dockerfile."""
    stage = (DOCKER / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    lines = re.search(r"^ENV ((?:.*\\\n)*.*)$", stage, re.MULTILINE)
    assert lines is not None
    return dict(pair.split("=", 1) for pair in lines[1].replace("\\\n", " ").split())


def ours() -> dict[str, Any]:
    """The services that run our image."""
    return {name: service for name, service in compose()["services"].items() if "build" in service}
