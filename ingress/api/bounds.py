"""The bounds that clients meet, in the words of both documents: /openapi.json and /asyncapi.json.

Those of the streams belong to egress, which ingress does not import; a test holds them equal to its limits.
"""

from typing import Final

from engine_core.wire.limits import MAX_CLIENT_ID
from ingress.access.rate_limits import CONNECTION
from ingress.http.asgi import MAX_BODY
from ingress.http.protocol import MAX_HEAD, MAX_HEADERS
from ingress.operations.orders import MAX_CANCEL_BATCH
from ingress.order_entry.session import MAX_ID
from ingress.order_entry.socket import MAX_IN_FLIGHT, MAX_MESSAGE, PING_SECONDS
from ingress.requests import signed_json
from ingress.schemas.bodies import MAX_BATCH

STREAM_BOUNDS: Final = {  # see egress/config.py
    "message_bytes": 128 * 1024,
    "streams": 2_048,
    "burst": 1_000,
    "per_second": 50,
    "address_burst": 20_000,
    "address_per_second": 1_000,
    "refused": 100,
    "idle_seconds": 60.0,
    "ping_seconds": 60.0,
    "pong_seconds": 60.0,
}
MAX_STREAM_NAME: Final = 64  # see egress/names.py

REST: Final = (
    f"Bounds: {MAX_BODY:,} bytes of a body, {MAX_HEAD:,} of request line and headers, {MAX_HEADERS} headers; "
    f"{signed_json.MAX_ITEMS:,} members of an object, {signed_json.MAX_DEPTH} levels of nesting, "
    f"{signed_json.MAX_QUERY_PAIRS} query parameters; {MAX_BATCH} orders to place and {MAX_CANCEL_BATCH} to "
    f"cancel in one request; 1,000 rows of a page; client ids up to {MAX_CLIENT_ID:,}. Unknown query parameters are "
    "ignored, unknown members of a body are refused. Requests a second are limited for an account and for an address, "
    f"where a long one counts as several, and a new connection as {CONNECTION}: `X-RateLimit-*` of each response say "
    "what is left, `Retry-After` of a 429 says when to retry. Connections are limited for an address."
)
STREAMS: Final = (
    f"Bounds: {STREAM_BOUNDS['message_bytes']:,} bytes of a frame (more closes with 1009); "
    f"{STREAM_BOUNDS['streams']:,} names held by a connection or named in a frame, of {MAX_STREAM_NAME} characters; "
    f"{STREAM_BOUNDS['burst']:,} units of work at once and {STREAM_BOUNDS['per_second']} a second (a frame is one, and "
    f"so are each 256 bytes and each 16 names of it; a signature is 4), "
    f"{STREAM_BOUNDS['address_burst']:,} and {STREAM_BOUNDS['address_per_second']:,} a "
    f"second for all connections of an address; after {STREAM_BOUNDS['refused']} refusals for that the connection "
    f"ends. Without a stream it ends after {STREAM_BOUNDS['idle_seconds']:.0f} s; a ping comes every "
    f"{STREAM_BOUNDS['ping_seconds']:.0f} s and must be answered within {STREAM_BOUNDS['pong_seconds']:.0f} s. "
    "Connections are limited in total and for an address. A frame's valid names take effect, and one error lists the "
    "others."
)
ORDERS: Final = (
    f"Bounds: {MAX_MESSAGE:,} bytes of a message (more closes with 1009); {MAX_IN_FLIGHT} unanswered messages, past "
    f"which no more are read until some are answered; an `id` of {MAX_ID} characters. A ping comes after "
    f"{PING_SECONDS:.0f} s of silence; without an answer within {PING_SECONDS:.0f} s the connection ends. "
    "Orders and cancels are limited for an account, as on REST, with status 429. Each id is answered once."
)
