"""The OpenAPI document is complete, and docs/api.md names the same routes and errors.

That the real server keeps the document, every test on real processes checks (venue.py).
"""

import re
from pathlib import Path

from engine_core.edge.refusals import Code
from ingress.api import openapi
from ingress.api.routes import ROUTES
from ingress.schemas.example import EXAMPLES
from tests.ingress.document import validator

GUIDE = (Path(__file__).parents[3] / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_type_has_an_example_that_is_valid() -> None:
    assert set(EXAMPLES) == set(openapi.COMPONENTS)
    for name, example in EXAMPLES.items():
        validator(openapi.COMPONENTS[name]).validate(example)


def test_the_guide_lists_every_route_with_its_instruction() -> None:
    rows = re.findall(r"^\| (GET|POST|PATCH|DELETE) \| (`.*?`) \| (?:`(\w+)` \| )?", GUIDE, re.MULTILINE)
    listed = {
        (method, path, instruction) for method, paths, instruction in rows for path in re.findall("`(.*?)`", paths)
    }
    served = {
        (route.method, route.path, getattr(route.endpoint.credentials, "instruction", "") or "")
        for route in ROUTES
        if not route.summary.startswith("Always")
    }
    of_the_page = {row for row in served if row[1].startswith(("/api/v1/session", "/api/v1/keys"))}
    assert listed - of_the_page == served - of_the_page


def test_the_guide_lists_every_error_with_its_status() -> None:
    rows = re.findall(r"^\| ([\d, ]{3,}) \| (`.*?`) \| ", GUIDE, re.MULTILINE)
    listed = {code: statuses.split(", ") for statuses, codes in rows for code in codes.split("`")[1::2]}
    assert set(listed) == set(Code)
    assert [code for code, statuses in listed.items() if str(Code(code).status) not in statuses] == []
