"""Holds answers against the OpenAPI document: status, type, and body, for whatever a test happens to ask."""

from functools import cache
from typing import Any

import jsonschema_rs

from ingress.api import openapi
from ingress.api.routes import ROUTES

_ROUTES = {(route.method, route.path): route for route in ROUTES}


def misfit(method: str, path: str, status: int, content_type: str, body: Any) -> str:
    """What of an answer the document does not say; empty if all is as it says, or the route is none of the API's."""
    route = _ROUTES.get((method, path))
    if route is None:
        return ""
    response = openapi.describe(route)["responses"].get(str(status))
    if response is None:
        return f"{method} {path}: status {status} is not documented"
    kind = content_type.partition(";")[0]
    if kind not in response["content"]:
        return f"{method} {path}: {kind} is not documented for {status}"
    if kind != "application/json":
        return ""
    try:
        _validator(method, path, status).validate(body)
    except jsonschema_rs.ValidationError as error:
        return f"{method} {path}: {status} does not fit its schema: {error}"
    return ""


@cache
def _validator(method: str, path: str, status: int) -> Any:
    response = openapi.describe(_ROUTES[method, path])["responses"][str(status)]
    return validator(response["content"]["application/json"]["schema"])


def validator(schema: dict[str, Any]) -> Any:
    return jsonschema_rs.Draft202012Validator({**schema, "components": {"schemas": openapi.COMPONENTS}})
