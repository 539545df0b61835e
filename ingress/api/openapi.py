"""The OpenAPI 3.1 document, made from the route table and the types of bodies and answers."""

from typing import Any

from ingress.api import json_schema
from ingress.api.route import Param, Route
from ingress.api.routes import ROUTES
from ingress.schemas.answers import Error
from ingress.schemas.example import EXAMPLES

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
_SESSION: list[dict[str, list[str]]] = [{"session": []}]
_SIGNED: list[dict[str, list[str]]] = [{name: [] for name in _KEY_SCHEMES}, {"session": []}]


def _types() -> list[Any]:
    types: list[Any] = [Error]
    for route in ROUTES:
        types += [kind for kind in (route.answer, route.body) if kind is not None]
    return types


_SCHEMAS, COMPONENTS = json_schema.components(_types(), _REF)
_SCHEMA_OF = {repr(kind): schema for kind, schema in zip(_types(), _SCHEMAS, strict=True)}


def schema_of(kind: Any) -> dict[str, Any]:
    return _SCHEMA_OF[repr(kind)]


def describe(route: Route) -> dict[str, Any]:
    """The operation object of a route."""
    credentials = route.endpoint.credentials
    success: dict[str, Any] = {"description": "Success", "content": _content(route.answer), "headers": _LIMIT_HEADERS}
    if any(param.name == "offset" for param in route.params):
        success["headers"] = _LIMIT_HEADERS | _PAGE_HEADERS
    operation: dict[str, Any] = {
        "parameters": [_parameter(param) for param in route.params],
        "responses": {"200": success} | {str(status): _ERRORS[status] for status in _statuses(route)},
    }
    if credentials and credentials.instruction:
        operation["description"] = f"Signed with instruction `{credentials.instruction}`."
        operation["security"] = _SIGNED
    elif credentials:
        operation["description"] = "With the session of the page only; changes need the header X-CSRF-Token."
        operation["security"] = _SESSION
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.body)}
    return operation


def _statuses(route: Route) -> list[int]:
    """The errors that a route can give."""
    statuses = [*_OF_ALL]
    if route.endpoint.credentials or route.tag == "Session":
        statuses += (401, 403)
    if route.endpoint.credentials:
        statuses.append(404)
    if route.method != "GET":
        statuses += (413, 415, 501, 504)
        if route.endpoint.credentials and route.endpoint.credentials.instruction:
            statuses.append(409)
    return sorted(statuses)


def _parameter(param: Param) -> dict[str, Any]:
    schema = {name: value for name, value in param.schema.items() if value is not None}
    return {"name": param.name, "in": "query", "required": param.required, "schema": schema}


def _content(kind: Any) -> dict[str, Any]:
    if kind is None:
        return {"text/plain": {"schema": {"type": "string"}}}
    return {"application/json": {"schema": schema_of(kind)}}


def _add_examples(components: dict[str, Any]) -> None:
    for name, component in components.items():
        if name in EXAMPLES:
            component["examples"] = [EXAMPLES[name]]


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "integer"}}


_LIMIT_HEADERS = {
    "X-RateLimit-Limit": _header("Size of the bucket; without limits (profile `bare`) this header is absent"),
    "X-RateLimit-Remaining": _header("Requests left in it"),
    "X-RateLimit-Reset": _header("Seconds until it is full again"),
}
_PAGE_HEADERS = {
    "X-PAGE-COUNT": _header("Pages of this size"),
    "X-CURRENT-PAGE": _header("Number of this page, from 1"),
    "X-PAGE-SIZE": _header("Rows of a page"),
    "X-TOTAL": _header("Rows of all pages"),
}
_RETRY = {"Retry-After": _header("Seconds to wait")}
_OF_ALL = (400, 429, 431, 500, 503)
DESCRIPTIONS = {
    400: "The request was refused; nothing changed",
    401: "Unknown or missing credentials, or a wrong signature",
    403: "These credentials do not permit this, or the account is frozen",
    404: "Not found, or not yours",
    405: "Not by this method: the Allow header says which there are",
    409: "The same signed request was already received: use another timestamp, or a clientId (of every order of a "
    "batch), with which a repeat gives what exists",
    413: "The body is too large",
    415: "The body is compressed, or not UTF-8",
    426: "This address is a WebSocket",
    429: "Too many requests, or more than the exchange can take now",
    431: "The head of the request is too large",
    500: "A fault of the exchange",
    501: "Not supported",
    503: "The market is halted, or the exchange cannot answer now",
    504: "The outcome is unknown: look the order up, or repeat the request with the same clientId",
}
_ERRORS = {
    status: {"description": text, "content": _content(Error), "headers": _LIMIT_HEADERS}
    for status, text in DESCRIPTIONS.items()
}
_ERRORS[429]["headers"] = _LIMIT_HEADERS | _RETRY
_add_examples(COMPONENTS)
