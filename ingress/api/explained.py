"""What /docs explains and only the code knows: errors, rate limits, and a worked example of a signature.

The page draws it beside docs/api.md and the OpenAPI and AsyncAPI documents, so that none of it is written twice. The
example is made when it is asked for, by the code that verifies: sent as it stands, with its key registered for an
account, it places an order. Non-goals: prose.
"""

import base64
import json
import time
from typing import Any, Final

import msgspec
from nacl.signing import SigningKey

from engine_core.config.edge_limits import RateLimits
from engine_core.edge.refusals import Code
from engine_core.edge.signing import MAX_WINDOW_MS, signing_text
from ingress.access import rate_limits
from ingress.api import bounds, openapi
from ingress.api.route import EMPTY, ORDER
from ingress.api.routes import ROUTES
from ingress.config import IngressConfig
from ingress.errors import REASONS

PATH: Final = "/docs/explained.json"
SEED: Final = bytes(range(32))  # everybody knows it: never a key of anybody's
_INSTRUCTION: Final = next(
    route.endpoint.credentials.instruction
    for route in ROUTES
    if (route.method, route.path) == ("POST", ORDER) and route.endpoint.credentials
)
_ORDER: Final = {"symbol": "SOL_USDC", "side": "Bid", "orderType": "Limit", "price": "100.00", "quantity": "1.50"}


class Header(msgspec.Struct):
    name: str
    value: str


class Example(msgspec.Struct):
    """One signed request; `text` is what is signed, `hex` its bytes."""

    method: str
    path: str
    instruction: str
    seed: str
    text: str
    hex: str
    signature: str
    headers: list[Header]
    body: str


class ErrorCode(msgspec.Struct):
    code: str
    reasons: list[str]  # messages of the matching engine that come with it


class Status(msgspec.Struct):
    status: int
    description: str
    codes: list[ErrorCode]


class Limit(msgspec.Struct):
    """A token bucket."""

    of: str
    each: str  # whose bucket it is
    tokens: int
    seconds: int  # in which so many come back
    burst: int


class Explained(msgspec.Struct):
    example: Example
    errors: list[Status]
    limits: list[Limit]  # empty: nothing is limited
    costs: list[str]
    bounds: dict[str, str]
    empty: str  # the tag of what is always empty


def explained(config: IngressConfig) -> Explained:
    return Explained(
        example=example_at(time.time_ns() // 1_000_000),
        errors=_errors(),
        limits=_limits(config.rate_limits),
        costs=_COSTS,
        bounds={"rest": bounds.REST, "streams": bounds.STREAMS, "orders": bounds.ORDERS},
        empty=EMPTY,
    )


def example_at(now_ms: int) -> Example:
    key, timestamp, window = SigningKey(SEED), str(now_ms), str(MAX_WINDOW_MS)
    text = signing_text(_INSTRUCTION, list(_ORDER.items()), timestamp, window)
    signature = _base64(key.sign(text).signature)
    values = {
        **{"Content-Type": "application/json", "X-API-Key": _base64(bytes(key.verify_key))},
        **{"X-Timestamp": timestamp, "X-Window": window, "X-Signature": signature},
    }
    headers = [Header(name, value) for name, value in values.items()]
    body = json.dumps(_ORDER)
    return Example("POST", ORDER, _INSTRUCTION, _base64(SEED), text.decode(), text.hex(" "), signature, headers, body)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _errors() -> list[Status]:
    """All codes by their status, each with the reasons of the engine that end in it."""
    reasons: dict[Code, list[str]] = {code: [] for code in Code}
    for refusal in REASONS.values():
        reasons[refusal.code].append(refusal.message)
    statuses: dict[int, list[Code]] = {}
    for code in Code:
        statuses.setdefault(code.status, []).append(code)
    descriptions: dict[int, Any] = openapi.DESCRIPTIONS
    return [
        Status(status, descriptions.get(status, ""), [ErrorCode(code, reasons[code]) for code in codes])
        for status, codes in sorted(statuses.items())
    ]


_PER_ADDRESS, _PER_ACCOUNT = "address", "account"
_COSTS: Final = [
    f"A request that goes through the framework counts as {rate_limits.LONG_WAY}; an order or a cancel as one.",
    f"Each {rate_limits.BYTES_OF_A_REQUEST} bytes after the first {rate_limits.FREE_BYTES:,} count as one more.",
    f"A new connection counts as {rate_limits.CONNECTION}, becoming a WebSocket as {rate_limits.HANDSHAKE}.",
    "A batch takes one token of orders, or of cancels, for each order that it is about.",
]


def _limits(limits: RateLimits) -> list[Limit]:
    rows = [
        Limit("requests of all kinds", _PER_ADDRESS, limits.requests_per_second, 1, limits.requests_burst),
        Limit("orders and amends", _PER_ACCOUNT, limits.orders_per_second, 1, limits.orders_burst),
        Limit("cancels", _PER_ACCOUNT, limits.cancels_per_second, 1, limits.cancels_burst),
        Limit("reads", "account or, without a key, address", limits.reads_per_second, 1, limits.reads_burst),
        Limit("sign-ups and failed log-ins", _PER_ADDRESS, limits.logins_per_minute, 60, limits.logins_per_minute),
    ]
    return [row for row in rows if row.tokens]
