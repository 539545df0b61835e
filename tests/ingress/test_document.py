"""The OpenAPI document is complete; that the real server keeps it, every test on real processes checks (venue.py)."""

from ingress.api import openapi
from ingress.schemas.examples import EXAMPLES
from tests.ingress.document import validator


def test_every_type_has_an_example_that_is_valid() -> None:
    assert set(EXAMPLES) == set(openapi.COMPONENTS)
    for name, example in EXAMPLES.items():
        validator(openapi.COMPONENTS[name]).validate(example)
