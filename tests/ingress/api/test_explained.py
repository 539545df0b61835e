"""What /docs explains comes from the code: every error and reason, every limit that is configured."""

from dataclasses import fields
from pathlib import Path

from engine_core.config.edge_limits import RateLimits
from engine_core.edge.refusals import Code
from ingress.api import openapi
from ingress.api.explained import explained
from ingress.api.route import EMPTY
from ingress.api.routes import ROUTES
from ingress.errors import REASONS
from tests.ingress.fakes import config

LIMITS = RateLimits(*range(1, 10))


def test_every_code_is_there_with_its_status_and_every_reason_of_the_engine() -> None:
    statuses = explained(config(Path("/nowhere"))).errors
    listed = {code.code: status.status for status in statuses for code in status.codes}
    assert listed == {code: code.status for code in Code}
    reasons = {reason for status in statuses for code in status.codes for reason in code.reasons}
    assert reasons == {refusal.message for refusal in REASONS.values()}
    assert all(status.description for status in statuses)


def test_every_limit_of_the_configuration_is_there() -> None:
    limits = explained(config(Path("/nowhere"), rate_limits=LIMITS)).limits
    values = {value for limit in limits for value in (limit.tokens, limit.burst)}
    assert values == {getattr(LIMITS, field.name) for field in fields(LIMITS)}
    assert explained(config(Path("/nowhere"))).limits == [], "nothing is limited"


def test_what_is_always_empty_has_a_section_of_its_own() -> None:
    tags = {route.path: route.tag for route in ROUTES}
    assert {tag for path, tag in tags.items() if "borrow" in path or "collateral" in path or "rfq" in path} == {EMPTY}
    empty = [route for route in ROUTES if route.tag == EMPTY]
    assert all(route.summary.startswith("Always") for route in empty) and len(empty) == sum(
        route.summary.startswith("Always") for route in ROUTES
    )
    assert openapi.describe(empty[0])["responses"]["200"]
