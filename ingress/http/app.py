"""The FastAPI application: every route of the table, its documentation, CORS, and errors in the API's own form."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi_offline import FastAPIOffline
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from engine_core import VERSION
from engine_core.edge.refusals import Code, code_of_status
from ingress.api import asyncapi, bounds, explained, openapi
from ingress.api.routes import ROUTES
from ingress.dispatch import Endpoint, answer_counted
from ingress.errors import ApiError, bad_request
from ingress.fast_path.cycle import HotRoutes
from ingress.http.asgi import EXPOSED_HEADERS, Application, Edge, call_of
from ingress.http.page import WebPage, document_headers
from ingress.messages import Reply, error_reply, json_reply
from ingress.metrics import Metrics
from ingress.service import Service

TITLE = "Exchange"
DESCRIPTION = (
    "How things belong together, [/docs](/docs) explains; the WebSockets are described by the AsyncAPI document at "
    f"[/asyncapi.json](/asyncapi.json).\n\n{bounds.REST}"
)
_PREFLIGHT_SECONDS = 86_400
REFERENCE = "/docs/reference"  # beside the page's own /docs, which explains
_FILES = "/static-offline-docs"  # of Swagger UI
_DOCUMENTATION = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{TITLE}: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{_FILES}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{_FILES}/swagger-ui-bundle.js"></script>
<script src="{REFERENCE}/start.js"></script>
</body>
</html>
""".encode()
_START = b"""const look = matchMedia("(prefers-color-scheme: light)");
const isLight = {light: true, dark: false}[localStorage.getItem("colours")] ?? look.matches;
document.documentElement.classList.toggle("dark-mode", !isLight);
SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true});
"""


def build(service: Service, metrics: Metrics) -> Edge:
    """The whole HTTP application of one ingress process."""
    return edge(service, build_fastapi(service), metrics)


def hot_routes(service: Service, metrics: Metrics) -> HotRoutes:
    endpoints = {(route.method.encode(), route.path.encode()): route.endpoint for route in ROUTES if route.hot}
    return HotRoutes(service, metrics, endpoints)


def edge(service: Service, application: Application, metrics: Metrics) -> Edge:
    hot = {(route.method, route.path): route.endpoint for route in ROUTES if route.hot}
    routes = frozenset((route.method, route.path) for route in ROUTES)
    return Edge(service, hot, routes, WebPage(service.config.page, service.config.ws_port), application, metrics)


def build_fastapi(service: Service) -> FastAPI:
    app: FastAPI = FastAPIOffline(
        docs_url=None, redoc_url=None, title=TITLE, version=VERSION, description=DESCRIPTION, redirect_slashes=False
    )
    for route in ROUTES:
        app.add_api_route(
            route.path,
            _handler(service, route.endpoint),
            methods=[route.method],
            summary=route.summary,
            tags=[route.tag],
            operation_id=f"{route.method.lower()}{route.path.replace('/', '_')}",
            openapi_extra=openapi.describe(route),
        )
    _describe_components(app)
    _serve_asyncapi(app, service)
    _serve_documentation(app, service)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(Exception, _internal_error)
    app.add_middleware(
        _Preflights,
        allow_origins=["*"],
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["*"],
        expose_headers=EXPOSED_HEADERS,
        max_age=_PREFLIGHT_SECONDS,
    )
    return app


class _Preflights(CORSMiddleware):
    """The library's, whose refusals are words alone."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        refused = _response(error_reply(bad_request(bytes(response.body).decode())))
        refused.headers["Vary"] = response.headers.get("Vary", "Origin")
        return refused


def _serve_asyncapi(app: FastAPI, service: Service) -> None:
    """The document of the WebSockets stands beside /openapi.json."""

    async def handle(request: Request) -> Response:
        call = call_of(request.scope, b"", service.config.proxies)
        return _response(json_reply(asyncapi.document(service.config, call)))

    app.add_api_route(asyncapi.DOCUMENT_PATH, handle, methods=["GET"], include_in_schema=False)


def _serve_documentation(app: FastAPI, service: Service) -> None:
    """Swagger UI, under the headers of the page: its script is a file, because none may stand in a document. Beside it
    what the page's /docs explains."""

    async def page(request: Request) -> Response:
        call = call_of(request.scope, b"", service.config.proxies)
        headers = document_headers(call, service.config.ws_port)
        return _response(Reply(200, _DOCUMENTATION, b"text/html; charset=utf-8", headers))

    async def script(request: Request) -> Response:
        return _response(Reply(200, _START, b"text/javascript; charset=utf-8"))

    async def facts(request: Request) -> Response:
        return _response(json_reply(explained.explained(service.config)))

    app.add_api_route(REFERENCE, page, methods=["GET"], include_in_schema=False)
    app.add_api_route(f"{REFERENCE}/start.js", script, methods=["GET"], include_in_schema=False)
    app.add_api_route(explained.PATH, facts, methods=["GET"], include_in_schema=False)


def _handler(service: Service, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        call = call_of(request.scope, await request.body(), service.config.proxies)
        return _response(await answer_counted(service, endpoint, call))

    return handle


def _response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status, {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
    response.headers["Content-Type"] = reply.content_type.decode()
    for name, value in reply.headers:
        response.headers[name.decode()] = value.decode()
    return response


def _describe_components(app: FastAPI) -> None:
    """FastAPI knows the routes; the types of bodies and answers are ours."""
    generate = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            components = document.setdefault("components", {})
            components.setdefault("schemas", {}).update(openapi.COMPONENTS)
            components["securitySchemes"] = openapi.SECURITY_SCHEMES
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = code_of_status(error.status_code)
    message = "Not Found" if error.status_code == 404 else HTTPStatus(error.status_code).phrase
    response = _response(error_reply(ApiError(code, message)))
    response.status_code = error.status_code
    response.headers.update(error.headers or {})
    if response.headers.get("Allow") == "GET":
        response.headers["Allow"] = "GET, HEAD"  # asgi.py makes the one of the other
    return response


async def _validation_error(request: Request, error: Exception) -> Response:
    return _response(error_reply(bad_request(f"Invalid request: {error}"[:200])))


async def _internal_error(request: Request, error: Exception) -> Response:
    return _response(error_reply(ApiError(Code.SERVER_ERROR, "Internal error")))
