"""Reads what a client sent (a JSON body or a query string) without losing a character that it may have signed.

Numbers stay the literal text that arrived, duplicate names are refused, and the values are typed just far enough to be
signed and validated: str, Number (literal text), bool, None, list, dict. Non-goals: what the members mean (fields.py).
"""

import codecs
import json
import re
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

from engine_core.edge.signing import Value as SignedValue
from ingress.errors import bad_request

MAX_DEPTH = 8  # no request needs more than 3; deeper nesting is an attack on the parser's stack
MAX_ITEMS = 1000  # members of one object
MAX_QUERY_PAIRS = 64


class Number(str):
    """The literal text of a JSON number."""

    __slots__ = ()


Member: TypeAlias = "str | Number | bool | list[Any] | dict[str, Any] | None"
Members: TypeAlias = dict[str, Member]


def _no_duplicates(pairs: list[tuple[str, Member]]) -> Members:
    if len(pairs) > MAX_ITEMS:
        raise bad_request(f"More than {MAX_ITEMS} members")
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        name = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise bad_request(f"Duplicate member {name[:40]!r}")
    return members


def _no_constant(text: str) -> Number:
    raise bad_request(f"{text} is not a JSON number")


_decode = json.JSONDecoder(
    object_pairs_hook=_no_duplicates, parse_int=Number, parse_float=Number, parse_constant=_no_constant
).decode
# A string that does not end is taken up to the end: looked at again from each of its quotes, it would cost the square.
_NESTING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse_body(body: bytes) -> Member:
    """The JSON value of a body, or a 400 that says what is wrong with it."""
    if not body:
        raise bad_request("Request body is missing: expected JSON")
    if body.startswith(codecs.BOM_UTF8):
        raise bad_request("Request body begins with a byte order mark: send the JSON without one")
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(body)
    try:
        value: Member = _decode(body.decode())
        if b"\\u" in body:
            _check_text(value)
    except UnicodeError:
        raise bad_request("Request body is not valid UTF-8") from None
    except ValueError as error:
        raise bad_request(f"Malformed JSON: {error}"[:200]) from None
    return value


def _check_depth(body: bytes) -> None:
    depth = 0
    for match in _NESTING.finditer(body):
        token = match[0]
        if token in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise bad_request(f"JSON is nested more than {MAX_DEPTH} levels deep")
        elif token in (b"]", b"}"):
            depth -= 1


def _check_text(value: Member) -> None:
    """A lone surrogate escape parses, but is not text: it could be neither signed nor echoed."""
    json.dumps(value, ensure_ascii=False).encode()


def parse_object(body: bytes) -> Members:
    value = parse_body(body)
    if not isinstance(value, dict):
        raise bad_request("Request body must be a JSON object")
    return value


def parse_objects(body: bytes) -> list[Members]:
    value = parse_body(body)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise bad_request("Request body must be a JSON array of objects")
    return value


def signed_pairs(members: Members) -> list[tuple[str, SignedValue]]:
    return [(name, value if isinstance(value, str) else _signed(value)) for name, value in members.items()]


def _signed(value: Member) -> SignedValue:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return compact_json(value)


def compact_json(value: Member) -> str:
    """A nested value as JSON text without spaces, numbers as they were written: how arrays in a body are signed."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(compact_json, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{compact_json(name)}:{compact_json(item)}" for name, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def parse_query(query: bytes) -> list[tuple[str, str]]:
    """The pairs of a query string, decoded, in their order, repeated names kept; `+` and `%20` are both a space."""
    if not query:
        return []
    pairs = []
    for part in query.split(b"&", MAX_QUERY_PAIRS):
        if not part:
            continue
        try:
            name, _, value = part.decode().partition("=")
            pairs.append((unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")))
        except UnicodeDecodeError:
            raise bad_request("Query string is not percent-encoded UTF-8") from None
    if len(pairs) > MAX_QUERY_PAIRS:
        raise bad_request(f"Query string has more than {MAX_QUERY_PAIRS} parameters")
    return pairs
