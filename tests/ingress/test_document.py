"""The OpenAPI document is complete, and the real server keeps it: schemathesis sends what it allows, and what not."""

import base64
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from engine_core.wire import signing
from engine_core.wire.signing import Pairs
from ingress import openapi
from ingress.errors import ApiError
from ingress.examples import EXAMPLES
from ingress.members import parse_body, parse_query, signed_pairs
from ingress.route import Route
from ingress.routes import ROUTES
from tests.ingress.document import validator
from tests.ingress.fakes import TRADER
from tests.ingress.venue import Venue

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore::DeprecationWarning")]

INSTRUCTIONS = {
    (route.method, route.path): route.endpoint.credentials.instruction
    for route in ROUTES
    if route.endpoint.credentials is not None
}
EXAMPLES_OF_EACH = 8  # per operation


@pytest.fixture(scope="session")
def document(pair: Venue) -> Iterator[Any]:
    address = f"http://127.0.0.1:{pair.port}"
    yield schemathesis.openapi.from_url(f"{address}/openapi.json")


class Signed(requests.auth.AuthBase):
    """Signs whatever is about to be sent as its route wants it."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        address = urlsplit(str(request.url))
        instruction = INSTRUCTIONS.get((str(request.method), address.path))
        if instruction:
            stamp = str(time.time_ns() // 1_000_000)
            pairs = _pairs(request, address.query)
            text = signing.batch_signing_text(instruction, pairs, stamp, "5000")
            request.headers |= {
                "X-API-Key": base64.b64encode(bytes(TRADER.verify_key)).decode(),
                "X-Timestamp": stamp,
                "X-Window": "5000",
                "X-Signature": base64.b64encode(TRADER.sign(text).signature).decode(),
            }
        return request


def _pairs(request: requests.PreparedRequest, query: str) -> list[Pairs]:
    """What is to be signed; of what is no request at all, anything."""
    try:
        if request.method == "GET":
            return [parse_query(query.encode())]
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        value = parse_body(body)
    except ApiError:
        return [[]]
    items = value if isinstance(value, list) else [value]
    return [signed_pairs(item) for item in items if isinstance(item, dict)]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_the_server_keeps_the_document(document: Any, route: Route) -> None:
    @settings(
        max_examples=EXAMPLES_OF_EACH,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=document[route.path][route.method].as_strategy())
    def keeps(case: schemathesis.Case) -> None:
        case.call_and_validate(
            auth=Signed(),
            checks=[not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance],
        )

    keeps()


def test_every_type_has_an_example_that_is_valid() -> None:
    assert set(EXAMPLES) == set(openapi.COMPONENTS)
    for name, example in EXAMPLES.items():
        validator(openapi.COMPONENTS[name]).validate(example)
