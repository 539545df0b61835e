"""What every benchmark's JSON has, whichever it is."""

import argparse
from typing import Any

from bench.report.result import FORM, Run

MEMBERS = {
    *("form", "name", "commit", "version", "machine", "packages", "parameters", "seed", "started", "seconds", "load"),
    *("results", "checks", "curves"),
}


def document(*figures: dict[str, Any], **members: Any) -> dict[str, Any]:
    """One of a benchmark called `any` on a machine that is always the same."""
    made = Run("any", argparse.Namespace()).document([]) | {"results": list(figures)}
    return made | {"machine": {"processor": "a processor", "cores": 2}} | members


def assert_form(document: dict[str, Any], name: str) -> None:
    assert document["form"] == FORM and document["name"] == name
    assert document.keys() >= MEMBERS
    assert document["seconds"] > 0 and len(document["load"]["before"]) == len(document["load"]["after"]) == 3
    assert document["machine"]["cores"] > 0 and document["packages"]["numba"] and document["results"]
    for figure in document["results"]:
        assert figure.keys() == {"name", "value", "unit", "better", "samples"} and figure["unit"]
        assert figure["better"] in ("higher", "lower", "")
        assert all(isinstance(value, int | float) for value in (figure["value"], *figure["samples"]))
    assert len({figure["name"] for figure in document["results"]}) == len(document["results"])
    for check in document["checks"]:
        assert check.keys() == {"name", "passed", "text"} and isinstance(check["passed"], bool)
