"""Reading a body or a query without losing what was signed."""

import json

import pytest

from engine_core.edge.refusals import Code
from ingress.errors import ApiError
from ingress.requests.signed_json import (
    Number,
    compact_json,
    parse_body,
    parse_object,
    parse_objects,
    parse_query,
    signed_pairs,
)


def test_numbers_keep_their_text() -> None:
    members = parse_object(b'{"a":1.50,"b":1e5,"c":-0,"d":123456789012345678901234567890,"e":"7"}')
    assert members == {"a": "1.50", "b": "1e5", "c": "-0", "d": "123456789012345678901234567890", "e": "7"}
    assert [isinstance(value, Number) for value in members.values()] == [True, True, True, True, False]


def test_signed_text_of_each_kind_of_value() -> None:
    pairs = signed_pairs(
        parse_object(b'{"n":null,"t":true,"f":false,"s":"x y","d":1.0,"l":[1, "a\\u00e9",null],"o":{"k": 1.10}}')
    )
    assert pairs == [
        ("n", None),
        ("t", "true"),
        ("f", "false"),
        ("s", "x y"),
        ("d", "1.0"),
        ("l", '[1,"aé",null]'),
        ("o", '{"k":1.10}'),
    ]


def test_compact_json_is_json() -> None:
    value = parse_body(b'{"a": [1, 2.50, "q\\"", true, null, {"b": []}]}')
    assert json.loads(compact_json(value)) == {"a": [1, 2.5, 'q"', True, None, {"b": []}]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "missing"),
        (b"{", "Malformed"),
        (b"{}}", "Malformed"),
        (b'{"a":1,}', "Malformed"),
        (b"{'a':1}", "Malformed"),
        (b'{"a":01}', "Malformed"),
        (b'{"a":.5}', "Malformed"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b'{"a":"\\ud800"}', "UTF-8"),
        (b'{"a":"x\ny"}', "Malformed"),
        (b'\xef\xbb\xbf{"a":1}', "byte order mark"),
        (b'{"a":1,"a":1}', "Duplicate member 'a'"),
        (b'[{"a":1,"b":2,"a":3}]', "Duplicate member 'a'"),
        (b"[" * 60_000, "nested"),
        (b'{"a":' * 60_000, "nested"),
        (b'{"a":' * 9 + b"1" + b"}" * 9, "nested"),
        (b"{" + b",".join(b'"%d":1' % n for n in range(1001)) + b"}", "1000 members"),
    ],
)
def test_what_is_not_a_body(body: bytes, message: str) -> None:
    with pytest.raises(ApiError) as error:
        parse_body(body)
    assert error.value.code is Code.INVALID_CLIENT_REQUEST
    assert message in error.value.message


def test_brackets_in_strings_are_not_nesting() -> None:
    assert parse_object(b'{"a":"' + b"[" * 100 + b'"}') == {"a": "[" * 100}


@pytest.mark.parametrize("body", [b"1", b'"x"', b"null", b"[]"])
def test_an_object_is_wanted(body: bytes) -> None:
    with pytest.raises(ApiError, match="object"):
        parse_object(body)


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"[[]]", b"[{},null]"])
def test_an_array_of_objects_is_wanted(body: bytes) -> None:
    with pytest.raises(ApiError, match="array of objects"):
        parse_objects(body)


def test_query_pairs_are_decoded_in_order_with_repetitions() -> None:
    assert parse_query(b"b=1&a=x%20y+z&b=2&empty=&novalue") == [
        ("b", "1"),
        ("a", "x y z"),
        ("b", "2"),
        ("empty", ""),
        ("novalue", ""),
    ]
    assert parse_query(b"") == []


@pytest.mark.parametrize("query", [b"a=%ff", b"a=\xff", b"&".join([b"a=1"] * 65)])
def test_what_is_not_a_query(query: bytes) -> None:
    with pytest.raises(ApiError):
        parse_query(query)
