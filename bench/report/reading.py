"""Reading result files back: one document, or all of those that a file collects (`bench all`, `bench against`)."""

import json
from pathlib import Path
from typing import Any

from bench.report.result import FORM

MEMBERS = ("name", "parameters", "machine", "results")


class ReadError(Exception):
    """The file is not what a benchmark's --json writes; says why."""


def read(path: Path) -> dict[str, Any]:
    """The file's document, whole."""
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{path}: is not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("form") != FORM:
        raise ReadError(f"{path}: is not the --json file of a benchmark: it has no form {FORM!r}")
    for each in runs_of(document):
        if not isinstance(each, dict) or not all(member in each for member in MEMBERS):
            raise ReadError(f"{path}: a run lacks one of {', '.join(MEMBERS)}")
        for figure in each["results"]:
            values = [figure.get("value"), *figure.get("samples", ())]
            if not all(isinstance(value, int | float) for value in values) or not isinstance(figure.get("name"), str):
                raise ReadError(f"{path}: {each['name']}: {str(figure)[:80]} is not a figure with a name and a number")
    return document


def runs_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    runs = document.get("runs")
    return runs if isinstance(runs, list) else [document]
