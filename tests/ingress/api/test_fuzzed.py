"""The served OpenAPI document and the real server say the same: requests made from it, to every route (fuzz.py)."""

from collections.abc import Iterator

import pytest

from ingress.api.route import Route
from ingress.api.routes import ROUTES
from tests.ingress.fuzz import Fuzzer, fuzzed_exchange

pytestmark = pytest.mark.timeout(300)  # an empty kernel cache has to be filled
EXAMPLES = 12  # of each route; `make soak` sends 500


@pytest.fixture(scope="module")
def fuzzer() -> Iterator[Fuzzer]:
    with fuzzed_exchange() as opened:
        yield opened


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_answers_are_those_of_the_document(fuzzer: Fuzzer, route: Route) -> None:
    fuzzer.run(route, EXAMPLES)
