"""The OpenAPI 3.1 document, made from the route table and the types of bodies and answers."""

from typing import Any

import msgspec

from ingress.route import Param, Route
from ingress.routes import ROUTES
from ingress.schemas import Error

_REF = "#/components/schemas/{name}"
_KEY_SCHEMES = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "base64 of the public key"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Signature",
        "description": "base64 of the ED25519 signature of instruction, sorted parameters, timestamp and window",
    },
    "timestamp": {"type": "apiKey", "in": "header", "name": "X-Timestamp", "description": "Unix milliseconds"},
}
SECURITY_SCHEMES = _KEY_SCHEMES | {"session": {"type": "apiKey", "in": "cookie", "name": "session"}}
_SIGNED: list[dict[str, list[str]]] = [{name: [] for name in _KEY_SCHEMES}, {"session": []}]


def _types() -> list[Any]:
    types: list[Any] = [Error]
    for route in ROUTES:
        types += [kind for kind in (route.answer, route.body) if kind is not None]
    return types


_SCHEMAS, COMPONENTS = msgspec.json.schema_components(_types(), ref_template=_REF)
_SCHEMA_OF = {repr(kind): schema for kind, schema in zip(_types(), _SCHEMAS, strict=True)}


def schema_of(kind: Any) -> dict[str, Any]:
    return _SCHEMA_OF[repr(kind)]


def describe(route: Route) -> dict[str, Any]:
    """The operation object of a route."""
    credentials = route.endpoint.credentials
    operation: dict[str, Any] = {
        "parameters": [_parameter(param) for param in route.params],
        "responses": {"200": {"description": "Success", "content": _content(route.answer)}, **_ERRORS},
    }
    if credentials:
        operation["description"] = f"Signed with instruction `{credentials.instruction}`."
        operation["security"] = _SIGNED
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.body)}
    return operation


def _parameter(param: Param) -> dict[str, Any]:
    schema = {name: value for name, value in param.schema.items() if value is not None}
    return {"name": param.name, "in": "query", "required": param.required, "schema": schema}


def _content(kind: Any) -> dict[str, Any]:
    if kind is None:
        return {"text/plain": {"schema": {"type": "string"}}}
    return {"application/json": {"schema": schema_of(kind)}}


_ERRORS = {
    "4XX": {"description": "The request was refused; nothing changed", "content": _content(Error)},
    "5XX": {"description": "The exchange could not answer", "content": _content(Error)},
}
