"""One request and one answer, free of any framework: what every operation of the API takes and gives.

The bare ASGI function, the FastAPI routes and (later) order entry over WebSocket all speak these two.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from engine_core.config.addresses import FORWARDED_FOR, FORWARDED_PROTO, Origin, TrustedProxies
from ingress.errors import ApiError

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"
ORDER_ENTRY = "/ws/orders"  # the one path of this process that is a WebSocket

NOWHERE = Origin("")
_FORWARDED_FOR, _FORWARDED_PROTO = FORWARDED_FOR.encode(), FORWARDED_PROTO.encode()

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True)
class Call:
    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]  # names in lower case; of a repeated header the last one
    body: bytes
    origin: Origin = NOWHERE
    allowance: Headers = ()  # what the client may still ask, for the answer; set once it is counted

    @property
    def peer(self) -> str:
        """The client's address, "" when unknown."""
        return self.origin.address

    def size(self) -> int:
        """Bytes that may have to be looked at. (Names of headers are left out: they are few, see http/protocol.py.)"""
        return len(self.body) + len(self.query) + len(self.path) + sum(map(len, self.headers.values()))


def origin_of(proxies: TrustedProxies, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> Origin:
    """Where a request came from that a peer sent with these headers, names in lower case."""
    if not proxies.trusts(peer):
        return Origin(peer)
    said: dict[bytes, list[str]] = {_FORWARDED_FOR: [], _FORWARDED_PROTO: []}
    for name, value in headers:
        if name in said:
            said[name].append(value.decode("latin-1"))
    return proxies.origin(peer, said[_FORWARDED_FOR], said[_FORWARDED_PROTO])


class Reply(NamedTuple):
    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()

    def also(self, headers: Headers) -> "Reply":
        """The same with more headers."""
        return self._replace(headers=self.headers + headers) if headers else self


class _ErrorBody(msgspec.Struct):
    code: str
    message: str


encode_json = msgspec.json.Encoder().encode


def json_reply(value: object, headers: Headers = ()) -> Reply:
    return Reply(200, encode_json(value), JSON, headers)


def text_reply(text: str) -> Reply:
    return Reply(200, text.encode(), TEXT)


def error_reply(error: ApiError) -> Reply:
    body = encode_json(_ErrorBody(error.code.value, error.message))
    return Reply(error.code.status, body, JSON, error.headers)


@dataclass(frozen=True, slots=True)
class Pagination:
    """A slice of a list that is served in pages."""

    limit: int
    offset: int
    total: int = field(default=0)

    def headers(self) -> Headers:
        pages = -(-self.total // self.limit) if self.limit else 0
        values = {
            b"X-PAGE-COUNT": pages,
            b"X-CURRENT-PAGE": self.offset // self.limit + 1 if self.limit else 1,
            b"X-PAGE-SIZE": self.limit,
            b"X-TOTAL": self.total,
        }
        return tuple((name, str(value).encode()) for name, value in values.items())
