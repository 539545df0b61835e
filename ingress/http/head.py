"""What is refused by the head of a request alone, on every route: what could be understood in two ways, and what is not
spoken here (RFC 9110, RFC 9112).

The parser has looked at the form already: at names and values, at lengths that contradict each other, at line ends.
Non-goals: the meaning of credentials, and what a route takes.
"""

import re
from typing import Final, NamedTuple

from engine_core.edge.refusals import Code
from ingress.errors import ApiError, bad_request

RawHeaders = list[tuple[bytes, bytes]]
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_ABSOLUTE: Final = re.compile(rb"(?i:https?)://([^/?#]+)([/?][^#]*)?")
_CHARSET: Final = re.compile(rb";\s*charset\s*=\s*\"?([^\s;\"]*)", re.IGNORECASE)
_OURS: Final = (b"utf-8", b"utf8", b"us-ascii")
_ONCE: Final = frozenset(
    (
        *(b"host", b"content-length", b"transfer-encoding", b"content-encoding", b"content-type"),
        *(b"x-api-key", b"x-signature", b"x-timestamp", b"x-window"),
    )
)
_NO_CODING: Final = ((b"Accept-Encoding", b"identity"),)
_CODING: Final = "Content-Encoding is not supported: send the body as it is"
_NOT_UTF_8: Final = "Charset of Content-Type is not supported: bodies are UTF-8"


class Head(NamedTuple):
    target: bytes  # path and query
    headers: dict[bytes, bytes]  # names in lower case; of a repeated header the last one


def read(method: bytes, target: bytes, version: str, headers: RawHeaders) -> Head:
    """The head, or its refusal (ApiError)."""
    if version not in ("1.1", "1.0"):
        raise bad_request(f"HTTP/{version} is not spoken here: use HTTP/1.1")
    if method == b"CONNECT":
        raise ApiError(Code.METHOD_NOT_ALLOWED, "This is not a proxy")
    by_name = dict(headers)
    if len(by_name) != len(headers):
        _check_repeated(headers)
    host = by_name.get(b"host")
    if host is None and version == "1.1":
        raise bad_request("Header host is missing")
    if host is not None and not _HOST.fullmatch(host):
        raise bad_request("Header host is not a host name with or without a port")
    if b"transfer-encoding" in by_name:
        _check_transfer(version, by_name)
    if by_name.get(b"content-encoding", b"identity").lower() != b"identity":
        raise ApiError(Code.UNSUPPORTED_MEDIA_TYPE, _CODING, _NO_CODING)
    if (charset := _CHARSET.search(by_name.get(b"content-type", b""))) and charset[1].lower() not in _OURS:
        raise ApiError(Code.UNSUPPORTED_MEDIA_TYPE, _NOT_UTF_8)
    if target[:1] != b"/" or b"#" in target:
        target = _path_of(method, target, host)
    return Head(target, by_name)


def _check_repeated(headers: RawHeaders) -> None:
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and name in _ONCE:
            raise bad_request(f"Header {name.decode()} is given more than once")
        seen.add(name)


def _check_transfer(version: str, headers: dict[bytes, bytes]) -> None:
    if version == "1.0" or b"content-length" in headers:
        raise bad_request("Transfer-Encoding is for HTTP/1.1, and without Content-Length")
    if headers[b"transfer-encoding"].lower() != b"chunked":
        raise ApiError(Code.NOT_IMPLEMENTED, "Transfer-Encoding must be chunked, and nothing else")


def _path_of(method: bytes, target: bytes, host: bytes | None) -> bytes:
    """Of a target in one of its rarer forms."""
    if method == b"OPTIONS" and target == b"*":
        return b"/"
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise bad_request("Request target is neither a path nor an http address")
    if host is not None and absolute[1].lower() != host.lower():
        raise bad_request("Request target and header host name different hosts")
    path: bytes = absolute[2] or b"/"
    return path if path[:1] == b"/" else b"/" + path
